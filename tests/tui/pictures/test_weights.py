"""Weights as pictures."""

import pytest

from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE, Glyphs
from mlp_tui.tui.pictures.weights import block, in_blocks, pictures, usual

WHOLE = (28, 28)
UPPER_FOR = bytes([228] * 392 + [28] * 392)
"""A unit that ink in the upper half switches on, and ink in the lower half keeps off: 100 and -100."""


def test_a_cell_has_one_colour_above_the_middle_of_its_range_and_another_below() -> None:
    [[[code]]] = in_blocks([UPPER_FOR], 1, 1, 100.0, WHOLE)
    segment = block(code, 1, dark=True)
    assert segment.text == "▀"
    assert segment.style is not None and segment.style.color is not None and segment.style.bgcolor is not None
    red, _, blue = segment.style.color.get_truecolor()
    assert red > blue
    red, _, blue = segment.style.bgcolor.get_truecolor()
    assert red < blue


def test_a_plain_cell_is_blank_in_one_colour_and_equal_cells_are_one_segment() -> None:
    rows = in_blocks([UPPER_FOR], 4, 2, 100.0, WHOLE)[0]
    assert [len(set(row)) for row in rows] == [1, 1]
    assert block(rows[0][0], 4, dark=True).text == "    "


def test_weights_beyond_the_fullest_colour_get_the_fullest_colour() -> None:
    assert in_blocks([UPPER_FOR], 2, 2, 10.0, WHOLE) == in_blocks([UPPER_FOR], 2, 2, 100.0, WHOLE)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_marks_above_zero_and_below_it_have_no_character_in_common(glyphs: Glyphs) -> None:
    below, zero, above = glyphs.marks[:4], glyphs.marks[4], glyphs.marks[5:]
    assert not set(below) & set(above)
    assert zero not in below + above
    assert len(below) == len(above)


def test_marks_are_denser_for_heavier_weights() -> None:
    for full, marks in ((100.0, ["####", "===="]), (400.0, ["++++", "----"])):
        (lines,) = pictures([UPPER_FOR], 4, 2, full, ASCII, None, WHOLE)
        assert [segment.text for (segment,) in lines] == marks


def test_the_usual_weight_is_that_of_units_all_along() -> None:
    assert usual([UPPER_FOR] * 1000) == 100.0
    assert usual([bytes([128] * 784)]) == 1.0
    assert 60 < usual([UPPER_FOR] * 500 + [bytes([128] * 784)] * 500) < 80
