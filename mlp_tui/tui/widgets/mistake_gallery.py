"""Digits that were read wrong, in a gallery."""

import textwrap
from collections.abc import Mapping, Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from ...events import Mistakes
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from .confusion_matrix import Cell
from .panel import retitle

SHOWN = 20
"""The most digits that the gallery shows."""

FEW, FEW_PLAIN = 6, 4
"""How many digits are to be on show where not all have room; without shades a small picture is hard to read."""

SIZES = ((18, 9), (16, 8), (14, 7), (12, 6), (10, 5), (8, 4))
"""Cells that a picture may take, width and height."""


BLANK = bytes(784)
"""A digit whose pixels were lost with a line of the log."""


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
                self._images.get(number, BLANK), width, height, self._glyphs, self._colour
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
