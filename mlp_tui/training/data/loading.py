"""What all loaders of data sets share: where examples are kept, how they are split, how they are measured."""

import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from ...config import CACHE_DIR
from ...errors import UserError, explained
from ...files import open_regular
from ..memory import available_memory, gigabytes
from .batches import Dataset, Examples, Normaliser

MOST_CLASSES = 1000
"""More labels than that are numbers to predict, rather than classes; and nobody could look at their confusion."""

TEST_SHARE = 0.2
"""What is split off for the test where the data have no test set of their own."""

PIECE = 1 << 24
"""Bytes that are read, copied or measured at once."""

COPIES = 3
"""How often examples may be in memory at once: as they are read, and split twice."""


@dataclass
class Loading:
    """The settings that a data set is loaded with, and the room for its examples."""

    seed: int = 0
    image_size: int = 0
    in_files: int = field(default=0, init=False)
    """Bytes of examples that lie in files, since they do not fit in memory."""

    def room(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """A tensor to be filled: in memory where it fits, else in a file in the cache folder that ends with it.

        Raises UserError where neither has the space.
        """
        size = math.prod(shape) * dtype.itemsize
        if COPIES * size <= available_memory():
            return torch.empty(tuple(shape), dtype=dtype)
        problem = f"The examples take {gigabytes(size)}, which fit neither in memory nor in {CACHE_DIR}"
        with explained(problem, "take fewer, or smaller ones"):
            CACHE_DIR.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(CACHE_DIR).free
            if size > free:
                raise OSError(None, f"{gigabytes(free)} are free")
            with tempfile.TemporaryFile(dir=CACHE_DIR) as file:
                file.truncate(size)
                if hasattr(os, "posix_fallocate"):  # to write where the disk is full would end the process
                    os.posix_fallocate(file.fileno(), 0, size)
                numbers = np.memmap(file, np.uint8, "r+", shape=(size,))
        self.in_files += size
        return torch.from_numpy(numbers).view(dtype).view(tuple(shape))

    def take(self, examples: Examples, rows: Tensor) -> Examples:
        """A copy of those rows, piece by piece."""
        inputs = self.room((len(rows), *examples.inputs.shape[1:]), examples.inputs.dtype)
        for start, end in pieces(inputs):
            inputs[start:end] = examples.inputs[rows[start:end]]
        return Examples(inputs, examples.labels[rows])

    def split(self, examples: Examples, share: float) -> tuple[Examples, Examples]:
        """What is left, and the share that is split off: so much of each class, drawn by the seed."""
        left, off = split_rows(examples.labels, share, self.seed)
        return self.take(examples, left), self.take(examples, off)


def split_rows(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The rows that are left, and those split off, in random order: of each class the share, and not all.

    A class of two examples or more gives one at least.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    by_class = order[labels[order].argsort(stable=True)]
    counts = torch.bincount(labels)
    wanted = (counts * share).round().long().clamp(min=1).minimum((counts - 1).clamp(min=0))
    of_row = labels[by_class]
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts)[of_row]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[by_class[place < wanted[of_row]]] = True
    return order[~chosen[order]], order[chosen[order]]


def with_validation(dataset: Dataset, share: float, loading: Loading) -> Dataset:
    """The same, with that share of its training set split off for validation. Raises UserError."""
    train, validation = loading.split(dataset.train, share)
    if not len(validation):
        raise UserError(
            f"--validation {share:g} splits nothing off {len(train)} examples, one of each class: leave it."
        )
    return replace(dataset, train=train, validation=validation)


def finished(
    source: str, name: str, parts: Sequence[Examples], classes: Sequence[str], columns: Sequence[str] = ()
) -> Dataset:
    """A data set normalised by its training set's own mean and deviation, from its parts for training and test.

    `source` is what the user named it by.

    Raises UserError where there is too little in it to learn from, or where its two parts do not go together.
    """
    train, test = parts
    if not len(train) or not len(test):
        raise UserError(f"{source} has {len(train):,} examples to train on and {len(test):,} to test on: add some.")
    if len(classes) < 2:
        raise UserError(f'{source} has one class alone, "{classes[0]}": add examples of another, to tell them apart.')
    if len(classes) > MOST_CLASSES:
        raise UserError(f"{source} has {too_many(len(classes))}.")
    kinds = [f"{tuple(part.inputs.shape[1:])} {part.inputs.dtype}".replace("torch.", "") for part in parts]
    if kinds[0] != kinds[1]:
        raise UserError(
            f"{source} has examples of {kinds[0]} to train on and of {kinds[1]} to test on: make them alike."
        )
    if unknown := np.setdiff1d(test.labels.numpy(), train.labels.numpy()).tolist():
        name = classes[min(unknown)]
        raise UserError(
            f'{source}: the test has the label "{name}", which the training does not have: train on it, too.'
        )
    if not math.prod(train.inputs.shape):
        raise UserError(f"{source} has examples without a single number: add what to learn from.")
    if train.inputs.dim() == 2:
        columns = columns or [f"column {number}" for number in range(train.inputs.shape[1])]
    return Dataset(name, train, test, "", tuple(classes), measure(train.inputs), tuple(columns), None, source)


def too_many(classes: int) -> str:
    """How many classes there are, and what may be wrong, as the end of a sentence."""
    return f"{classes:,} different labels, and {MOST_CLASSES:,} classes are the most: labels must not be measurements"


def measure(inputs: Tensor) -> Normaliser:
    """The mean and the deviation of raw inputs: of each channel, or of each column; 1 where there is no deviation.

    They come to the same bits with any number of threads: those of images from whole numbers, the others by NumPy.
    """
    if inputs.is_floating_point():
        rows = inputs.numpy()
        mean = sum(rows[a:b].sum(0, dtype=np.float64) for a, b in pieces(inputs)) / len(rows)
        squares = sum(np.square(rows[a:b] - mean).sum(0) for a, b in pieces(inputs))
        deviation = np.sqrt(squares / len(rows))
        constant = deviation <= np.maximum(1e-7 * np.abs(mean), 1e-37)  # as far as float32 can tell
        return Normaliser(tuple(mean.tolist()), tuple(np.where(constant, 1.0, deviation).tolist()))
    channels = inputs.unsqueeze(1) if inputs.dim() == 3 else inputs
    counts = torch.zeros(channels.shape[1], 256, dtype=torch.int64)
    for start, end in pieces(inputs):
        for channel, count in enumerate(counts):
            count += torch.bincount(channels[start:end, channel].flatten(), minlength=256)
    values, total = np.arange(256) / 255, counts[0].sum().item()
    means = [float(values @ count.numpy() / total) for count in counts]
    deviations = [
        float(np.sqrt(np.square(values - mean) @ count.numpy() / total))
        for mean, count in zip(means, counts, strict=True)
    ]
    return Normaliser(tuple(means), tuple(deviation or 1.0 for deviation in deviations))


def pieces(inputs: Tensor) -> Iterator[tuple[int, int]]:
    """The first row and the row behind the last, of pieces that are not too large to be handled at once."""
    step = max(1, PIECE // max(1, math.prod(inputs.shape[1:])))
    for start in range(0, len(inputs), step):
        yield start, min(len(inputs), start + step)


def in_order(labels: set[str]) -> list[str]:
    """Labels in the order that a person expects: by size where they are whole numbers, else by the alphabet."""
    try:
        return sorted(labels, key=lambda label: (int(label), label))
    except ValueError:
        return sorted(labels)


def short_name(path: Path) -> str:
    """A name for what lies at that path that is fit for a file's name, and for the top line."""
    return re.sub(r"[^\w-]+", "-", path.stem)[:30].strip("-_") or "data"


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """The file, open. Raises UserError where it cannot be read, or is a pipe or a device."""
    with explained(f"{path} cannot be read", "mend that, or name another"), open(open_regular(path), "rb") as file:
        yield file
