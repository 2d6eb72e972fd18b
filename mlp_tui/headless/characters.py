"""Pictures in characters, in shades of gray or without any."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np  # imported where it is used: it takes a while, and the first frame does without
    from numpy.typing import NDArray

from ..events import SIDE as SIDE

PictureShape = tuple[int, int, int]
"""The size of a picture: height, width, and channels, which stand side by side for each pixel."""

DIGIT: PictureShape = (SIDE, SIDE, 1)

RAMP = " .:-=+*#%@"
"""Characters from black to white, for screens that know no others."""

QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""A cell's four quarters, lit or not: 1 upper left, 2 upper right, 4 lower left, 8 lower right."""

INK = 0.4
"""How bright a pixel is, as a share of the brightest, to count as ink where there are no shades."""


def resized(
    images: Sequence[bytes], width: int, height: int, zero: int = 0, shape: PictureShape = DIGIT
) -> "NDArray[np.float32]":
    """Images in shape (images, channels, height, width): means of the pixels covered, less `zero`.

    The sums are of whole numbers small enough to be exact up to 256x256 pixels, so that a picture is the same on
    every machine.
    """
    import numpy as np

    rows, columns, channels = shape
    raw = np.frombuffer(b"".join(images), np.uint8).reshape(-1, rows, columns, channels)
    pixels = raw.transpose(0, 3, 1, 2).astype(np.float32) - zero
    covered = _covered(height, rows) @ pixels @ _covered(width, columns).T
    means: NDArray[np.float32] = covered / np.float32(rows * columns)
    return means


@cache
def _covered(cells: int, side: int) -> "NDArray[np.float32]":
    """How much of each of `cells` equal parts of a side each pixel covers, in whole numbers: `side` to a cell."""
    import numpy as np

    pixels, parts = np.arange(side), np.arange(cells)[:, None]
    ends, starts = np.minimum((pixels + 1) * cells, (parts + 1) * side), np.maximum(pixels * cells, parts * side)
    return (ends - starts).clip(0).astype(np.float32)


def within(width: int, height: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """The cells, at most so many, in which a picture keeps its proportions: a cell is twice as high as wide."""
    rows, columns = shape[:2]
    scale = min(width / (2 * columns), height / rows)
    return max(1, round(2 * columns * scale)), max(1, round(rows * scale))


def quarters(values: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Pictures, (..., 2 * height, 2 * width), as (4, ..., height, width): in the order of the quadrants' bits."""
    import numpy as np

    return np.stack([values[..., y::2, x::2] for y in (0, 1) for x in (0, 1)])


def lit(above: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    """Which character of QUADRANTS each cell is: `above` says which of its quarters are lit, shape (4, ...)."""
    import numpy as np

    return np.tensordot(np.array([1, 2, 4, 8]), above, 1)


def in_ramp(pixels: bytes, width: int, height: int, shape: PictureShape = DIGIT) -> list[str]:
    """An image as `height` lines of `width` ASCII characters, denser ones for brighter pixels."""
    values = resized([pixels], width, height, shape=shape)[0].mean(0).round()
    # A thin line fills little of a cell: scaled to the brightest, it still gets the densest character.
    places = (values * (len(RAMP) - 1) // max(1, values.max())).astype(int)
    return ["".join(RAMP[place] for place in row) for row in places.tolist()]


def in_quadrants(pixels: bytes, width: int, height: int, shape: PictureShape = DIGIT) -> list[str]:
    """An image as `height` lines of `width` block characters: four pixels each, lit or not."""
    values = resized([pixels], 2 * width, 2 * height, shape=shape)[0].mean(0).round()
    places = lit(quarters(values) >= INK * max(1, values.max()))
    return ["".join(QUADRANTS[place] for place in row) for row in places.tolist()]


def side_by_side(blocks: Sequence[Sequence[str]], width: int, columns: int) -> list[str]:
    """Blocks of lines, each block `width` wide, set `columns` to a row with two spaces between."""
    lines: list[str] = []
    for start in range(0, len(blocks), columns):
        row = blocks[start : start + columns]
        lines += ["  ".join(line.ljust(width) for line in parts).rstrip() for parts in zip(*row, strict=True)]
        lines.append("")
    return lines[:-1]


def can_show_blocks(encoding: str | None) -> bool:
    """Whether text in this encoding can hold the characters beyond ASCII that pictures are made of."""
    try:
        QUADRANTS.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
