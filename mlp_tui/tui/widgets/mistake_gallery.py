"""Digits that were read wrong, in a gallery."""

import textwrap
from collections.abc import Mapping, Sequence

from ...events import Mistakes
from ...headless.characters import SIDE
from ..pictures.arrange import arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from .confusion_matrix import Pair
from .lines import Line, Lines
from .panel import retitle

SHOWN = 20
"""The most digits that the gallery shows."""

FEW, FEW_PLAIN = 6, 4
"""How many digits are to be on show where not all have room; without shades a small picture is hard to read."""

SIZES = ((18, 9), (16, 8), (14, 7), (12, 6), (10, 5), (8, 4))
"""Cells that a picture may take, width and height."""

BLANK = bytes(SIDE * SIDE)
"""A digit whose pixels were lost with a line of the log."""


class MistakeGallery(Lines):
    """Digits that were read wrong, the most confident mistakes first: a picture each, over what it was taken for."""

    DEFAULT_CSS = "MistakeGallery { width: 1fr; height: 100%; }"

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._mistakes: Mistakes | None = None
        self._images: Mapping[int, bytes] = {}
        self._picked: Pair | None = None

    def show(self, mistakes: Mistakes, images: Mapping[int, bytes], picked: Pair | None) -> None:
        """Draws the mistakes of the cell picked, or of all; `images` has the digits' pixels by their numbers."""
        self._mistakes, self._images, self._picked = mistakes, images, picked
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        mistakes = self._mistakes
        if mistakes is None:
            return []
        cell, columns, rows, gap = arrange(width, height, SHOWN, SIZES, (FEW if self._colour else FEW_PLAIN, 2))
        pairs = enumerate(zip(mistakes.labels, mistakes.predictions, strict=True))
        places = [i for i, pair in pairs if self._picked in (None, pair)][: min(SHOWN, columns * rows)]
        retitle(self, title(mistakes.confusion, self._picked, len(places), width))
        if not places:
            return [[self.text(line)] for line in textwrap.wrap(nothing(self._picked), width)]
        airy = rows * (cell[1] + 2) <= height + 1
        blocks = []
        for i in places:
            pixels = self._images.get(mistakes.indices[i], BLANK)
            text = caption(mistakes.labels[i], mistakes.predictions[i], mistakes.confidences[i], cell[0])
            lines = [*picture(pixels, *cell, self._glyphs, self._colour), [self.text(text.center(cell[0]))]]
            blocks.append([*lines, []] if airy else lines)
        return side_by_side(blocks, columns, gap)


def title(confusion: Sequence[Sequence[int]], picked: Pair | None, shown: int, width: int) -> str:
    """What the gallery shows, and how many of how many, as far as there is room."""
    if picked is None:
        what, total = "Surest mistakes", sum(map(sum, confusion)) - sum(row[i] for i, row in enumerate(confusion))
    else:
        what, total = f"{picked[0]} read as {picked[1]}", confusion[picked[0]][picked[1]]
    many = f"{shown} of {total:,}" if shown else ""
    full = f"{what}: {many}" if shown else what
    return full if len(full) + 4 <= width else many


def nothing(picked: Pair | None) -> str:
    """Why the gallery is empty."""
    if picked is None:
        return "Every digit was read right."
    if picked[0] == picked[1]:
        return "These are read right: there is no mistake to show."
    return f"No {picked[0]} is read as {picked[1]}."


def caption(label: int, prediction: int, confidence: float, width: int) -> str:
    """What stands under a picture, as far as there is room."""
    # Never 100%: a softmax is never quite sure.
    percent = f"{min(99, int(100 * confidence))}%"
    texts = (f"{label} read as {prediction}, {percent}", f"{label} as {prediction}, {percent}")
    shorter = (f"{label} as {prediction} {percent}", f"{label} as {prediction}")
    return next((text for text in (*texts, *shorter) if len(text) <= width), "")
