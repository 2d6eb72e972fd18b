"""Weights as pictures: a unit's incoming weights, bytes with 128 for zero, in coloured blocks or in marks."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from ...headless.characters import QUADRANTS, resized, within
from .arrange import centred
from .digits import DEGREES, diverging, two_tones
from .glyphs import Glyphs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ZERO = 128
"""The byte that stands for a weight of zero."""

Shape = tuple[int, ...]
"""The height and the width of what a unit reads, in pixels."""


def usual(incoming: Sequence[bytes]) -> float:
    """The usual size of a weight, zero left out of its byte: the root of the mean square, over some of the units."""
    import numpy as np

    if not incoming:
        return 1.0
    some = incoming[:: math.ceil(len(incoming) / 64)]
    weights = np.frombuffer(b"".join(some), np.uint8).astype(np.int64) - ZERO
    return math.sqrt(int((weights * weights).sum()) / len(weights)) or 1.0


def in_blocks(incoming: Sequence[bytes], width: int, height: int, full: float, shape: Shape) -> list[list[list[int]]]:
    """Units' weights in pictures of that size, in two tones a cell: each cell's code, as `block` draws it."""
    import numpy as np

    lit, *tones = two_tones(_resized(incoming, 2 * width, 2 * height, shape))
    one, other = (_degrees(tone, full) for tone in tones)
    steps = 2 * DEGREES + 1
    # Where the two colours come out equal, and where all quarters are, one will do.
    codes: list[list[list[int]]] = np.where(
        (lit == 0) | (one == other), other, (lit * steps + one) * steps + other
    ).tolist()
    return codes


@cache
def block(code: int, count: int, dark: bool) -> Segment:
    """Equal cells. A code is: the quarters that are lit, times 9, plus their degree, times 9, plus the others'."""
    steps = 2 * DEGREES + 1
    quarters, one, other = code // steps**2, code // steps % steps - DEGREES, code % steps - DEGREES
    return Segment(QUADRANTS[quarters] * count, Style(color=diverging(one, dark), bgcolor=diverging(other, dark)))


def swatch(degree: int, glyphs: Glyphs, dark: bool | None) -> Segment:
    """A cell of one degree, from -4 to 4; `dark` as in `pictures`."""
    return Segment(glyphs.marks[DEGREES + degree]) if dark is None else block(DEGREES + degree, 1, dark)


def pictures(
    incoming: Sequence[bytes], width: int, height: int, full: float, glyphs: Glyphs, dark: bool | None, shape: Shape
) -> list[list[list[Segment]]]:
    """Units' weights as rows of segments each; `full` gets the strongest colour.

    `dark` says which theme the colours are for; None: marks in place of colours.
    """
    size = within(width, height, shape)
    if dark is None:
        degrees = _degrees(_resized(incoming, *size, shape), full).tolist()
        units = [[[Segment("".join(glyphs.marks[degree] for degree in row))] for row in unit] for unit in degrees]
    else:
        units = [
            [[block(code, len(list(run)), dark) for code, run in groupby(row)] for row in unit]
            for unit in in_blocks(incoming, *size, full, shape)
        ]
    return [centred(unit, size, (width, height)) for unit in units]


def _resized(incoming: Sequence[bytes], width: int, height: int, shape: Shape) -> "NDArray[np.float32]":
    """Units' weights in pictures of that size, in shape (units, height, width)."""
    return resized(incoming, width, height, ZERO, (shape[0], shape[1], 1))[:, 0]


def _degrees(weights: "NDArray[np.float32]", full: float) -> "NDArray[np.int64]":
    """Weights as degrees of a diverging map, 0 to 8 with zero in the middle; `full` is the strongest."""
    import numpy as np

    degrees: NDArray[np.int64] = np.rint(weights * (DEGREES / full)).clip(-DEGREES, DEGREES).astype(np.int64) + DEGREES
    return degrees
