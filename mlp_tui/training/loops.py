"""Train and test, one epoch each, in the six steps of the notebook."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn, optim

from ..events import BatchFinished


class Loader(Iterable[tuple[Tensor, Tensor]], Sized, Protocol):
    """Batches of (inputs, targets), shapes (batch, 28, 28) and (batch,): `Batches`, or a DataLoader."""


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
) -> Iterator[BatchFinished]:
    """Trains a model for one epoch (one pass through the entire training data).

    Yields an event after each batch. `epoch` counts from 0, as in the notebook; the events count from 1.
    The clock stands still while the caller holds an event, so a pause does not count as training.
    """
    total_loss = 0.0
    correct = images = 0
    seconds = 0.0
    batches = len(train_loader)

    model.train()  # Set model in training mode
    started = time.perf_counter()
    for i, (inputs, targets) in enumerate(train_loader):  # 1. Fetch next batch of data
        optimizer.zero_grad()  # 2. Zero parameter gradients
        outputs = model(inputs)  # 3. Compute model outputs
        loss = loss_fn(outputs, targets)  # 4. Compute loss between outputs and targets
        loss.backward()  # 5. Backpropagation for parameter gradients
        optimizer.step()  # 6. Gradient descent step

        # Track some values to compute statistics
        batch_loss = loss.item()
        total_loss += batch_loss
        correct += int((outputs.argmax(-1) == targets).sum())
        images += len(targets)
        seconds += time.perf_counter() - started
        yield BatchFinished(
            epoch=epoch + 1,
            batch=i + 1,
            batches=batches,
            loss=batch_loss,
            running_loss=total_loss / (i + 1),
            running_accuracy=correct / images,
            images_per_second=images / seconds,
            seconds=seconds,
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
