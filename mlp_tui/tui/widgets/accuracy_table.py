"""The accuracy table: a row an epoch."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...events import EpochFinished
from ..pictures.glyphs import UNICODE, Glyphs


class AccuracyTable(ScrollView):
    """Train and test loss and accuracy of each epoch; marks show the best one, and where the run was resumed.

    It draws only the rows on show: a DataTable's `add_row` costs the training 18 ms an epoch.
    """

    DEFAULT_CSS = """
    AccuracyTable {
        scrollbar-size: 0 0;
        & > .accuracy-table--head { color: $text-muted; }
        & > .accuracy-table--best { color: $success; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"accuracy-table--head", "accuracy-table--best"}

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._rows: Sequence[EpochFinished] = ()
        self._resumed: set[int] = set()
        self._best = -1

    def show(self, rows: Sequence[EpochFinished], epochs: int, resume_points: Sequence[float]) -> None:
        """Draws the rows, the newest in view. The table is as high from the start as `epochs` rows need."""
        self._rows = rows
        self._resumed = {int(resume_point) + 1 for resume_point in resume_points}
        self._best = max(range(len(rows)), key=lambda i: rows[i].test_accuracy, default=-1)
        self.virtual_size = Size(self.size.width, epochs + 1)
        self.scroll_to(y=max(0, len(rows) + 1 - self.size.height), animate=False, immediate=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, row = self.size.width, self.scroll_offset.y + y - 1
        text, part = "", ""
        if y == 0:
            text, part = head(width, self._rows[-1].split if self._rows else "test"), "accuracy-table--head"
        elif row == self._best:
            text, part = line(self._rows[row], width, self._glyphs.best), "accuracy-table--best"
        elif row < len(self._rows):
            resumed = self._rows[row].epoch in self._resumed
            text = line(self._rows[row], width, self._glyphs.resumed if resumed else " ")
        style = self.get_component_rich_style(part) if part else self.rich_style
        return Strip([Segment(text[:width].ljust(width), style)], width)


def _cell(width: int) -> int:
    """The width of each of the four numbers: the room beside the epoch's, up to twelve columns."""
    return max(7, min(12, (width - 6) // 4))


def head(width: int, split: str = "test") -> str:
    """The column heads for a table of that width."""
    cell = _cell(width)
    other = "valid." if split == "validation" else split
    names = ("train loss", "accuracy", f"{other} loss", "accuracy")
    if cell < len(names[2]) + 1 or cell < 11:
        names = ("train", "acc.", other, "acc.")
    return " epoch" + "".join(name.rjust(cell) for name in names)


def line(row: EpochFinished, width: int, mark: str) -> str:
    """One epoch's row for a table of that width."""
    cell = _cell(width)
    train, test = (f"{100 * share:.2f}"[: cell - 2] + "%" for share in (row.train_accuracy, row.test_accuracy))
    numbers = (f"{row.train_loss:.3f}", train, f"{row.test_loss:.3f}", test)
    return f"{mark}{row.epoch:>5}" + "".join(number.rjust(cell) for number in numbers)
