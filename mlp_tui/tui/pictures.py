"""Pictures of 28x28 pixels in coloured characters, and the colour maps that they are drawn in."""

from functools import cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from ..characters import in_quadrants, in_ramp, in_shaded_quadrants
from .glyphs import ASCII, Glyphs

VIRIDIS = (
    (68, 1, 84), (71, 19, 101), (72, 36, 117), (70, 52, 128), (65, 68, 135), (59, 82, 139), (53, 95, 141),
    (47, 108, 142), (42, 120, 142), (37, 132, 142), (33, 145, 140), (30, 156, 137), (34, 168, 132),
    (47, 180, 124), (68, 191, 112), (94, 201, 98), (122, 209, 81), (155, 217, 60), (189, 223, 38),
    (223, 227, 24), (253, 231, 37),
)  # fmt: skip
"""matplotlib's default colour map, dark to bright: what the notebook draws its digits in."""


@cache
def viridis(value: int) -> Color:
    """The colour of a brightness, 0-255."""
    return Color.from_rgb(*VIRIDIS[round(value / 255 * (len(VIRIDIS) - 1))])


@cache
def shades(bright: int, dark: int) -> Style:
    return Style(color=viridis(bright), bgcolor=viridis(dark))


def picture(pixels: bytes, width: int, height: int, glyphs: Glyphs, colour: bool) -> list[list[Segment]]:
    """An image of 28x28 bytes as `height` rows of segments, `width` cells each; without `colour` in no style."""
    if colour:
        return [
            list(Segment.simplify(Segment(character, shades(*levels)) for character, *levels in row))
            for row in in_shaded_quadrants(pixels, width, height)
        ]
    draw = in_ramp if glyphs is ASCII else in_quadrants
    return [[Segment(line)] for line in draw(pixels, width, height)]
