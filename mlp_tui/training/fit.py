"""The epochs: from settings and data to an iterator of events."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..events import EpochFinished, Event, Predictions, Preview, RunStarted
from .checkpoint import TrainingState
from .datasets import Batches, Dataset, normalise
from .device import choose_threads, describe
from .loops import test, train

EXAMPLES = range(1000, 1020)
"""The test examples on show: the notebook's."""

PREDICT_EVERY = 100
"""Batches from one look at the examples to the next: as often as the notebook prints."""


def fit(config: TrainingConfig, dataset: Dataset, run: str, state: TrainingState) -> Iterator[Event]:
    """Trains `state` on as `config` says, telling what happens. It computes only while an event is asked for.

    At each event, `state` is where the training is: what it holds then is enough to go on from there.
    """
    torch.set_num_threads(choose_threads(config))
    model, device = state.model, state.device
    loss_fn = nn.CrossEntropyLoss()
    train_loader = Batches(dataset.train.to(device), config.batch_size, state.shuffle)
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
        resumed_from=state.describe(),
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

    while state.epoch < config.epochs:
        totals = state.totals
        train_loader.skip = totals.batches
        for batch in train(model, train_loader, loss_fn, state.optimizer, epoch=state.epoch, totals=totals):
            yield batch
            if batch.batch % PREDICT_EVERY == 1 or batch.batch == batch.batches:
                yield predict(model, examples)
        started = time.perf_counter()
        result = test(model, test_loader, loss_fn, epoch=state.epoch)
        state.end_epoch()
        yield EpochFinished(
            epoch=state.epoch,
            epochs=config.epochs,
            train_loss=totals.loss / totals.batches,
            train_accuracy=totals.correct / totals.images,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=totals.seconds,
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
