"""Shares, from 0 to 1, as bars in characters."""

import math
from collections.abc import Sequence

from .glyphs import Glyphs


def columns(shares: Sequence[float | None], height: int, glyphs: Glyphs, spare: int = 0) -> list[str]:
    """A column for each share, `height` lines high; even a 0 leaves a trace, None and what is not finite do not.

    The highest stays `spare` steps of the `glyphs.bars` short of the top.
    """
    steps = len(glyphs.bars) - 1
    most = height * steps - spare - 1
    fills = [0 if share is None or not math.isfinite(share) else 1 + round(share * most) for share in shares]
    return [
        "".join(glyphs.bars[max(0, min(steps, fill - row * steps))] for fill in fills)
        for row in reversed(range(height))
    ]


def bar(share: float, width: int, cells: str) -> tuple[str, str]:
    """A bar from left to right, and the rest of the `width` cells behind it.

    `cells` are the characters from an empty cell to a full one, in equal steps.
    """
    steps = len(cells) - 1
    filled = round(max(0.0, min(1.0, share)) * width * steps) if math.isfinite(share) else 0
    whole, part = divmod(filled, steps)
    done = cells[-1] * whole + cells[part] * (part > 0)
    return done, cells[0] * (width - len(done))


def two_sided(share: float, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """A bar of a share from -1 to 1: what is left and what is right of the zero line, `width` cells each."""
    against, towards = (f" {half}{glyphs.across[-1]}" for half in glyphs.halves)
    return "".join(bar(-share, width, against))[::-1], "".join(bar(share, width, towards))
