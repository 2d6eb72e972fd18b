"""A data set's batches, as tensors that lie on the device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...events import SIDE

MEAN, STD = 0.1307, 0.3081
"""MNIST's mean and standard deviation, of pixels between 0 and 1, as the notebook normalises them."""


@dataclass(frozen=True)
class Digits:
    """Images, uint8, shape (n, 28, 28), raw 0-255; and their labels, int64, shape (n,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "Digits":
        """The same images and labels on a device."""
        return Digits(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """What to train on and what to test on; `notice` says what the user should know of it."""

    name: Literal["mnist", "synthetic"]
    train: Digits
    test: Digits
    notice: str = ""


def normalise(images: Tensor) -> Tensor:
    """Raw pixels 0-255, of any shape, as the model takes them: float32, the same shape.

    They are what torchvision's `ToTensor` and `Normalize(0.1307, 0.3081)` give, to the last bit.
    """
    return images.to(torch.float32).div_(255).sub_(MEAN).div_(STD)


class Batches:
    """Iterates (inputs, targets) as a DataLoader does, from tensors that lie on the device already.

    Inputs are float32, shape (batch, 28, 28), normalised; targets int64, shape (batch,). The last batch may
    be smaller. With a `generator` (on the CPU) each iteration shuffles anew. The next iteration leaves out its
    first `skip` batches.
    """

    def __init__(self, digits: Digits, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.digits = digits
        self.batch_size = batch_size
        self.generator = generator
        self.skip = 0
        self.under_way: ShuffledBatches | None = None
        """The last iteration that shuffled."""
        self._rows = digits.images.flatten(1)

    def __len__(self) -> int:
        return math.ceil(len(self.digits) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        skip, self.skip = self.skip, 0
        if self.generator is not None:
            # Drawn on the CPU, so that it is the same order on every device.
            order = torch.randperm(len(self.digits), generator=self.generator)
            self.under_way = ShuffledBatches(self, order.to(self.digits.images.device), skip)
            return self.under_way
        return self._in_order(skip)

    def _in_order(self, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.digits.images, self.digits.labels
        for start in range(skip * self.batch_size, len(images), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield normalise(images[batch]), labels[batch]

    def fetch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of the images whose numbers `rows` holds, int64, shape (batch,)."""
        # On rows of bytes this is several times as fast as `images[rows]`.
        pixels = self._rows.index_select(0, rows).view(-1, SIDE, SIDE)
        return normalise(pixels), self.digits.labels.index_select(0, rows)


class ShuffledBatches(Iterator[tuple[Tensor, Tensor]]):
    """One pass over `loader`'s images in the order that `order` gives, from batch `place` (from 0) on."""

    def __init__(self, loader: Batches, order: Tensor, place: int = 0) -> None:
        self.loader = loader
        self.place = place
        self._order = order
        self._rows: tuple[Tensor, ...] = torch.split(order, loader.batch_size)

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.place >= len(self._rows):
            raise StopIteration
        self.place += 1
        return self.loader.fetch(self._rows[self.place - 1])

    @property
    def rows(self) -> Tensor:
        """The numbers of the images in the last batch that was fetched, int64, shape (batch,)."""
        return self._rows[self.place - 1]

    @property
    def whole(self) -> int:
        """The batches of full size that are left."""
        return len(self._order) // self.loader.batch_size - self.place

    def take_rows(self, count: int) -> Tensor:
        """The numbers of the images of the next `count` batches, shape (count, batch), in place of the batches.

        There must be as many `whole` ones.
        """
        size, start = self.loader.batch_size, self.place
        self.place += count
        return self._order[start * size : self.place * size].view(count, size)
