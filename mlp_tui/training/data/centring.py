"""A drawing made as MNIST's digits were: scaled into 20x20 pixels and centred by its mass in 28x28."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
    rows, columns = (np.flatnonzero((image >= FAINT).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    step = max(image.shape) / BOX
    return placed(weights(image.shape[0], step) @ image @ weights(image.shape[1], step).T)


def weights(size: int, step: float) -> NDArray[np.float64]:
    """What makes values at every `step` of so many: means of those around it that the nearest weigh most in."""
    middles = (np.arange(max(1, round(size / step)))[:, None] + 0.5) * step - 0.5
    nearness: NDArray[np.float64] = (1 - abs(np.arange(size) - middles) / max(1.0, step)).clip(0)
    nearness /= nearness.sum(1, keepdims=True)
    return nearness


def placed(ink: NDArray[Any]) -> bytes:
    """The ink in an image of 28x28 bytes, dark around it, by its centre of mass."""
    places = []
    for masses in (ink.sum(1, dtype=float), ink.sum(0, dtype=float)):
        centre = (np.arange(len(masses)) + 0.5) @ masses / masses.sum()
        start = min(max(0, round(SIDE / 2 - centre)), SIDE - len(masses))
        places.append(slice(start, start + len(masses)))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[places[0], places[1]] = np.rint(ink)
    return image.tobytes()
