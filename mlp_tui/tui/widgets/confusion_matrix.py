"""The confusion matrix: how often each label was read as each digit."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ...headless.confusion import recall
from ..pictures.glyphs import UNICODE, Glyphs

Cell = tuple[int, int]
"""A cell of the confusion matrix: label and prediction."""

HUGE = 150
"""Columns of the tab from which the matrix is drawn wider."""

MARGIN, RECALL = 2, 5
"""The columns that the labels take at the left of the matrix, and the recalls at its right."""

HEADS = 2
"""The lines above the matrix's rows."""

LEVELS = 5
"""The steps of the heat."""


class ConfusionMatrix(Widget):
    """A row for each label, a column for each prediction; the more often a mistake was made, the hotter its cell."""

    DEFAULT_CSS = """
    ConfusionMatrix {
        width: auto; height: 100%; margin-right: 1;
        & > .confusion-matrix--head, & > .confusion-matrix--right { color: $text-muted; }
        & > .confusion-matrix--nothing { color: $text-disabled; }
        & > .confusion-matrix--aim { color: $primary; text-style: bold; }
        & > .confusion-matrix--picked { color: $primary; text-style: bold reverse; }
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
        f"confusion-matrix--{part}"
        for part in ("head", "right", "nothing", "aim", "picked", *(f"heat-{level + 1}" for level in range(LEVELS)))
    }

    class Picked(Message):
        """A cell was clicked."""

        def __init__(self, cell: Cell) -> None:
            super().__init__()
            self.cell = cell

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._confusion: Sequence[Sequence[int]] = ()
        self._picked: Cell | None = None
        self._strips: list[Strip] = []

    def show(self, confusion: Sequence[Sequence[int]], picked: Cell | None) -> None:
        """Draws the counts, with one cell marked or none."""
        self._confusion = confusion
        self._picked = picked
        self._strips = []
        self.refresh()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return MARGIN + 10 * (5 if container.width >= HUGE else 4) + RECALL

    def on_resize(self) -> None:
        self._strips = []

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        label, prediction = (place.y - HEADS) // self._cell.height, (place.x - MARGIN) // self._cell.width
        if label in range(10) and prediction in range(10):
            self.post_message(self.Picked((label, prediction)))

    def render_line(self, y: int) -> Strip:
        if not self._strips and self._confusion:
            self._strips = self._draw()
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    @property
    def _cell(self) -> Size:
        """How large a cell is drawn."""
        return Size((self.size.width - MARGIN - RECALL) // 10, max(1, min(3, (self.size.height - HEADS - 1) // 10)))

    def _draw(self) -> list[Strip]:
        """All lines: heads, rows, and what is to be said of the cell picked."""
        width, height = self._cell
        if width < 3:
            return []
        _, aimed = self._picked or (None, None)
        words = "rows: label, columns: read as"
        lines = [
            [self._part(words + "recall %".rjust(self.size.width - len(words)), "head")],
            [
                Segment(" " * MARGIN),
                *(self._part(fitted(str(digit), width), "aim" if digit == aimed else "head") for digit in range(10)),
            ],
        ]
        largest = worst(self._confusion)
        for label in range(10):
            lines += self._row(label, width, height, largest)
        if len(lines) + 1 < self.size.height:
            lines.append([])
        lines.append([self._part(describe(self._confusion, self._picked), "" if self._picked else "head")])
        return [Strip(line) for line in lines]

    def _row(self, label: int, width: int, height: int, largest: Cell) -> list[list[Segment]]:
        """A label's row of cells, `height` lines of which one has the numbers."""
        counts = self._confusion[label]
        texts, kinds = [], []
        for prediction, count in enumerate(counts):
            cell = label, prediction
            mark = ">" if cell == self._picked else "!" if cell == largest and count else ""
            texts.append(fitted(f"{mark}{count or self._glyphs.nothing}", width))
            kinds.append(self._kind(cell, self._confusion[largest[0]][largest[1]]))
        share = f"{100 * (recall(self._confusion, label) or 0.0):{RECALL}.1f}"
        head = self._part(str(label).ljust(MARGIN), "aim" if self._picked and self._picked[0] == label else "head")
        numbers = [head, *map(self._part, texts, kinds), Segment(share)]
        space = [Segment(" " * MARGIN), *(self._part(" " * width, kind) for kind in kinds)]
        return [numbers if line == (height - 1) // 2 else space for line in range(height)]

    def _kind(self, cell: Cell, largest: int) -> str:
        """The part of the matrix that a cell is drawn as; the diagonal stays calm."""
        label, prediction = cell
        count = self._confusion[label][prediction]
        if cell == self._picked:
            return "picked"
        if label == prediction:
            return "right"
        if not count:
            return "nothing"
        level = round(LEVELS * count / largest) if self._colour else 0
        return f"heat-{level}" if level else ""

    def _part(self, text: str, kind: str) -> Segment:
        return Segment(text, self.get_component_rich_style(f"confusion-matrix--{kind}") if kind else None)


def worst(confusion: Sequence[Sequence[int]]) -> Cell:
    """The first cell beside the diagonal with the largest count."""
    cells = [(label, digit) for label in range(10) for digit in range(10) if digit != label]
    return max(cells, key=lambda cell: confusion[cell[0]][cell[1]])


def fitted(text: str, width: int) -> str:
    """A count in its cell, its last digit always at the same place; a mark before it gives way first."""
    return text[-width:].rjust(width - 1).ljust(width)


def describe(confusion: Sequence[Sequence[int]], picked: Cell | None) -> str:
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
