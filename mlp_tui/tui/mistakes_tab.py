"""What the last test got wrong: the confusion matrix, and the digits behind it."""

import textwrap
from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ..events import Mistakes
from .glyphs import UNICODE, Glyphs
from .panel import panel, retitle
from .pictures import picture
from .run_state import RunState
from .tab import Tab

Cell = tuple[int, int]
"""A cell of the confusion matrix: label and prediction."""

SHOWN = 20
"""The most digits that the gallery shows."""

FEW, FEW_PLAIN = 6, 4
"""How many digits are to be on show where not all have room; without shades a small picture is hard to read."""

SIZES = ((18, 9), (16, 8), (14, 7), (12, 6), (10, 5), (8, 4))
"""Cells that a picture may take, width and height."""

HUGE = 150
"""Columns of the tab from which the matrix is drawn wider."""

MARGIN, RECALL = 2, 5
"""The columns that the labels take at the left of the matrix, and the recalls at its right."""

HEADS = 2
"""The lines above the matrix's rows."""

LEVELS = 5
"""The steps of the heat."""

EMPTY = "The confusion matrix appears after the first test."


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
        recall = f"{100 * counts[label] / max(1, sum(counts)):{RECALL}.1f}"
        head = self._part(str(label).ljust(MARGIN), "aim" if self._picked and self._picked[0] == label else "head")
        numbers = [head, *map(self._part, texts, kinds), Segment(recall)]
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


