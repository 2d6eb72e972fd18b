"""The confusion matrix: how often each label was read as each class."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.events import Click
from textual.geometry import Size
from textual.message import Message

from ...headless.confusion import Matrix, confused_pairs, most_confused, names_and_heads, recall
from ...headless.data import MNIST, Data, cut_both, padded
from .lines import Line, Lines

Pair = tuple[int, int]
"""A cell of the confusion matrix: label and prediction."""

RECALL = 5
"""The columns that the recalls take at the right of the matrix."""

HEADS = 2
"""The lines above the matrix's rows."""

LEVELS = 5
"""The steps of the heat."""


class ConfusionMatrix(Lines):
    """A row for each label, a column for each prediction; the more often a mistake was made, the hotter its cell.

    Where there are more classes than fit, those are on show that are most often confused, or with the one picked.
    """

    DEFAULT_CSS = """
    ConfusionMatrix {
        width: auto; height: 100%; margin-right: 1;
        & > .confusion-matrix--nothing { color: $text-disabled; }
        & > .confusion-matrix--heat-1 { background: #444444; color: #ffffff; }
        & > .confusion-matrix--heat-2 { background: #875f00; color: #ffffff; }
        & > .confusion-matrix--heat-3 { background: #d78700; color: #000000; }
        & > .confusion-matrix--heat-4 { background: #ffaf5f; color: #000000; }
        & > .confusion-matrix--heat-5 { background: #ffd7af; color: #000000; text-style: bold; }
        &:light > .confusion-matrix--heat-1 { background: #ffd7af; color: #000000; }
        &:light > .confusion-matrix--heat-2 { background: #ffaf5f; color: #000000; }
        &:light > .confusion-matrix--heat-3 { background: #d78700; color: #000000; }
        &:light > .confusion-matrix--heat-4 { background: #875f00; color: #ffffff; }
        &:light > .confusion-matrix--heat-5 { background: #5f0000; color: #ffffff; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"confusion-matrix--nothing", *(f"confusion-matrix--heat-{i + 1}" for i in range(LEVELS))}

    @dataclass
    class Picked(Message):
        """A cell was clicked."""

        pair: Pair

    shown: Sequence[int] = ()
    """The classes on show, in their order."""
    _confusion: Matrix = ()
    _data = MNIST
    _picked: Pair | None = None
    _largest: Pair | None = None
    """The cell with the largest count of mistakes."""
    _around: Pair | None = None
    """The cell around which the classes on show were chosen."""
    _most, _name_width = 10, 10
    """The most classes that have room, and the most columns for a label's name."""

    def show(self, confusion: Matrix, picked: Pair | None, data: Data) -> None:
        """Draws the counts, with one cell marked or none."""
        if confusion is not self._confusion:
            self._largest = worst(confusion)
        self._confusion, self._picked, self._data = confusion, picked, data
        if picked is None or not {*picked} <= {*self.shown}:
            self._around = picked
        self.redraw()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        cell, self._name_width = (5, 20) if container.width >= 150 else (4, 10)
        rest = self._margin + RECALL
        least = 24 if self._margin > 2 else 0  # what is left to the gallery where names take room
        wide = max((container.width * 3 // 5 - rest) // cell, min(10, (container.width - least - rest) // cell))
        self._most = max(2, min(wide, max(10, container.height - HEADS - 3)))
        count = min(len(self._confusion), self._most)
        room = min(46, container.width * 3 // 5) - rest  # where the classes are few, the title needs it
        return rest + count * max(cell, min(12, room // max(1, count)))

    @property
    def _margin(self) -> int:
        """The columns that the labels take at the left."""
        return min(self._data.longest, self._name_width) + 1

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset(self)
        if place is None or not self._confusion:
            return
        label, prediction = (place.y - HEADS) // self._cell.height, (place.x - self._margin) // self._cell.width
        if label in range(len(self.shown)) and prediction in range(len(self.shown)):
            self.post_message(self.Picked((self.shown[label], self.shown[prediction])))

    @property
    def _cell(self) -> Size:
        """How large a cell is drawn."""
        width, height, count = *self.size, max(1, len(self.shown))
        return Size((width - self._margin - RECALL) // count, max(1, min(3, (height - HEADS - 1) // count)))

    def lines(self, width: int, height: int) -> list[Line]:
        """Heads, rows, and what is to be said of the cell picked."""
        self.shown = most_confused(self._confusion, self._most, self._around)
        if not self._confusion or self._cell.width < 3:
            return []
        across, down = self._cell
        _, aimed = self._picked or (None, None)
        words = "rows: label, columns: read as"
        if len(self.shown) < len(self._confusion):
            words = f"{len(self.shown)} of {len(self._confusion)} classes, those most confused"
        words = padded(words, width - len("recall % "), self._glyphs.ellipsis) + " recall %"
        names, heads = names_and_heads(self._data, self.shown, across - 1)
        line = [self.text(" " * self._margin)]
        for prediction, head in zip(self.shown, heads, strict=True):
            line.append(self.text(fitted(head, across), "key" if prediction == aimed else "muted"))
        lines = [[self.text(words, "muted")], line]
        for label, name in zip(self.shown, names, strict=True):
            lines += self._row(label, name, across, down)
        lines += [[]] * (len(lines) + 1 < height)
        text = describe(self._confusion, self._picked, self._largest, self._data, width, self._glyphs.ellipsis)
        return [*lines, [self.text(text, "" if self._picked else "muted")]]

    def _row(self, label: int, name: str, width: int, height: int) -> list[Line]:
        """A label's row of cells, `height` lines of which one has the numbers."""
        picked = self._picked and self._picked[0] == label
        head = padded(name, self._margin - 1, self._glyphs.ellipsis) + " "
        numbers = [self.text(head, "key" if picked else "muted")]
        space = [self.text(" " * self._margin)]
        for prediction in self.shown:
            count, pair = self._confusion[label][prediction], (label, prediction)
            part, mark = self._part(pair, count), ">" if pair == self._picked else "!" if pair == self._largest else ""
            numbers.append(self.text(fitted(f"{mark}{count or self._glyphs.nothing}", width), part))
            space.append(self.text(" " * width, part))
        numbers.append(self.text(f"{100 * (recall(self._confusion, label) or 0.0):{RECALL}.1f}"))
        return [numbers if line == (height - 1) // 2 else space for line in range(height)]

    def _part(self, pair: Pair, count: int) -> str:
        """The component class that a cell is drawn in; the diagonal stays calm."""
        if pair == self._picked:
            return "picked"
        if pair[0] == pair[1]:
            return "muted"
        if not count or self._largest is None:
            return "confusion-matrix--nothing"
        label, prediction = self._largest
        level = round(LEVELS * count / self._confusion[label][prediction]) if self._colour else 0
        return f"confusion-matrix--heat-{level}" if level else ""


def worst(confusion: Matrix) -> Pair | None:
    """The first cell beside the diagonal with the largest count; None where all are empty."""
    return next(((label, prediction) for label, prediction, _ in confused_pairs(confusion, 1)), None)


def fitted(text: str, width: int) -> str:
    """A count in its cell, its last digit always at the same place; a mark before it gives way first."""
    return padded(" " * (width - 1 - cell_len(text)) + text[-width:], width, "")


def describe(
    confusion: Matrix, picked: Pair | None, largest: Pair | None, data: Data, width: int, ellipsis: str = "…"
) -> str:
    """The cell picked in words; where none is, the largest mistake. Names are cut to the width."""
    if (pair := picked or largest) is None:
        return f"Every {data.noun} was read right."
    label, prediction = pair
    names = data.name(label), "" if label == prediction else data.name(prediction)
    long, short = "! marks the largest count: {} read as {}", "{} read as {}"
    if picked:
        count, total = confusion[label][prediction], sum(confusion[label])
        end = f"read {'right{}' if label == prediction else 'as {}'}: {count / max(1, total):.1%}"
        short = f"{count} of {total} {{}} {end}"
        long = f"{count} of {total} with label {{}} {'is' if count == 1 else 'are'} {end}"
    if cell_len(text := long.format(*names)) <= width:
        return text
    return short.format(*cut_both(*names, max(6, width - len(short.format("", ""))), ellipsis))
