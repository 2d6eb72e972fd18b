"""The test digits in characters, each over what the model takes it for and what it is."""

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ...events import Predictions, Preview
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from .panel import retitle

SIZES = ((18, 9), (14, 7), (10, 5), (8, 4))
"""Cells that a digit may take, width and height; the largest with room for all digits is chosen."""

CAPTION = (2, 0)
"""The cell of a digit where there is no room for pictures: its caption alone."""


class DigitGrid(Widget):
    """A picture and a caption for each example. The pictures' strips are made once, the captions' as they change."""

    DEFAULT_CSS = """
    DigitGrid {
        & > .digit-grid--label { color: $text-muted; }
        & > .digit-grid--right { color: $success; }
        & > .digit-grid--wrong { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"digit-grid--label", "digit-grid--right", "digit-grid--wrong"}

    class Picked(Message):
        """A digit was clicked: its place among the examples."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._preview: Preview | None = None
        self._predictions: Predictions | None = None
        self._pictures: list[list[list[Segment]]] = []
        self._captions: list[Segment] = []
        self._cell = SIZES[-1]
        self._columns = 1
        self._gap = 1
        self._chosen: int | None = None
        self._first = 0  # the first digit on show, where not all have room

    def show(self, preview: Preview | None, predictions: Predictions | None) -> None:
        """Draws the examples, with the predictions where there are any."""
        if preview is not self._preview:
            self._preview = preview
            self._lay_out()
        if predictions is not self._predictions:
            self._predictions = predictions
            self._write_captions()

    def choose(self, place: int) -> None:
        """Marks the digit at that place, and brings it into view."""
        self._chosen = place
        self._scroll()
        self._write_captions()

    def on_resize(self) -> None:
        self._lay_out()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._captions = []  # written anew when they are drawn: the styles are not all there yet

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        row, column = at.y // (self._cell[1] + 1), at.x // (self._cell[0] + self._gap)
        place = row * self._columns + column
        if column < self._columns and place < self.shown:
            self.post_message(self.Picked(self._first + place))

    @property
    def columns(self) -> int:
        """How many digits stand in a row."""
        return self._columns

    @property
    def shown(self) -> int:
        """How many of the examples have room."""
        return min(len(self._pictures) - self._first, self._columns * self._rows)

    @property
    def _rows(self) -> int:
        return self.size.height // (self._cell[1] + 1)

    def render_line(self, y: int) -> Strip:
        if self._pictures and not self._captions:
            self._write_captions()
        row, line = divmod(y, self._cell[1] + 1)
        start = row * self._columns
        shown = range(self._first + start, self._first + min(start + self._columns, self.shown))
        if not shown:
            return Strip.blank(self.size.width, self.rich_style)
        gap = Segment(" " * self._gap, self.rich_style)
        segments: list[Segment] = []
        for i in shown:
            segments += [self._captions[i]] if line == self._cell[1] else self._pictures[i][line]
            segments.append(gap)
        return Strip(segments[:-1]).adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _lay_out(self) -> None:
        """Chooses the digits' size and draws their pictures."""
        if self._preview is None or not self.size:
            self._pictures = []
        else:
            count = len(self._preview.pixels)
            width, height = self.size
            fits = height > SIZES[-1][1]
            self._cell, self._columns, self._gap = (
                arrange(width, height, count) if fits else arrange_captions(width, count)
            )
            self._pictures = [
                picture(pixels, *self._cell, self._glyphs, self._colour) if self._cell[1] else []
                for pixels in self._preview.pixels
            ]
        self._captions = []
        self._first = 0
        self._scroll()
        self._write_captions()
        self.refresh()

    def _scroll(self) -> None:
        """Brings the chosen digit into view: digit by digit in a single row, else row by row."""
        if self._chosen is None or not self._pictures:
            return
        step = self._columns if self._rows > 1 else 1
        room = max(1, self._columns * self._rows)
        start = self._chosen // step * step
        first = min(max(self._first, start + step - room), start)
        if first != self._first:
            self._first = first
            self.refresh()

    def _write_captions(self) -> None:
        if not self._pictures or self._preview is None:
            retitle(self, "Test digits")
            return
        width, height = self._cell
        before, self._captions = self._captions, []
        for i, label in enumerate(self._preview.labels):
            prediction = self._predictions.predictions[i] if self._predictions else None
            text, kind = caption(prediction, label, width, self._glyphs)
            style = self.get_component_rich_style(f"digit-grid--{kind}")
            if i == self._chosen:
                style += Style(reverse=True)
            self._captions.append(Segment(text.center(width), style))
            if before and self._captions[i] != before[i]:
                row, column = divmod(i - self._first, self._columns)
                self.refresh(Region(column * (width + self._gap), row * (height + 1) + height, width, 1))
        retitle(self, title(self._preview, self._predictions, self.shown))


def arrange(width: int, height: int, count: int) -> tuple[tuple[int, int], int, int]:
    """The digits' size in cells, how many to a row, and the gap between: the largest size that has room for all.

    Where none has, as many of the smallest as fit.
    """
    for cell in SIZES:
        most = (width + 1) // (cell[0] + 1)
        rows = height // (cell[1] + 1)
        if most * rows >= count:
            columns = next((c for c in range(min(most, count), 0, -1) if count % c == 0 and count <= c * rows), most)
            break
    else:
        columns = max(1, most)
    gap = (width - columns * cell[0]) // (columns - 1) if columns > 1 else 1
    return cell, columns, max(1, min(3, gap))


def arrange_captions(width: int, count: int) -> tuple[tuple[int, int], int, int]:
    """The same where there is no room for a picture."""
    columns = max(1, min(count, (width + 1) // (CAPTION[0] + 1)))
    gap = (width - columns * CAPTION[0]) // (columns - 1) if columns > 1 else 1
    return CAPTION, columns, max(1, min(3, gap))


def title(preview: Preview, predictions: Predictions | None, shown: int) -> str:
    """How many of the examples are read right; and how many are on show, where not all are."""
    text, count = "Test digits", len(preview.labels)
    if predictions:
        right = sum(a == b for a, b in zip(predictions.predictions, preview.labels, strict=True))
        text += f": {right} of {count} right"
    return text if shown == count else f"{text}, {shown} shown"


def caption(prediction: int | None, label: int, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """What stands under a digit, and which kind of caption it is: label, right or wrong."""
    if prediction is None:
        return f"label {label}" if width > CAPTION[0] else f"{label}", "label"
    kind = "right" if prediction == label else "wrong"
    mark = glyphs.right if kind == "right" else glyphs.wrong
    if width == CAPTION[0]:
        return f"{mark}{prediction}", kind
    return f"{mark} {prediction}, label {label}" if width >= 12 else f"{mark} {prediction} ({label})", kind
