"""A drawing made as MNIST's digits were: scaled into 20x20 pixels and centred by its mass in 28x28."""

import math

from ...events import SIDE

BOX = 20
"""Pixels along each side of the square that a digit fills."""

FAINT = 32
"""Brightness below which a pixel is no ink, so that what an eraser left does not count."""


def centred(pixels: bytes) -> bytes | None:
    """An image of 28x28 bytes, ink bright, as a model that learnt from MNIST expects it; None where there is no ink.

    The ink's bounding box fills the 20x20 one in its longer direction. Its centre of mass is the image's, to the
    nearest pixel and as far as the ink stays inside.
    """
    ink = [i for i, value in enumerate(pixels) if value >= FAINT]
    if not ink:
        return None
    top, bottom = ink[0] // SIDE, ink[-1] // SIDE + 1
    left, right = min(i % SIDE for i in ink), max(i % SIDE for i in ink) + 1
    step = max(right - left, bottom - top) / BOX
    rows = [pixels[y * SIDE + left : y * SIDE + right] for y in range(top, bottom)]
    narrow = [_resample(row, step) for row in rows]
    columns = [_resample(column, step) for column in zip(*narrow, strict=True)]
    x = _start([sum(column) for column in columns])
    y = _start([sum(row) for row in zip(*columns, strict=True)])
    image = bytearray(SIDE * SIDE)
    for i, column in enumerate(columns):
        for j, value in enumerate(column):
            image[(y + j) * SIDE + x + i] = round(value)
    return bytes(image)


def _resample(values: bytes | list[float] | tuple[float, ...], step: float) -> list[float]:
    """Values at every `step`, each a mean of those around it that the nearest weigh most in: smooth, either way."""
    reach = max(1.0, step)
    result = []
    for i in range(max(1, round(len(values) / step))):
        middle = (i + 0.5) * step - 0.5
        near = range(max(0, math.floor(middle - reach) + 1), min(len(values), math.floor(middle + reach) + 1))
        weights = [max(0.0, 1 - abs(j - middle) / reach) for j in near]
        result.append(sum(values[j] * weight for j, weight in zip(near, weights, strict=True)) / sum(weights))
    return result


def _start(masses: list[float]) -> int:
    """Where to begin along a side for the masses' centre to be the image's."""
    centre = sum((i + 0.5) * mass for i, mass in enumerate(masses)) / sum(masses)
    return min(max(0, round(SIDE / 2 - centre)), SIDE - len(masses))
