"""Train and test, one epoch each, in the six steps of the notebook."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn, optim

from ..config import PRINT_EVERY
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

    def add(self, stepped: "Stepped") -> list[float]:
        """Adds what came of some steps, except the time, and returns the losses. Waits for the device."""
        losses: list[float] = stepped.losses.tolist()
        for loss in losses:
            self.loss += loss
        self.correct += int(stepped.correct)
        self.images += stepped.images
        self.batches += len(losses)
        return losses


class Stepped(NamedTuple):
    """What came of some steps: each batch's loss, shape (steps,), images read right (a scalar), and images."""

    losses: Tensor
    correct: Tensor
    images: int


class TestResult(NamedTuple):
    """One test, after `epoch` (from 1): the mean loss over batches, the accuracy as a fraction, all the logits."""

    epoch: int
    loss: float
    accuracy: float
    logits: Tensor


class Steps(Protocol):
    """A way to train on the next `count` batches that comes to the same numbers as `take_steps`, sooner."""

    name: str
    """What it is called on the screen."""
    group: int
    """Batches that it takes at once, from the second of an epoch on: an event comes after whole groups."""

    def __call__(self, batches: Iterator[tuple[Tensor, Tensor]], count: int) -> Stepped: ...


def take_steps(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    count: int,
    loss_fn: nn.Module,
    optimizer: optim.Optimizer,
) -> Stepped:
    """Trains on the next `count` batches, which must be there. The results stay on the device: nothing waits for it."""
    losses, correct, images = [], [], 0
    for inputs, targets in islice(batches, count):  # 1. Fetch next batch of data
        optimizer.zero_grad()  # 2. Zero parameter gradients
        outputs = model(inputs)  # 3. Compute model outputs
        loss = loss_fn(outputs, targets)  # 4. Compute loss between outputs and targets
        loss.backward()  # 5. Backpropagation for parameter gradients
        optimizer.step()  # 6. Gradient descent step

        # Track some values to compute statistics
        losses.append(loss.detach())
        correct.append((outputs.argmax(-1) == targets).sum())
        images += len(targets)
    return Stepped(torch.stack(losses), torch.stack(correct).sum(), images)


def train(
    model: nn.Module,
    train_loader: Loader,
    loss_fn: nn.Module,
    optimizer: optim.Optimizer,
    epoch: int = -1,
    totals: Totals | None = None,
    steps: Steps | None = None,
    interval: Callable[[], float] = lambda: 0.0,
) -> Iterator[BatchFinished]:
    """Trains a model for one epoch (one pass through the entire training data).

    Yields an event after each batch; or, where `interval` says so, after as many as take about that many seconds.
    `epoch` counts from 0, as in the notebook; the events count from 1. The clock stands still while the caller
    holds an event, so a pause does not count as training. With the `totals` of an epoch that was broken off, the
    loader must yield the batches that are left. With `steps`, made for these objects by `steps.plan`, it is faster.
    """
    totals = totals or Totals()
    count = len(train_loader)
    at_once = 1  # batches from this event to the next

    model.train()  # Set model in training mode
    started = time.perf_counter()
    batches = iter(train_loader)
    while totals.batches < count:
        to_line = PRINT_EVERY - (totals.batches - 1) % PRINT_EVERY
        at_once = min(at_once, to_line, count - totals.batches)
        stepped = take_steps(model, batches, at_once, loss_fn, optimizer) if steps is None else steps(batches, at_once)

        losses = totals.add(stepped)
        took = time.perf_counter() - started
        totals.seconds += took
        yield BatchFinished(
            epoch=epoch + 1,
            batch=totals.batches,
            batches=count,
            loss=losses[-1],
            running_loss=totals.loss / totals.batches,
            running_accuracy=totals.correct / totals.images,
            images_per_second=totals.images / totals.seconds,
            seconds=totals.seconds,
            learning_rate=float(optimizer.param_groups[0]["lr"]),
            losses=tuple(losses),
        )
        # By the last batches' time; no more than twice as many, since the first ones may not be like the rest.
        seconds = interval()
        at_once = min(max(1, int(seconds / (took / at_once))), 2 * at_once)
        if steps is not None and seconds:
            at_once += -(totals.batches - 1 + at_once) % steps.group
        started = time.perf_counter()


@torch.no_grad()
def test(model: nn.Module, test_loader: Loader, loss_fn: nn.Module, epoch: int = -1) -> TestResult:
    """Tests a model for one epoch of test data: no gradients, so steps 2, 5 and 6 are not needed.

    `epoch` counts from 0. Raises RuntimeError where the loader yields nothing.
    """
    losses, logits, correct = [], [], []

    model.eval()  # Set model in evaluation mode
    for inputs, targets in test_loader:  # 1. Fetch next batch of data
        outputs = model(inputs)  # 3. Compute model outputs
        loss = loss_fn(outputs, targets)  # 4. Compute loss between outputs and targets

        # Track some values to compute statistics
        losses.append(loss)
        logits.append(outputs)
        correct.append(outputs.argmax(-1) == targets)
    total_loss = sum(torch.stack(losses).tolist())
    accuracy = int(torch.cat(correct).sum()) / sum(map(len, correct))
    return TestResult(epoch + 1, total_loss / len(test_loader), accuracy, torch.cat(logits))
