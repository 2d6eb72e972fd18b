"""How small pictures are arranged: of what size, and how many to a row."""

import pytest
from rich.segment import Segment

from mlp_tui.tui.pictures.arrange import Arrangement, Cell, arrange, side_by_side
from mlp_tui.tui.widgets import digit_grid, mistake_gallery
from mlp_tui.tui.widgets.mistake_gallery import FEW, FEW_PLAIN


@pytest.mark.parametrize(
    ("width", "height", "cell", "columns"),
    [(94, 41, (18, 9), 5), (74, 35, (14, 7), 5), (150, 16, (14, 7), 10), (45, 20, (8, 4), 5), (60, 6, (8, 4), 6)],
)
def test_pictures_are_as_large_as_their_room_lets_them_be(width: int, height: int, cell: Cell, columns: int) -> None:
    assert arrange(width, height, 20, digit_grid.SIZES)[:2] == (cell, columns)


@pytest.mark.parametrize(
    ("room", "few", "arrangement"),
    [
        ((94, 42), FEW, ((18, 9), 5, 4)),
        ((64, 34), FEW, ((12, 6), 5, 4)),
        ((32, 19), FEW, ((10, 5), 3, 3)),
        ((32, 19), FEW_PLAIN, ((14, 7), 2, 2)),
        ((12, 15), FEW, ((12, 6), 1, 2)),
    ],
)
def test_where_not_all_have_room_a_few_are_large(room: Cell, few: int, arrangement: tuple[Cell, int, int]) -> None:
    assert arrange(*room, 20, mistake_gallery.SIZES, (few, 2))[:3] == arrangement


@pytest.mark.parametrize("count", [0, 1, 20])
@pytest.mark.parametrize("size", [(1, 1), (0, 0), (7, 3), (300, 2), (-9, -2)])
def test_room_for_no_picture_is_no_error(size: Cell, count: int) -> None:
    arrangement = arrange(*size, count, digit_grid.SIZES)
    assert min(arrangement.columns, arrangement.rows, arrangement.gap) >= 1
    assert arrangement.cell == (8, 4)


@pytest.mark.parametrize(("count", "columns"), [(20, 5), (23, 6), (7, 7)])
def test_rows_are_equally_long_or_about_so(count: int, columns: int) -> None:
    assert arrange(63, 41, count, ((8, 4),)).columns == columns


def test_a_place_is_that_of_the_picture_or_its_caption() -> None:
    arrangement = Arrangement(cell=(8, 4), columns=3, rows=2, gap=2)
    assert arrangement.place(0, 0) == arrangement.place(9, 4) == 0
    assert arrangement.place(10, 0) == 1
    assert arrangement.place(0, 5) == 3
    assert arrangement.place(30, 0) is arrangement.place(0, 10) is arrangement.place(0, -1) is None


def test_blocks_stand_side_by_side() -> None:
    blocks = [[[Segment(f"{name}{line}")] for line in range(2)] for name in "abc"]
    lines = side_by_side(blocks, columns=2, gap=3)
    assert ["".join(segment.text for segment in line) for line in lines] == [
        "a0   b0   ",
        "a1   b1   ",
        "c0   ",
        "c1   ",
    ]
