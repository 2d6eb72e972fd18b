"""Train and test, one epoch each, in the six steps of the notebook."""

import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn, optim

from ..events import BatchFinished


class Loader(Iterable[tuple[Tensor, Tensor]], Sized, Protocol):
    """Batches of (inputs, targets), shapes (batch, 28, 28) and (batch,): `Batches`, or a DataLoader."""


@dataclass
class Totals:
    """The sums of an epoch so far: losses of batches, images read right, images, batches, seconds."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0
    batches: int = 0
    seconds: float = 0.0


class TestResult(NamedTuple):
    """One test, after `epoch` (from 1): the mean loss over batches, and the accuracy as a fraction."""

    epoch: int
    loss: float
    accuracy: float


def train(
    model: nn.Module,
    train_loader: Loader,
    loss_fn: nn.Module,
    optimizer: optim.Optimizer,
    epoch: int = -1,
    totals: Totals | None = None,
) -> Iterator[BatchFinished]:
    """Trains a model for one epoch (one pass through the entire training data).

    Yields an event after each batch. `epoch` counts from 0, as in the notebook; the events count from 1.
    The clock stands still while the caller holds an event, so a pause does not count as training. With the
    `totals` of an epoch broken off, it goes on: the loader must then yield the batches that are left.
    """
    totals = totals or Totals()
    batches = len(train_loader)

    model.train()  # Set model in training mode
    started = time.perf_counter()
    for inputs, targets in train_loader:  # 1. Fetch next batch of data
        optimizer.zero_grad()  # 2. Zero parameter gradients
        outputs = model(inputs)  # 3. Compute model outputs
        loss = loss_fn(outputs, targets)  # 4. Compute loss between outputs and targets
        loss.backward()  # 5. Backpropagation for parameter gradients
        optimizer.step()  # 6. Gradient descent step

        # Track some values to compute statistics
        batch_loss = loss.item()
        totals.loss += batch_loss
        totals.correct += int((outputs.argmax(-1) == targets).sum())
        totals.images += len(targets)
        totals.batches += 1
        totals.seconds += time.perf_counter() - started
        yield BatchFinished(
            epoch=epoch + 1,
            batch=totals.batches,
            batches=batches,
            loss=batch_loss,
            running_loss=totals.loss / totals.batches,
            running_accuracy=totals.correct / totals.images,
            images_per_second=totals.images / totals.seconds,
            seconds=totals.seconds,
        )
        started = time.perf_counter()


@torch.no_grad()
def test(model: nn.Module, test_loader: Loader, loss_fn: nn.Module, epoch: int = -1) -> TestResult:
    """Tests a model for one epoch of test data: no gradients, so steps 2, 5 and 6 are not needed."""
    total_loss = 0.0
    correct = images = 0

    model.eval()  # Set model in evaluation mode
    for inputs, targets in test_loader:  # 1. Fetch next batch of data
        outputs = model(inputs)  # 3. Compute model outputs
        loss = loss_fn(outputs, targets)  # 4. Compute loss between outputs and targets

        # Track some values to compute statistics
        total_loss += loss.item()
        correct += int((outputs.argmax(-1) == targets).sum())
        images += len(targets)
    return TestResult(epoch + 1, total_loss / len(test_loader), correct / images)
