"""Small pictures in rows, each over a line of caption."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment

Cell = tuple[int, int]
"""The size of a picture in cells: width and height."""


class Arrangement(NamedTuple):
    """Pictures of one size: how many to a row, how many rows of them have room, and the blanks between two."""

    cell: Cell
    columns: int
    rows: int
    gap: int

    @property
    def room(self) -> int:
        """How many pictures there is room for."""
        return self.columns * self.rows

    def place(self, x: int, y: int) -> int | None:
        """Which picture, from 0, has that cell of the screen, its caption included; None where none has room."""
        row, column = y // (self.cell[1] + 1), x // (self.cell[0] + self.gap)
        return row * self.columns + column if 0 <= row < self.rows and 0 <= column < self.columns else None


def arrange(width: int, height: int, count: int, sizes: Sequence[Cell], fewer: Sequence[int] = ()) -> Arrangement:
    """The largest of `sizes`, which begin with the largest, that has room for `count` pictures.

    Where none has, the largest that has room for as many as the first of `fewer`, or else the next, and so on; or
    else the smallest. Where all have room, the rows are equally long, or about so.
    """
    count = max(1, count)
    fits = [(cell, max(0, width + 1) // (cell[0] + 1), max(0, height) // (cell[1] + 1)) for cell in sizes]
    cell, columns, rows = next(
        (fit for wanted in (count, *fewer) for fit in fits if fit[1] * fit[2] >= wanted), fits[-1]
    )
    if columns * rows >= count:
        even = (c for c in range(min(columns, count), 0, -1) if count % c == 0 and count <= c * rows)
        columns = next(even, math.ceil(count / math.ceil(count / columns)))
    gap = (width - columns * cell[0]) // (columns - 1) if columns > 1 else 1
    return Arrangement(cell, max(1, columns), max(1, rows), max(1, min(3, gap)))


def side_by_side(blocks: Sequence[Sequence[list[Segment]]], columns: int, gap: int) -> list[list[Segment]]:
    """Blocks of lines, all of one size, `columns` to a row with `gap` blanks behind each."""
    space = Segment(" " * gap)
    return [
        [segment for part in parts for segment in (*part, space)]
        for start in range(0, len(blocks), columns)
        for parts in zip(*blocks[start : start + columns], strict=True)
    ]


def centred(lines: list[list[Segment]], size: Cell, cell: Cell) -> list[list[Segment]]:
    """A picture of that size in the middle of a cell that may be larger."""
    (width, height), (left, top) = size, ((cell[i] - size[i]) // 2 for i in (0, 1))
    if size == cell:
        return lines
    before, behind, blank = Segment(" " * left), Segment(" " * (cell[0] - width - left)), [Segment(" " * cell[0])]
    rows = [[before, *line, behind] for line in lines]
    return [*[blank] * top, *rows, *[blank] * (cell[1] - height - top)]
