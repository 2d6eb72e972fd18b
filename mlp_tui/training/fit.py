"""The epochs: from settings and data to an iterator of events."""

import os
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..errors import UserError
from ..events import EpochFinished, Event, Predictions, Preview, RunStarted
from .datasets import Batches, Dataset, normalise
from .loops import test, train
from .model import MultiLayerPerceptron
from .optimizer import Adam

EXAMPLES = range(1000, 1020)
"""The test examples on show: the notebook's."""

PREDICT_EVERY = 100
"""Batches from one look at the examples to the next: as often as the notebook prints."""


MOST_THREADS = 8


def fit(config: TrainingConfig, dataset: Dataset, run: str) -> Iterator[Event]:
    """Trains as `config` says, telling what happens. It computes only while its next event is asked for.

    Raises UserError where the device is not there.
    """
    device = choose_device(config.device)
    torch.set_num_threads(choose_threads(config))
    torch.manual_seed(config.seed)
    model = MultiLayerPerceptron(config.hidden_size).to(device)  # drawn on the CPU: the same on every device
    optimizer = Adam(model.parameters(), lr=config.learning_rate)
    loss_fn = nn.CrossEntropyLoss()
    shuffle = torch.Generator().manual_seed(config.seed)
    train_loader = Batches(dataset.train.to(device), config.batch_size, shuffle)
    test_loader = Batches(dataset.test.to(device), config.test_batch_size)

    yield RunStarted(
        run=run,
        config=config.as_dict(),
        device=describe(device),
        dataset=dataset.name,
        train_size=len(dataset.train),
        test_size=len(dataset.test),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        notice=dataset.notice,
    )
    shown = EXAMPLES if len(dataset.test) >= EXAMPLES.stop else range(min(len(EXAMPLES), len(dataset.test)))
    rows = slice(shown.start, shown.stop)
    images = dataset.test.images[rows]
    yield Preview(
        indices=tuple(shown),
        labels=tuple(dataset.test.labels[rows].tolist()),
        pixels=tuple(bytes(image.flatten().tolist()) for image in images),
    )
    examples = normalise(images.to(device))
    yield predict(model, examples)

    for epoch in range(config.epochs):
        for batch in train(model, train_loader, loss_fn, optimizer, epoch=epoch):
            yield batch
            if batch.batch % PREDICT_EVERY == 1 or batch.batch == batch.batches:
                yield predict(model, examples)
        started = time.perf_counter()
        result = test(model, test_loader, loss_fn, epoch=epoch)
        yield EpochFinished(
            epoch=epoch + 1,
            epochs=config.epochs,
            train_loss=batch.running_loss,
            train_accuracy=batch.running_accuracy,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=batch.seconds,
            test_seconds=time.perf_counter() - started,
        )


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Predictions:
    """What the model makes of normalised images, shape (n, 28, 28). Leaves the model in its mode."""
    training = model.training
    model.eval()
    probabilities = model(images).softmax(-1)
    model.train(training)
    return Predictions(
        predictions=tuple(probabilities.argmax(-1).tolist()),
        probabilities=tuple(map(tuple, probabilities.tolist())),
    )


def choose_threads(config: TrainingConfig) -> int:
    """The CPU threads to compute with: as set, or by a rule that makes the same choice on a machine each time.

    The rule gives each thread 2.5 million multiplications of the first layer's product, 50 microseconds of
    work or so: with less, the threads wait for each other longer than they save.
    """
    if config.threads:
        return config.threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    work = config.batch_size * 28 * 28 * config.hidden_size
    return max(1, min(cores, MOST_THREADS, work // 2_500_000))


def choose_device(choice: str) -> torch.device:
    """The device that `--device` names. Raises UserError where it is not there."""
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "auto":
        return torch.device("cuda" if has["cuda"] else "cpu")
    if not has[choice]:
        there = " or ".join(name for name, present in has.items() if present)
        raise UserError(f"There is no {choice} device here that PyTorch can use: choose --device {there}, or auto.")
    return torch.device(choice)


def describe(device: torch.device) -> str:
    """The device in a few words, as a person would name it."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'s' * (threads != 1)})"
    return device.type
