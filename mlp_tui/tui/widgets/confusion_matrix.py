"""The confusion matrix: how often each label was read as each digit."""

from dataclasses import dataclass

from textual.events import Click
from textual.geometry import Size
from textual.message import Message

from ...headless.confusion import Matrix, recall
from ..pictures.glyphs import UNICODE, Glyphs
from .lines import Line, Lines

Pair = tuple[int, int]
"""A cell of the confusion matrix: label and prediction."""

HUGE = 150
"""Columns of the tab from which the matrix is drawn wider."""

MARGIN, RECALL = 2, 5
"""The columns that the labels take at the left of the matrix, and the recalls at its right."""

HEADS = 2
"""The lines above the matrix's rows."""

LEVELS = 5
"""The steps of the heat."""


class ConfusionMatrix(Lines):
    """A row for each label, a column for each prediction; the more often a mistake was made, the hotter its cell."""

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
    COMPONENT_CLASSES = {
        "confusion-matrix--nothing",
        *(f"confusion-matrix--heat-{level + 1}" for level in range(LEVELS)),
    }

    @dataclass
    class Picked(Message):
        """A cell was clicked."""

        pair: Pair

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._confusion: Matrix = ()
        self._picked: Pair | None = None

    def show(self, confusion: Matrix, picked: Pair | None) -> None:
        """Draws the counts, with one cell marked or none."""
        self._confusion = confusion
        self._picked = picked
        self.redraw()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return MARGIN + len(self._confusion) * (5 if container.width >= HUGE else 4) + RECALL

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset(self)
        if place is None or not self._confusion:
            return
        width, height = self._cell
        label, prediction = (place.y - HEADS) // height, (place.x - MARGIN) // width
        if label in range(len(self._confusion)) and prediction in range(len(self._confusion)):
            self.post_message(self.Picked((label, prediction)))

    @property
    def _cell(self) -> Size:
        """How large a cell is drawn."""
        width, height, count = *self.size, len(self._confusion)
        return Size((width - MARGIN - RECALL) // count, max(1, min(3, (height - HEADS - 1) // count)))

    def lines(self, width: int, height: int) -> list[Line]:
        """Heads, rows, and what is to be said of the cell picked."""
        if not self._confusion or self._cell.width < 3:
            return []
        across, down = self._cell
        _, aimed = self._picked or (None, None)
        words = "rows: label, columns: read as"
        heads = (
            self.text(fitted(str(digit), across), "key" if digit == aimed else "muted")
            for digit in range(len(self._confusion))
        )
        lines = [[self.text(words + "recall %".rjust(width - len(words)), "muted")], [self.text(" " * MARGIN), *heads]]
        largest = worst(self._confusion)
        for label in range(len(self._confusion)):
            lines += self._row(label, across, down, largest)
        if len(lines) + 1 < height:
            lines.append([])
        return [*lines, [self.text(describe(self._confusion, self._picked), "" if self._picked else "muted")]]

    def _row(self, label: int, width: int, height: int, largest: Pair) -> list[Line]:
        """A label's row of cells, `height` lines of which one has the numbers."""
        texts, parts = [], []
        for prediction, count in enumerate(self._confusion[label]):
            pair = label, prediction
            mark = ">" if pair == self._picked else "!" if pair == largest and count else ""
            texts.append(fitted(f"{mark}{count or self._glyphs.nothing}", width))
            parts.append(self._part(pair, self._confusion[largest[0]][largest[1]]))
        share = f"{100 * (recall(self._confusion, label) or 0.0):{RECALL}.1f}"
        head = self.text(str(label).ljust(MARGIN), "key" if self._picked and self._picked[0] == label else "muted")
        numbers = [head, *map(self.text, texts, parts), self.text(share)]
        space = [self.text(" " * MARGIN), *(self.text(" " * width, part) for part in parts)]
        return [numbers if line == (height - 1) // 2 else space for line in range(height)]

    def _part(self, pair: Pair, largest: int) -> str:
        """The component class that a cell is drawn in; the diagonal stays calm."""
        label, prediction = pair
        count = self._confusion[label][prediction]
        if pair == self._picked:
            return "picked"
        if label == prediction:
            return "muted"
        if not count:
            return "confusion-matrix--nothing"
        level = round(LEVELS * count / largest) if self._colour else 0
        return f"confusion-matrix--heat-{level}" if level else ""


def worst(confusion: Matrix) -> Pair:
    """The first cell beside the diagonal with the largest count."""
    digits = range(len(confusion))
    pairs = [(label, digit) for label in digits for digit in digits if digit != label]
    return max(pairs, key=lambda pair: confusion[pair[0]][pair[1]])


def fitted(text: str, width: int) -> str:
    """A count in its cell, its last digit always at the same place; a mark before it gives way first."""
    return text[-width:].rjust(width - 1).ljust(width)


def describe(confusion: Matrix, picked: Pair | None) -> str:
    """The cell picked in words; where none is, the largest mistake."""
    if picked is None:
        label, prediction = worst(confusion)
        if not confusion[label][prediction]:
            return "Every digit was read right."
        return f"! marks the largest count: {label} read as {prediction}"
    label, prediction = picked
    count, total = confusion[label][prediction], sum(confusion[label])
    digits = f"{count} of {total} with label {label} {'is' if count == 1 else 'are'} read"
    return f"{digits} {'right' if label == prediction else f'as {prediction}'}: {count / max(1, total):.1%}"
