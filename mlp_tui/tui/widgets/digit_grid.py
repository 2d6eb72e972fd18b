"""The test digits in characters, each over what the model takes it for and what it is."""

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message

from ...events import Predictions, Preview
from ..pictures.arrange import Arrangement, arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from .lines import Line, Lines
from .panel import retitle

SIZES = ((18, 9), (14, 7), (10, 5), (8, 4))
"""Cells that a digit may take, width and height; the largest with room for all digits is chosen."""

CAPTION = (2, 0)
"""The cell of a digit where there is no room for pictures: its caption alone."""


class DigitGrid(Lines):
    """A picture and a caption for each example."""

    @dataclass
    class Picked(Message):
        """A digit was clicked: its place among the examples."""

        place: int

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._preview: Preview | None = None
        self._predictions: Predictions | None = None
        self._arrangement = Arrangement(SIZES[-1], 1, 1, 1)
        self._chosen: int | None = None
        self._first = 0  # the first digit on show, where not all have room

    def show(self, preview: Preview | None, predictions: Predictions | None) -> None:
        """Draws the examples, with the predictions where there are any."""
        if preview is not self._preview or predictions is not self._predictions:
            self._preview, self._predictions = preview, predictions
            self.redraw()

    def choose(self, place: int) -> None:
        """Marks the digit at that place, and brings it into view."""
        self._chosen = place
        self.redraw()

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        place = self._arrangement.place(at.x, at.y) if at else None
        if self._preview and place is not None and self._first + place < len(self._preview.labels):
            self.post_message(self.Picked(self._first + place))

    @property
    def columns(self) -> int:
        """How many digits stand in a row."""
        return self._arrangement.columns

    def lines(self, width: int, height: int) -> list[Line]:
        preview = self._preview
        if preview is None:
            retitle(self, title(None, None, 0))
            return []
        count = len(preview.labels)
        arrangement = arrange(width, height, count, SIZES if height > SIZES[-1][1] else (CAPTION,))
        if arrangement != self._arrangement:
            self._arrangement, self._first = arrangement, 0
        cell, columns, rows, gap = arrangement
        if self._chosen is not None:  # brought into view: digit by digit in a single row, else row by row
            step = columns if rows > 1 else 1
            start = self._chosen // step * step
            self._first = min(max(self._first, start + step - columns * rows), start)
        shown = range(self._first, min(self._first + columns * rows, count))
        retitle(self, title(preview, self._predictions, len(shown)))
        blocks = []
        for i in shown:
            image = picture(preview.pixels[i], *cell, self._glyphs, self._colour) if cell[1] else []
            blocks.append([*image, [self._caption(i, preview.labels[i], cell[0])]])
        return side_by_side(blocks, columns, gap)

    def _caption(self, place: int, label: int, width: int) -> Segment:
        prediction = self._predictions.predictions[place] if self._predictions else None
        text, part = caption(prediction, label, width, self._glyphs)
        style = self.get_component_rich_style(part)
        return Segment(text.center(width), style + Style(reverse=True) if place == self._chosen else style)


def title(preview: Preview | None, predictions: Predictions | None, shown: int) -> str:
    """How many of the examples are read right; and how many are on show, where not all are."""
    text = "Test digits"
    if preview is None:
        return text
    count = len(preview.labels)
    if predictions:
        right = sum(a == b for a, b in zip(predictions.predictions, preview.labels, strict=True))
        text += f": {right} of {count} right"
    return text if shown == count else f"{text}, {shown} shown"


def caption(prediction: int | None, label: int, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """What stands under a digit, and the component class for it: muted for a label alone, right or wrong."""
    if prediction is None:
        return f"label {label}" if width > CAPTION[0] else f"{label}", "muted"
    part = "right" if prediction == label else "wrong"
    mark = glyphs.right if part == "right" else glyphs.wrong
    if width == CAPTION[0]:
        return f"{mark}{prediction}", part
    return f"{mark} {prediction}, label {label}" if width >= 12 else f"{mark} {prediction} ({label})", part
