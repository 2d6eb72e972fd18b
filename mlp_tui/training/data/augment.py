"""Distortions of the training pictures: turned, scaled, sheared and bent a little, otherwise in each epoch."""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...config import TrainingConfig
from ...errors import UserError
from .batches import Dataset, Distortion


class Strength(NamedTuple):
    """How much pictures are distorted; what is 0 is left out."""

    degrees: float = 10.0
    """They are turned by at most so much, to either side."""
    scale: float = 0.1
    """Width and height are changed by at most this share, each for itself."""
    shear: float = 0.1
    """Rows are shifted by at most this share of their distance from the middle."""
    shift: float = 1 / 28
    """The root mean square of the shifts that bend them, along each axis, in sides of a picture: 1 pixel of MNIST's."""


STRENGTHS = {"affine": Strength(shift=0.0), "elastic": Strength()}

SMOOTHNESS = 1 / 7
"""The standard deviation of the Gaussian that smooths the shifts, in sides of a picture: 4 pixels of MNIST's."""

KNOTS = 12
"""Along each axis, the points whose random shifts are smoothed. They are a standard deviation apart, the outer ones two
of them beyond the borders: near enough to smooth to what a shift of each pixel does, with a fifth of the numbers.
"""


def make_distortion(config: TrainingConfig, dataset: Dataset) -> Distortion | None:
    """What distorts the training pictures as the settings say, if anything does. Raises UserError for a table."""
    if config.augment == "none":
        return None
    if len(dataset.shape) != 3:
        raise UserError(f"--augment {config.augment} distorts pictures, and {dataset.name} is a table: leave it out.")
    return RandomDistortion(config.seed, STRENGTHS[config.augment])


class RandomDistortion:
    """Distorts each picture of a batch otherwise. Its random numbers follow from (seed, epoch, batch) alone.

    They are drawn on the pictures' device, where each picture has its own, by its place in the batch. Elastic
    distortions are those of Simard et al., 2003 (https://doi.org/10.1109/ICDAR.2003.1227801).
    """

    def __init__(self, seed: int, strength: Strength) -> None:
        self._seed, self._strength = seed, strength
        self._knots = KNOTS if strength.shift else 0
        self._bases: tuple[Tensor, Tensor] | None = None

    def __call__(self, raw: Tensor, epoch: int, batch: int) -> Tensor:
        """Raw pictures, as `Examples` has them, distorted, for a batch of an epoch, both counted from 0."""
        return sample(raw, self.places(raw, epoch, batch))

    def places(self, raw: Tensor, epoch: int, batch: int) -> Tensor:
        """Where each pixel of the distorted pictures comes from, shape (n, height, width, 2), as `sample` takes it.

        A place is a sum over products of a function of its row and one of its column: each coordinate itself, which
        makes the affine part, or a Gaussian around a knot. So two products with small matrices make all of them.
        """
        height, width = raw.shape[-2:]
        if self._bases is None or self._bases[0].device != raw.device:
            self._bases = (basis(height, self._knots).to(raw.device), basis(width, self._knots).to(raw.device))
        mix = np.random.SeedSequence((self._seed, epoch, batch)).generate_state(1, np.uint64)
        generator = torch.Generator(raw.device).manual_seed(int(mix[0]))
        numbers = torch.rand(len(raw), 4 + 2 * self._knots**2, generator=generator, device=raw.device)
        numbers.mul_(2).sub_(1)
        weights = numbers.new_zeros(len(raw), 2, 2 + self._knots, 2 + self._knots)
        affine = matrices(numbers[:, :4], self._strength)
        weights[:, :, 0, 1] = affine[:, :, 0] * affine.new_tensor((1, width / height))
        weights[:, :, 1, 0] = affine[:, :, 1] * affine.new_tensor((height / width, 1))
        # Uniform in [-1, 1] they have a root mean square of 3 ** -0.5; and a picture has a height and a width of 2.
        shifts = numbers[:, 4:].view(len(raw), 2, self._knots, self._knots)
        weights[:, :, 2:, 2:] = shifts * (2 * math.sqrt(3) * self._strength.shift)
        rows, columns = self._bases
        return (rows @ weights @ columns.T).permute(0, 2, 3, 1)


def sample(raw: Tensor, places: Tensor) -> Tensor:
    """The pictures that have at each pixel what `raw` has at its place, shape (n, height, width, 2): x, y.

    The middle of a picture is at 0, 0, its borders are at -1 and 1; beyond them everything is 0.
    """
    pictures = raw.view(len(raw), -1, *raw.shape[-2:]).to(torch.float32)
    found = F.grid_sample(pictures, places, mode="bilinear", padding_mode="zeros", align_corners=False)
    return found.round_().to(torch.uint8).view_as(raw)


def basis(side: int, knots: int) -> Tensor:
    """The functions of a coordinate, at the middle of each pixel, shape (side, 2 + knots): 1, itself, the Gaussians.

    The squares of the Gaussians sum up to 1, so that shifts are as large at the border as in the middle.
    """
    coordinate = (2 * torch.arange(side) + 1) / side - 1
    sigma = 2 * SMOOTHNESS
    at = (torch.arange(knots) - (knots - 1) / 2) * sigma
    gaussians = torch.exp(-(((coordinate[:, None] - at) / sigma) ** 2) / 2)
    return torch.cat((torch.ones(side, 1), coordinate[:, None], F.normalize(gaussians, dim=1)), dim=1)


def matrices(numbers: Tensor, strength: Strength) -> Tensor:
    """From numbers between -1 and 1, shape (n, 4), the matrices that scale, shear and turn (x, y), shape (n, 2, 2)."""
    angle, shear = numbers[:, 0] * math.radians(strength.degrees), numbers[:, 1] * strength.shear
    x, y = (1 + numbers[:, 2:] * strength.scale).unbind(1)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack((cos * x, (cos * shear - sin) * y, sin * x, (sin * shear + cos) * y), dim=1).view(-1, 2, 2)
