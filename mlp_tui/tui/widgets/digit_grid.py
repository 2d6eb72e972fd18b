"""The test examples in characters, each with what the model takes it for and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message

from ...events import Predictions, Preview
from ...headless.data import DIGITS, MNIST, Data, cut, cut_both, padded
from ..pictures import rows
from ..pictures.arrange import Arrangement, Cell, arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import Glyphs
from ..run_state import RunState
from .lines import Line, Lines

SIZES = ((18, 9), (14, 7), (10, 5), (8, 4))
"""Cells that a digit may take, width and height; the largest with room for all digits is chosen."""

CAPTION, NAMED_CAPTION = (2, 0), (10, 0)
"""The cell of an example where there is no room for pictures: its caption alone, a digit or a name."""


class ExampleGrid(Lines):
    """A picture and a caption for each example; or the rows of a table, one below the other."""

    arrangement = Arrangement(SIZES[-1], 1, 1, 1)
    _preview: Preview | None = None
    _predictions: Predictions | None = None
    _data = MNIST
    _order: Sequence[int] = ()
    _chosen: int | None = None
    _first = 0
    """The first digit on show, where not all have room."""

    def title(self, shown: int) -> str:
        """What stands above so many of the examples."""
        raise NotImplementedError

    def lines(self, width: int, height: int) -> list[Line]:
        if (preview := self._preview) is None:
            self.retitle(self.title(0))
            return []
        count, data = len(preview.labels), self._data
        if data.pictures:
            arrangement = arrange(width, height, count, sizes(data, height))
        else:
            arrangement = Arrangement((width, 0), 1, max(1, height - 1), 0)
        if arrangement != self.arrangement:
            self.arrangement, self._first = arrangement, 0
        cell, columns, rows, gap = arrangement
        if self._chosen is not None:  # brought into view: digit by digit in a single row, else row by row
            step = columns if rows > 1 else 1
            start = self._chosen // step * step
            self._first = min(max(self._first, start + step - arrangement.room), start)
        shown = range(self._first, min(self._first + arrangement.room, count))
        self.retitle(self.title(len(shown)))
        if not data.pictures:
            return self._rows(preview, shown, width)
        blocks = []
        for i in shown:
            pixels = preview.pixels[i]
            image = picture(pixels, *cell, self._glyphs, self._colour, data.picture_shape) if cell[1] else []
            blocks.append([*image, [self._caption(i, preview.labels[i], cell[0])]])
        return side_by_side(blocks, columns, gap)

    def _caption(self, place: int, label: int, width: int) -> Segment:
        text, part = caption(self._prediction(place), label, width, self._glyphs, self._data)
        return Segment(padded(" " * ((width - cell_len(text)) // 2) + text, width), self._style(place, part))

    def _prediction(self, place: int) -> int | None:
        return self._predictions.predictions[place] if self._predictions else None

    def _style(self, place: int, part: str) -> Style:
        style = self.get_component_rich_style(part)
        return style + Style(reverse=True) if place == self._chosen else style

    def _rows(self, preview: Preview, shown: range, width: int) -> list[Line]:
        """A line of heads, and one for each example: prediction, label, and the columns that have room."""
        name = min(self._data.longest, 12, max(5, width // 5))
        room = width - 2 * name - 4
        heads = f"  {padded('read as', name)}  {padded('label', name)}"
        lines = [[self.text(heads + rows.heads(self._data, self._order, room, self._glyphs), "muted")]]
        for i in shown:
            prediction, label = self._prediction(i), preview.labels[i]
            right = prediction == label
            mark = " " if prediction is None else self._glyphs.right if right else self._glyphs.wrong
            names = ["" if label is None else self._data.name(label) for label in (prediction, label)]
            text = f"{mark} " + "  ".join(padded(each, name, self._glyphs.ellipsis) for each in names)
            part = "muted" if prediction is None else "right" if right else "wrong"
            values = rows.values(preview.values[i], self._order, room)
            lines.append([Segment(text, self._style(i, part)), self.text(values)])
        return lines


def sizes(data: Data, height: int) -> Sequence[Cell]:
    """Cells that an example may take in so many lines; names need wider ones than digits."""
    named = data.classes != DIGITS
    if height <= SIZES[-1][1]:
        return [NAMED_CAPTION if named else CAPTION]
    return SIZES[:-1] if named else SIZES


class DigitGrid(ExampleGrid):
    """The test examples on show, one of which may be chosen."""

    @dataclass
    class Picked(Message):
        """A digit was clicked: its place among the examples."""

        place: int

    def show(self, state: RunState) -> None:
        """Draws the examples, with the predictions where there are any."""
        if state.preview is not self._preview or state.predictions is not self._predictions:
            self._preview, self._predictions = state.preview, state.predictions
            self._data, self._order = state.data, state.order
            self.redraw()

    def choose(self, place: int) -> None:
        """Marks the digit at that place, and brings it into view."""
        self._chosen = place
        self.redraw()

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        place = self.arrangement.place(at.x, at.y - (not self._data.pictures)) if at else None
        if self._preview and place is not None and self._first + place < len(self._preview.labels):
            self.post_message(self.Picked(self._first + place))

    def title(self, shown: int) -> str:
        """How many of the examples are read right; and how many are on show, where not all are."""
        text = f"Test {self._data.noun}s"
        if self._preview is None:
            return text
        count = len(self._preview.labels)
        if self._predictions:
            right = sum(a == b for a, b in zip(self._predictions.predictions, self._preview.labels, strict=True))
            text += f": {right} of {count} right"
        return text if shown == count else f"{text}, {shown} shown"


def caption(
    prediction: int | None, label: int, width: int, glyphs: Glyphs, data: Data = MNIST, short: bool = False
) -> tuple[str, str]:
    """What stands under an example, and the component class for it: muted for a label alone, right or wrong.

    In `short` it says the label once where that is the prediction.
    """
    name = data.name(label)
    if prediction is None:
        return cut(f"label {name}" if width >= 6 + data.longest else name, width, glyphs.ellipsis), "muted"
    part = "right" if prediction == label else "wrong"
    mark, read = glyphs.right if part == "right" else glyphs.wrong, data.name(prediction)
    if width == CAPTION[0]:
        return f"{mark}{read}", part
    long, both = f"{mark} {read}, label {name}", f"{mark} {read} ({name})"
    if width >= 12 and cell_len(long) <= width and not short:
        return long, part
    if (part == "right" and (short or data.classes != DIGITS)) or (width < 14 and cell_len(both) > width):
        return cut(f"{mark} {read}", width, glyphs.ellipsis), part
    read, name = cut_both(read, name, width - 5, glyphs.ellipsis)
    return f"{mark} {read} ({name})", part
