"""Gray pictures in characters."""

from collections.abc import Sequence
from functools import cache

from ..events import SIDE as SIDE

RAMP = " .:-=+*#%@"
"""Characters from black to white, for screens that know no others."""

QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""A cell's four quarters, lit or not: 1 upper left, 2 upper right, 4 lower left, 8 lower right."""

INK = 0.4
"""How bright a pixel is, as a share of the brightest, to count as ink where there are no shades."""


def resize(pixels: bytes, width: int, height: int) -> list[list[int]]:
    """An image of 28x28 bytes as `height` rows of `width` numbers 0-255, each the mean of the area it covers."""
    across, down = _overlaps(width), _overlaps(height)
    rows = [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
    filled = [any(row) for row in rows]  # most rows of a digit are empty
    result = []
    for cell in down:
        weighted = [[value * weight for value in rows[i]] for i, weight in cell if filled[i]]
        if not weighted:
            result.append([0] * width)
            continue
        line = weighted[0] if len(weighted) == 1 else [sum(column) for column in zip(*weighted, strict=True)]
        result.append([round(sum([line[i] * weight for i, weight in cell])) for cell in across])
    return result


@cache
def _overlaps(cells: int) -> list[list[tuple[int, float]]]:
    """For each of `cells` equal parts of a side: the pixels under it, and the share of it that each covers."""
    step = SIDE / cells
    parts = []
    for start in (cell * step for cell in range(cells)):
        shares = ((i, (min(i + 1, start + step) - max(i, start)) / step) for i in range(SIDE))
        parts.append([(i, share) for i, share in shares if share > 1e-9])
    return parts


def in_ramp(pixels: bytes, width: int, height: int) -> list[str]:
    """An image as `height` lines of `width` ASCII characters, denser ones for brighter pixels."""
    rows = resize(pixels, width, height)
    # A thin line fills little of a cell: scaled to the brightest, it still gets the densest character.
    brightest = max(1, *map(max, rows))
    return ["".join(RAMP[value * (len(RAMP) - 1) // brightest] for value in row) for row in rows]


def in_quadrants(pixels: bytes, width: int, height: int) -> list[str]:
    """An image as `height` lines of `width` block characters: four pixels each, lit or not."""
    rows = resize(pixels, 2 * width, 2 * height)
    ink = INK * max(1, *map(max, rows))
    return [
        "".join(
            QUADRANTS[sum(bit for bit, value in zip((1, 2, 4, 8), cell, strict=True) if value >= ink)]
            for cell in cells_of(upper, lower)
        )
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def in_shaded_quadrants(pixels: bytes, width: int, height: int) -> list[list[tuple[str, int, int]]]:
    """An image as `height` rows of `width` cells: a block character, its brightness 0-255 and its background's."""
    rows = resize(pixels, 2 * width, 2 * height)
    return [
        [_shaded(cell) for cell in cells_of(upper, lower)] for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def _shaded(cell: tuple[int, int, int, int]) -> tuple[str, int, int]:
    """The quarters brighter than the middle of the cell's range in one shade, the rest in another."""
    low, high = min(cell), max(cell)
    if low == high:
        return " ", 0, low
    middle = (low + high) / 2
    bright = [value for value in cell if value > middle]
    dark = [value for value in cell if value <= middle]
    character = QUADRANTS[sum(bit for bit, value in zip((1, 2, 4, 8), cell, strict=True) if value > middle)]
    return character, sum(bright) // len(bright), sum(dark) // len(dark)


def cells_of(upper: list[int], lower: list[int]) -> list[tuple[int, int, int, int]]:
    """Two rows of pixels as cells of four, in the order of the quadrants' bits."""
    return list(zip(upper[::2], upper[1::2], lower[::2], lower[1::2], strict=True))


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
