"""Weights as pictures: a unit's incoming weights, 28x28 bytes with 128 for zero, in coloured blocks or in marks.

numpy's sums of whole numbers this small are exact, so the pictures are the same on every machine.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from ...headless.characters import QUADRANTS, SIDE
from .digits import DEGREES, diverging
from .glyphs import Glyphs

if TYPE_CHECKING:
    import numpy as np  # imported where it is used: it takes a while, and the first frame does without
    from numpy.typing import NDArray


def usual(incoming: Sequence[bytes]) -> float:
    """The usual size of a weight, zero left out of its byte: the root of the mean square, over some of the units."""
    import numpy as np

    some = incoming[:: math.ceil(len(incoming) / 64)]
    weights = np.frombuffer(b"".join(some), np.uint8).astype(np.int64) - 128
    return math.sqrt(int((weights * weights).sum()) / len(weights)) or 1.0


def in_blocks(incoming: Sequence[bytes], width: int, height: int, full: float) -> list[list[list[int]]]:
    """Units' weights in pictures of that size: each cell's code, as `block` draws it.

    As in a gray picture, the quarters above the middle of a cell's range get one colour, the rest another.
    """
    import numpy as np

    means = resized(incoming, 2 * width, 2 * height)
    quarters = np.stack([means[:, y::2, x::2] for y in (0, 1) for x in (0, 1)])
    above = quarters > (quarters.min(0) + quarters.max(0)) / 2
    count = above.sum(0)
    one = _degrees((quarters * above).sum(0) / np.maximum(count, 1), full)
    other = _degrees((quarters * ~above).sum(0) / (4 - count), full)
    lit = (above * np.array([1, 2, 4, 8]).reshape(4, 1, 1, 1)).sum(0)
    steps = 2 * DEGREES + 1
    # Where the two colours come out equal, and where all quarters are, one will do.
    codes: list[list[list[int]]] = np.where(
        (count == 0) | (one == other), other, (lit * steps + one) * steps + other
    ).tolist()
    return codes


@cache
def block(code: int, count: int, dark: bool) -> Segment:
    """Equal cells. A code is: the quarters that are lit, times 9, plus their degree, times 9, plus the others'."""
    steps = 2 * DEGREES + 1
    quarters, one, other = code // steps**2, code // steps % steps - DEGREES, code % steps - DEGREES
    return Segment(QUADRANTS[quarters] * count, Style(color=diverging(one, dark), bgcolor=diverging(other, dark)))


def in_marks(incoming: Sequence[bytes], width: int, height: int, full: float, glyphs: Glyphs) -> list[list[str]]:
    """Units' weights in pictures of that size, a character for each cell, where there are no shades."""
    degrees = _degrees(resized(incoming, width, height), full).tolist()
    return [["".join(glyphs.marks[degree] for degree in row) for row in unit] for unit in degrees]


def resized(incoming: Sequence[bytes], width: int, height: int) -> "NDArray[np.float32]":
    """Units' weights in shape (units, height, width): each the mean of the pixels that it covers."""
    import numpy as np

    pixels = np.frombuffer(b"".join(incoming), np.uint8).reshape(-1, SIDE, SIDE).astype(np.float32) - 128
    means: NDArray[np.float32] = _covered(height) @ pixels @ _covered(width).T / np.float32(SIDE * SIDE)
    return means


@cache
def _covered(cells: int) -> "NDArray[np.float32]":
    """How much of each of `cells` equal parts of a side each pixel covers, in whole numbers: 28 to a cell."""
    import numpy as np

    return np.array(
        [
            [
                max(0, min((pixel + 1) * cells, (cell + 1) * SIDE) - max(pixel * cells, cell * SIDE))
                for pixel in range(SIDE)
            ]
            for cell in range(cells)
        ],
        np.float32,
    )


def _degrees(weights: "NDArray[np.float32]", full: float) -> "NDArray[np.int64]":
    """Weights as degrees of a diverging map, 0 to 8 with zero in the middle; `full` is the strongest."""
    import numpy as np

    degrees: NDArray[np.int64] = np.rint(weights * (DEGREES / full)).clip(-DEGREES, DEGREES).astype(np.int64) + DEGREES
    return degrees
