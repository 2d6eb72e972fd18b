"""A data set's batches, as tensors that lie on the device."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """Inputs and their labels, int64, shape (n,).

    Inputs are images, uint8, raw 0-255, of shape (n, height, width) where they are gray, or (n, channels, height,
    width); or the rows of a table, float32, shape (n, columns).
    """

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> "Examples":
        """The same inputs and labels on a device."""
        return Examples(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Normaliser:
    """Takes the mean off raw inputs and divides by the deviation: one of each, or one a channel or a column.

    Of images they are those of pixels between 0 and 1.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    _tensors: dict[torch.device, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Both, shape (2, n), on each device where they were needed: to copy them for each batch would take longer."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Raw inputs as the model takes them: float32, the same shape."""
        x = inputs.to(torch.float32, copy=True)
        if not inputs.is_floating_point():
            x.div_(255)
        if len(self.mean) == 1:
            return x.sub_(self.mean[0]).div_(self.deviation[0])
        if x.device not in self._tensors:
            self._tensors[x.device] = x.new_tensor((self.mean, self.deviation))
        mean, deviation = self._tensors[x.device].view(2, -1, *[1] * (inputs.dim() - 2))
        return x.sub_(mean).div_(deviation)


normalise = Normaliser((0.1307,), (0.3081,))
"""MNIST's: as the notebook has it, torchvision's `ToTensor` and `Normalize(0.1307, 0.3081)`, to the last bit."""


class Distortion(Protocol):
    """Changes the pictures of a batch, otherwise for each batch of each epoch, both counted from 0."""

    def __call__(self, raw: Tensor, epoch: int, batch: int) -> Tensor: ...


@dataclass(frozen=True)
class Dataset:
    """What to train on and what to test on; `notice` says what the user should know of it."""

    name: str
    """Short, and fit to be part of a file's name."""
    train: Examples
    test: Examples
    notice: str = ""
    classes: tuple[str, ...] = tuple("0123456789")
    """The classes' names, by their labels."""
    normalise: Normaliser = normalise
    columns: tuple[str, ...] = ()
    """The columns' names, of a table."""
    validation: Examples | None = None
    """Examples that were split off the training set, to choose an epoch by."""
    source: str = ""
    """What `--dataset` must say to have it again, where that is not its name."""

    @property
    def held_out(self) -> Examples:
        """The examples that are looked at after each epoch: those for validation, or else the test set."""
        return self.test if self.validation is None else self.validation

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example: (channels, height, width), or (columns,) of a table."""
        shape = tuple(self.train.inputs.shape[1:])
        return (1, *shape) if len(shape) == 2 else shape


class Batches:
    """Iterates (inputs, targets) as a DataLoader does, from tensors that lie on the device already.

    Where they do not, each batch is moved to the `device` that is named.
    Inputs are float32, normalised, of shape (batch, ...) as the examples have it, or of the `shape` that is asked
    for; targets int64, shape (batch,). The last batch may be smaller. With a `generator` (on the CPU) each iteration
    shuffles anew, and the inputs are what `distort` makes of them, for the `epoch` that is set, from 0. The next
    iteration leaves out its first `skip` batches.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        generator: torch.Generator | None = None,
        normalise: Normaliser = normalise,
        shape: tuple[int, ...] | None = None,
        device: torch.device | None = None,
        distort: Distortion | None = None,
    ) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.generator = generator
        self.distort = distort
        self.epoch = self.skip = 0
        self.under_way: ShuffledBatches | None = None
        """The last iteration that shuffled."""
        self._rows = examples.inputs.flatten(1)
        self._normalise = normalise
        self._device = device or examples.inputs.device
        self._raw_shape = (-1, *examples.inputs.shape[1:])
        self._shape = (-1, *shape) if shape else self._raw_shape

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        skip, self.skip = self.skip, 0
        if self.generator is not None:
            # Drawn on the CPU, so that it is the same order on every device.
            order = torch.randperm(len(self.examples), generator=self.generator)
            self.under_way = ShuffledBatches(self, order.to(self.examples.inputs.device), skip)
            return self.under_way
        return self._in_order(skip)

    def _in_order(self, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
        inputs, labels = self.examples.inputs, self.examples.labels
        for start in range(skip * self.batch_size, len(inputs), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield self.as_taken(Examples(inputs[batch], labels[batch]).to(self._device))

    def pick(self, rows: Tensor) -> Examples:
        """The examples whose numbers `rows` holds, int64, shape (batch,), on the device."""
        # On rows of bytes this is several times as fast as `inputs[rows]`.
        raw = self._rows.index_select(0, rows).view(self._raw_shape)
        return Examples(raw.to(self._device), self.examples.labels.index_select(0, rows).to(self._device))

    def as_taken(self, batch: Examples) -> tuple[Tensor, Tensor]:
        """A batch as the model takes it, from a raw one on the device."""
        return self._normalise(batch.inputs).view(self._shape), batch.labels


class ShuffledBatches(Iterator[tuple[Tensor, Tensor]]):
    """One pass over `loader`'s images in the order that `order` gives, from batch `place` (from 0) on."""

    def __init__(self, loader: Batches, order: Tensor, place: int = 0) -> None:
        self.loader = loader
        self.place = place
        self._epoch = loader.epoch
        self._order = order
        self._rows: tuple[Tensor, ...] = torch.split(order, loader.batch_size)

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.place >= len(self._rows):
            raise StopIteration
        self.place += 1
        return self.loader.as_taken(self.last)

    @property
    def last(self) -> Examples:
        """The last batch that was fetched, raw, as it was trained on: distorted, where that was asked for."""
        batch = self.loader.pick(self.rows)
        if self.loader.distort is None:
            return batch
        return Examples(self.loader.distort(batch.inputs, self._epoch, self.place - 1), batch.labels)

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
