"""Examples that were read wrong, in a gallery."""

import math
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.markup import escape

from ...events import Mistakes
from ...headless.data import MNIST, Data, cut_both, padded
from ..pictures import rows
from ..pictures.arrange import arrange, side_by_side
from ..pictures.digits import picture
from ..run_state import RunState
from .confusion_matrix import Pair
from .lines import Line, Lines

SHOWN = 20
"""The most digits that the gallery shows."""

FEW, FEW_PLAIN = 6, 4
"""How many digits are to be on show where not all have room; without shades a small picture is hard to read."""

SIZES = ((18, 9), (16, 8), (14, 7), (12, 6), (10, 5), (8, 4))
"""Cells that a picture may take, width and height."""


class MistakeGallery(Lines):
    """Examples that were read wrong, the most confident mistakes first, each with what it was taken for.

    They are pictures, or the rows of a table.
    """

    DEFAULT_CSS = "MistakeGallery { width: 1fr; height: 100%; }"

    _mistakes: Mistakes | None = None
    _state = RunState()
    _picked: Pair | None = None

    def show(self, state: RunState, picked: Pair | None) -> None:
        """Draws the mistakes of the cell picked, or of all."""
        self._state, self._mistakes, self._picked = state, state.mistakes, picked
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        if (mistakes := self._mistakes) is None:
            return []
        data = self._state.data
        cell, columns, count, gap = arrange(width, height, SHOWN, SIZES, (FEW if self._colour else FEW_PLAIN, 2))
        room = min(SHOWN, columns * count) if data.pictures else max(1, height - 1)
        pairs = enumerate(zip(mistakes.labels, mistakes.predictions, strict=True))
        places = [i for i, pair in pairs if self._picked in (None, pair)][:room]
        self.retitle(escape(title(mistakes.confusion, self._picked, len(places), width, data)))
        if not places:
            return [[self.text(line)] for line in textwrap.wrap(nothing(self._picked, data), width)]
        if not data.pictures:
            return self._rows(mistakes, places, width)
        airy = count * (cell[1] + 2) <= height + 1
        blocks = []
        for i in places:
            pixels = self._state.examples.get(mistakes.indices[i])
            if not isinstance(pixels, bytes):  # a line of the log may be lost, and the pixels with it
                pixels = bytes(math.prod(data.shape))
            image = picture(pixels, *cell, self._glyphs, self._colour, data.picture_shape)
            text = self._caption(mistakes, i, cell[0])
            text = padded(" " * ((cell[0] - cell_len(text)) // 2) + text, cell[0])
            blocks.append([*image, [self.text(text)], *([[]] if airy else [])])
        return side_by_side(blocks, columns, gap)

    def _caption(self, mistakes: Mistakes, place: int, width: int) -> str:
        pair = mistakes.labels[place], mistakes.predictions[place]
        return caption(*pair, mistakes.confidences[place], width, self._state.data, self._glyphs.ellipsis)

    def _rows(self, mistakes: Mistakes, places: Sequence[int], width: int) -> list[Line]:
        """A line of heads, and one for each mistake: what was read as what, and the columns that have room."""
        state = self._state
        captions = [self._caption(mistakes, i, max(8, width * 2 // 5)) for i in places]
        words = max(map(cell_len, captions))
        heads = rows.heads(state.data, state.order, width - words, self._glyphs)
        lines = [[self.text(" " * words + heads, "muted")]]
        for i, text in zip(places, captions, strict=True):
            values = rows.values(state.examples.get(mistakes.indices[i], ()), state.order, width - words)
            lines.append([self.text(padded(text, words)), self.text(values, "muted")])
        return lines


def title(confusion: Sequence[Sequence[int]], picked: Pair | None, shown: int, width: int, data: Data = MNIST) -> str:
    """What the gallery shows, and how many of how many, as far as there is room."""
    if picked is None:
        what, total = "Surest mistakes", sum(map(sum, confusion)) - sum(row[i] for i, row in enumerate(confusion))
    else:
        what, total = " read as ".join(map(data.name, picked)), confusion[picked[0]][picked[1]]
    many = f"{shown} of {total:,}" if shown else ""
    full = f"{what}: {many}" if shown else what
    return full if len(full) + 4 <= width else many


def nothing(picked: Pair | None, data: Data) -> str:
    """Why the gallery is empty."""
    if picked is None:
        return f"Every {data.noun} was read right."
    if picked[0] == picked[1]:
        return "These are read right: there is no mistake to show."
    return f"No {data.name(picked[0])} is read as {data.name(picked[1])}."


def caption(label: int, prediction: int, confidence: float, width: int, data: Data = MNIST, ellipsis: str = "…") -> str:
    """What stands under a picture, as far as there is room."""
    # Never 100%: a softmax is never quite sure.
    percent = f"{min(99, int(100 * confidence))}%"
    one, other = data.name(label), data.name(prediction)
    short = f"{one} as {other}"
    for text in (f"{one} read as {other}, {percent}", f"{short}, {percent}", f"{short} {percent}", short):
        if cell_len(text) <= width:
            return text
    return " as ".join(cut_both(one, other, width - 4, ellipsis)) if width >= 10 else ""
