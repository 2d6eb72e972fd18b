"""Drawings made as MNIST's digits were."""

import pytest

from mlp_tui.training.data.centring import centred


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
