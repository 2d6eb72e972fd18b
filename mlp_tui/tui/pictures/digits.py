"""Pictures in coloured characters, and the colour maps that gray ones are drawn in."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from ...headless.characters import QUADRANTS, PictureShape, in_quadrants, in_ramp, lit, quarters, resized, within
from .arrange import centred
from .glyphs import ASCII, Glyphs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VIRIDIS = (
    (68, 1, 84), (71, 19, 101), (72, 36, 117), (70, 52, 128), (65, 68, 135), (59, 82, 139), (53, 95, 141),
    (47, 108, 142), (42, 120, 142), (37, 132, 142), (33, 145, 140), (30, 156, 137), (34, 168, 132),
    (47, 180, 124), (68, 191, 112), (94, 201, 98), (122, 209, 81), (155, 217, 60), (189, 223, 38),
    (223, 227, 24), (253, 231, 37),
)  # fmt: skip
"""matplotlib's default colour map, dark to bright: what the notebook draws its digits in."""


DIVERGING = {
    True: (
        (175, 215, 255), (95, 175, 255), (0, 135, 215), (0, 95, 135),
        (38, 38, 38),
        (135, 95, 0), (215, 135, 0), (255, 175, 95), (255, 215, 175),
    ),
    False: (
        (0, 0, 135), (0, 95, 215), (95, 175, 255), (175, 215, 255),
        (228, 228, 228),
        (255, 215, 175), (255, 175, 95), (215, 95, 0), (135, 0, 0),
    ),
}  # fmt: skip
"""Blue for negative, orange for positive, neutral for zero: on a dark background, and on a light one."""

DEGREES = 4
"""The degrees of a diverging map on either side of zero."""


@cache
def viridis(value: int) -> Color:
    """The colour of a brightness, 0-255."""
    return Color.from_rgb(*VIRIDIS[round(value / 255 * (len(VIRIDIS) - 1))])


@cache
def diverging(degree: int, dark: bool) -> Color:
    """The colour of a degree from -4 to 4, on a dark background or on a light one."""
    return Color.from_rgb(*DIVERGING[dark][degree + DEGREES])


@cache
def shades(bright: int, dark: int) -> Style:
    return Style(color=viridis(bright), bgcolor=viridis(dark))


def tinted(lit: list[int], rest: list[int]) -> Style:
    """The style of a cell whose lit quarters and others have these colours: red, green and blue, 0-255."""
    return Style(color=Color.from_rgb(*lit), bgcolor=Color.from_rgb(*rest))


def two_tones(
    values: "NDArray[np.float32]", brightness: "NDArray[np.float32] | None" = None
) -> "tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]":
    """Pictures of shape (..., 2 * height, 2 * width) as cells of two tones each, in shape (..., height, width).

    The quarters of a cell whose `brightness`, or else value, is above the middle of its range are lit, and have one
    tone; the rest has another. Returned are the cells' places in QUADRANTS, the means of what is lit (0 where
    nothing is), and of the rest.
    """
    import numpy as np

    parts = quarters(values)
    by = parts if brightness is None else quarters(brightness)
    above = by > (by.min(0) + by.max(0)) / 2
    count = above.sum(0)
    return lit(above), (parts * above).sum(0) / np.maximum(count, 1), (parts * ~above).sum(0) / (4 - count)


@lru_cache(maxsize=128)
def picture(
    pixels: bytes, width: int, height: int, glyphs: Glyphs, colour: bool, shape: PictureShape
) -> list[list[Segment]]:
    """An image of bytes as `height` rows of segments, `width` cells each; without `colour` in no style.

    A picture of three channels is drawn in its own colours. The pictures drawn last are kept, and are not to be
    changed: most stay on the screen while all else changes.
    """
    inner = within(width, height, shape)
    if not colour:
        lines = [[Segment(line)] for line in (in_ramp if glyphs is ASCII else in_quadrants)(pixels, *inner, shape)]
        return centred(lines, inner, (width, height))
    values = resized([pixels], 2 * inner[0], 2 * inner[1], shape=shape)[0].round()
    style: Callable[..., Style]
    if len(values) < 3:
        cells, style = two_tones(values[0]), shades
    else:
        (places,), *tones = two_tones(values[:3], values[:3].mean(0, keepdims=True))
        cells, style = (places, *(tone.transpose(1, 2, 0) for tone in tones)), tinted
    lines = [
        list(Segment.simplify(Segment(QUADRANTS[place], style(*tones)) for place, *tones in zip(*row, strict=True)))
        for row in zip(*(part.astype(int).tolist() for part in cells), strict=True)
    ]
    return centred(lines, inner, (width, height))
