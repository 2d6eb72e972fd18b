"""Pictures in characters."""

import pytest

from mlp_tui.headless.characters import (
    can_show_blocks,
    in_quadrants,
    in_ramp,
    resized,
    side_by_side,
)

LEFT_HALF = (bytes([200] * 14) + bytes(14)) * 28
BLACK = bytes(784)


def test_resizing_takes_the_mean_of_each_area() -> None:
    assert resized([LEFT_HALF, BLACK], 2, 1).tolist() == [[[[200, 0]]], [[[0, 0]]]]
    assert resized([LEFT_HALF], 1, 1).tolist() == [[[[100]]]]
    assert resized([LEFT_HALF], 28, 28).tolist() == [[[[200] * 14 + [0] * 14] * 28]]
    assert resized([LEFT_HALF], 2, 1, zero=128).tolist() == [[[[72, -128]]]]


@pytest.mark.parametrize(("width", "height"), [(10, 5), (3, 7), (40, 20), (56, 4)])
def test_resizing_keeps_the_mean_at_sizes_that_do_not_divide(width: int, height: int) -> None:
    ((image,),) = resized([LEFT_HALF], width, height)
    assert image.shape == (height, width)
    assert image.mean() == pytest.approx(100, rel=1e-5)


def test_the_ramp_goes_from_blank_to_dense() -> None:
    assert in_ramp(LEFT_HALF, 4, 2) == ["@@  ", "@@  "]
    assert in_ramp(BLACK, 4, 1) == ["    "]


def test_quadrants_show_four_pixels_to_a_cell() -> None:
    corner = bytes(255 if x < 7 and y < 14 else 0 for y in range(28) for x in range(28))
    assert in_quadrants(corner, 2, 1) == ["▘ "]
    assert in_quadrants(LEFT_HALF, 2, 1) == ["█ "]
    assert in_quadrants(BLACK, 2, 1) == ["  "]


def test_blocks_stand_side_by_side() -> None:
    lines = side_by_side([["ab", "c"], ["d", "ef"], ["g", "h"]], width=2, columns=2)
    assert lines == ["ab  d", "c   ef", "", "g", "h"]


@pytest.mark.parametrize(("encoding", "can"), [("utf-8", True), ("ascii", False), ("latin-1", False), (None, False)])
def test_an_encoding_without_blocks_is_known(encoding: str | None, can: bool) -> None:
    assert can_show_blocks(encoding) is can
