"""Bars in characters."""

import math

import pytest

from mlp_tui.tui.pictures.bars import bar, columns, two_sided
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE


def test_a_share_is_the_height_of_its_column() -> None:
    assert columns([0.0, 0.5, 1.0], 1, UNICODE) == ["▁▅█"]
    assert columns([0.0, 0.5, 1.0], 1, UNICODE, spare=1) == ["▁▄▇"]
    assert columns([0.0, 0.5, 1.0], 2, UNICODE, spare=1) == ["  ▇", "▁██"]
    assert columns([0.0, 1.0], 2, ASCII, spare=1) == [" #", ".@"]


def test_a_share_that_is_not_known_or_not_finite_has_no_column() -> None:
    assert columns([None, math.nan, math.inf, 0.0], 1, UNICODE) == ["   ▁"]
    assert columns([], 2, UNICODE) == ["", ""]
    assert columns([0.5], 0, UNICODE) == []


def test_a_share_is_the_length_of_its_bar() -> None:
    assert bar(1.0, 4, UNICODE.across) == ("████", "")
    assert bar(0.5, 3, UNICODE.across) == ("█▌", " ")
    assert bar(0.0, 3, UNICODE.across) == ("", "   ")
    assert bar(0.6, 5, ASCII.across) == ("###", "  ")
    assert bar(0.5, 4, "-#") == ("##", "--")


@pytest.mark.parametrize(("share", "filled"), [(math.nan, 0), (math.inf, 0), (-0.5, 0), (1.5, 4)])
def test_a_bar_keeps_its_width_whatever_its_share(share: float, filled: int) -> None:
    assert bar(share, 4, "-#") == ("#" * filled, "-" * (4 - filled))


def test_a_two_sided_bar_goes_left_for_a_negative_share_and_right_for_a_positive_one() -> None:
    assert two_sided(0.5, 4, UNICODE) == ("    ", "██  ")
    assert two_sided(-0.5, 4, UNICODE) == ("  ██", "    ")
    assert two_sided(-0.375, 4, UNICODE) == ("  ▐█", "    ")
    assert two_sided(0.125, 4, UNICODE) == ("    ", "▌   ")
    assert two_sided(1.0, 4, ASCII) == ("    ", "####")


@pytest.mark.parametrize("share", [math.nan, math.inf, 0.0])
def test_a_two_sided_bar_of_nothing_keeps_its_width(share: float) -> None:
    assert two_sided(share, 4, UNICODE) == ("    ", "    ")
