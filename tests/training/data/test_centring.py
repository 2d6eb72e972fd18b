"""Strokes of the pad's pen are scaled and centred as MNIST's digits were."""

from itertools import pairwise

import pytest

from mlp_tui.events import SIDE
from mlp_tui.training.data.centring import centred
from mlp_tui.tui.widgets.pad import trace


def drawn(*corners: tuple[float, float]) -> bytes:
    pixels = bytearray(SIDE * SIDE)
    for start, end in pairwise(corners):
        trace(pixels, start, end)
    return bytes(pixels)


def extent(pixels: bytes) -> tuple[int, int]:
    """The width and the height of the ink."""
    inked = [i for i, value in enumerate(pixels) if value >= 32]
    return (
        max(i % SIDE for i in inked) - min(i % SIDE for i in inked) + 1,
        inked[-1] // SIDE - inked[0] // SIDE + 1,
    )


@pytest.mark.parametrize(
    ("corners", "size"),
    [
        (((3.5, 3.5), (3.5, 24.5)), (2, 20)),  # tall: scaled down
        (((10.5, 10.5), (17.5, 10.5), (17.5, 13.5)), (20, 12)),  # wide, and small: scaled up
        (((1.5, 1.5), (26.5, 1.5), (26.5, 26.5)), (20, 20)),
    ],
)
def test_a_drawing_is_scaled_into_20_pixels_and_keeps_its_shape(
    corners: tuple[tuple[float, float], ...], size: tuple[int, int]
) -> None:
    image = centred(drawn(*corners))
    assert image is not None
    width, height = extent(image)
    assert max(width, height) == 20
    assert width == pytest.approx(size[0], abs=1) and height == pytest.approx(size[1], abs=1)


def test_a_drawing_is_centred_by_its_mass() -> None:
    image = centred(drawn((4.5, 3.5), (16.5, 3.5), (16.5, 20.5)))  # most of it is right and above
    assert image is not None
    x, y = (
        sum((place + 0.5) * value for place, value in zip(places, image, strict=True)) / sum(image)
        for places in ([i % SIDE for i in range(784)], [i // SIDE for i in range(784)])
    )
    assert x == pytest.approx(14, abs=0.51) and y == pytest.approx(14, abs=0.51)


def test_it_does_not_matter_where_on_the_pad_a_drawing_is() -> None:
    shapes = [drawn((2.5 + d, 1.5 + d), (9.5 + d, 1.5 + d), (5.5 + d, 14.5 + d)) for d in (0, 4, 10)]
    assert len({centred(shape) for shape in shapes}) == 1


def test_an_empty_pad_is_no_drawing_and_one_dot_is() -> None:
    assert centred(bytes(784)) is None
    assert centred(drawn((0.5, 0.5), (0.5, 0.5))) is not None


def stroke(left: int, top: int, width: int, height: int) -> bytes:
    pixels = bytearray(784)
    for y in range(top, top + height):
        pixels[y * 28 + left : y * 28 + left + width] = b"\xff" * width
    return bytes(pixels)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (9, 1), (1, 28), (28, 1), (28, 28), (2, 13)])
@pytest.mark.parametrize("corner", [False, True])
def test_ink_of_any_size_fills_the_box_in_its_longer_direction(width: int, height: int, corner: bool) -> None:
    image = centred(stroke(0, 0, width, height) if corner else stroke(28 - width, 28 - height, width, height))
    assert image
    rows = [any(image[y * 28 : (y + 1) * 28]) for y in range(28)]
    columns = [any(image[x::28]) for x in range(28)]
    assert max(sum(rows), sum(columns)) == 20


def test_ink_that_is_even_is_as_bright_when_it_is_large() -> None:
    image = centred(stroke(5, 5, 4, 10))
    assert image and set(image) == {0, 255}