class MistakeGallery(Widget):
    """Digits that were read wrong, the most confident mistakes first: a picture each, over what it was taken for."""

    DEFAULT_CSS = "MistakeGallery { width: 1fr; height: 100%; }"

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._mistakes: Mistakes | None = None
        self._images: Mapping[int, bytes] = {}
        self._picked: Cell | None = None
        self._pictures: dict[tuple[int, int], list[list[Segment]]] = {}
        """Those on show, by the digit's number and the picture's width."""
        self._strips: list[Strip] = []

    def show(self, mistakes: Mistakes, images: Mapping[int, bytes], picked: Cell | None) -> None:
        """Draws the mistakes of the cell picked, or of all; `images` has the digits' pixels by their numbers."""
        self._mistakes, self._images, self._picked = mistakes, images, picked
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _draw(self) -> None:
        """Makes the pictures that have room, and the lines of them; it keeps those that were on show before."""
        mistakes, (columns_wide, lines_high) = self._mistakes, self.size
        if mistakes is None or not self.size:
            return
        (width, height), columns, rows = arrange(columns_wide, lines_high, FEW if self._colour else FEW_PLAIN)
        cells = enumerate(zip(mistakes.labels, mistakes.predictions, strict=True))
        places = [i for i, cell in cells if self._picked in (None, cell)][: min(SHOWN, columns * rows)]
        drawn, self._pictures = self._pictures, {}
        blocks = []
        for i in places:
            number = mistakes.indices[i]
            lines = drawn.get((number, width)) or picture(
                self._images[number], width, height, self._glyphs, self._colour
            )
            self._pictures[number, width] = lines
            text = caption(mistakes.labels[i], mistakes.predictions[i], mistakes.confidences[i], width)
            blocks.append([*lines, [Segment(text.center(width))]])
        gap = Segment(" " * max(1, min(3, (columns_wide - columns * width) // max(1, columns - 1))))
        airy = rows * (height + 2) <= lines_high + 1
        self._strips = []
        for start in range(0, len(blocks), columns):
            for parts in zip(*blocks[start : start + columns], strict=True):
                self._strips.append(Strip([segment for part in parts for segment in (*part, gap)]))
            self._strips += [Strip([])] * airy
        if not blocks:
            self._strips = [Strip([Segment(line)]) for line in nothing(self._picked, columns_wide)]
        retitle(self, title(mistakes.confusion, self._picked, len(places), columns_wide))
        self.refresh()


class MistakesTab(Tab):
    """The confusion matrix beside the gallery of mistakes, all of them or those of the cell picked."""

    DEFAULT_CSS = """
    MistakesTab {
        layout: horizontal;
        & > .mistakes-tab--empty { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES = {"mistakes-tab--empty"}
    BINDINGS = [
        Binding("left", "move(0, -1)", "Pick", key_display="arrows", tooltip="pick a cell of the confusion matrix"),
        Binding("right", "move(0, 1)", show=False),
        Binding("up", "move(-1, 0)", show=False),
        Binding("down", "move(1, 0)", show=False),
        Binding("escape", "show_all", "All", key_display="esc", tooltip="show the mistakes of all cells again"),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id=id)
        self.matrix = panel(ConfusionMatrix(glyphs, colour), "")
        self.gallery = panel(MistakeGallery(glyphs, colour), "")
        self.matrix.display = self.gallery.display = False
        self._mistakes: Mistakes | None = None
        self.picked: Cell | None = None
        """The cell whose mistakes are on show; none: those of all."""

    def compose(self) -> ComposeResult:
        yield self.matrix
        yield self.gallery

    def show(self, state: RunState) -> None:
        self._state = state
        before, self._mistakes = self._mistakes, state.mistakes
        if self._mistakes is not before:
            self._draw()
        if (self._mistakes is None) != (before is None):
            self.refresh_bindings()

    def render(self) -> Text:
        if self._mistakes:
            return Text()
        return Text(EMPTY, self.get_component_rich_style("mistakes-tab--empty"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "move":
                return self._mistakes is not None
            case "show_all":
                return self.picked is not None
        return True

    def action_move(self, down: int, across: int) -> None:
        """Moves to a cell beside the one picked; from none, to the largest mistake."""
        if self._mistakes is None:
            return
        if self.picked is None:
            self.pick(worst(self._mistakes.confusion))
        else:
            label, prediction = self.picked
            self.pick((max(0, min(9, label + down)), max(0, min(9, prediction + across))))

    def action_show_all(self) -> None:
        self.pick(None)

    def on_confusion_matrix_picked(self, message: ConfusionMatrix.Picked) -> None:
        self.pick(message.cell)

    def pick(self, cell: Cell | None) -> None:
        """Shows the mistakes of that cell; none: of all."""
        if cell == self.picked:
            return
        before, self.picked = self.picked, cell
        self._draw()
        if (cell is None) != (before is None):
            self.refresh_bindings()

    def _draw(self) -> None:
        mistakes = self._mistakes
        self.matrix.display = self.gallery.display = mistakes is not None
        if mistakes:
            self.matrix.show(mistakes.confusion, self.picked)
            self.gallery.show(mistakes, self._state.images, self.picked)
            retitle(self.matrix, errors(self._state.errors))
        self.refresh()


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


def errors(tests: Sequence[tuple[int, int]]) -> str:
    """How many errors the last of these tests found, and how many more or fewer than the one before."""
    *before, (epoch, count) = tests
    text = f"Epoch {epoch}: {count:,} error{'s' * (count != 1)}"
    # A run that goes on from before tells an epoch again.
    if not before or before[0][0] >= epoch:
        return text
    change = count - before[0][1]
    if not change:
        return f"{text}, as many as before"
    return f"{text}, {abs(change):,} {'more' if change > 0 else 'fewer'} than before"


def title(confusion: Sequence[Sequence[int]], picked: Cell | None, shown: int, width: int) -> str:
    """What the gallery shows, and how many of how many, as far as there is room."""
    if picked is None:
        what, total = "Surest mistakes", sum(map(sum, confusion)) - sum(confusion[i][i] for i in range(10))
    else:
        what, total = f"{picked[0]} read as {picked[1]}", confusion[picked[0]][picked[1]]
    many = f"{shown} of {total:,}" if shown else ""
    full = f"{what}: {many}" if shown else what
    return full if len(full) + 4 <= width else many


def nothing(picked: Cell | None, width: int) -> list[str]:
    """Why the gallery is empty, in lines of that width."""
    if picked is None:
        text = "Every digit was read right."
    elif picked[0] == picked[1]:
        text = "These are read right: there is no mistake to show."
    else:
        text = f"No {picked[0]} is read as {picked[1]}."
    return textwrap.wrap(text, max(1, width))


def caption(label: int, prediction: int, confidence: float, width: int) -> str:
    """What stands under a picture, as far as there is room."""
    # Never 100%: a softmax is never quite sure.
    percent = f"{min(99, int(100 * confidence))}%"
    texts = (f"{label} read as {prediction}, {percent}", f"{label} as {prediction}, {percent}")
    shorter = (f"{label} as {prediction} {percent}", f"{label} as {prediction}")
    return next((text for text in (*texts, *shorter) if len(text) <= width), "")


def arrange(width: int, height: int, few: int = FEW) -> tuple[tuple[int, int], int, int]:
    """The pictures' size, how many to a row, and the rows: the largest that has room for all.

    Where none has, the largest with room for a few, or else for two; or else the smallest.
    """
    rooms = [(size, (width + 1) // (size[0] + 1), height // (size[1] + 1)) for size in SIZES]
    size, columns, rows = next(
        (room for wanted in (SHOWN, few, 2) for room in rooms if room[1] * room[2] >= wanted), rooms[-1]
    )
    return size, max(1, min(columns, -(-SHOWN // max(1, rows)))), rows
