"""The epochs: from settings and data to an iterator of events."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..config import PRINT_EVERY, TrainingConfig
from ..events import EpochFinished, Event, Predictions, Preview, RunStarted
from .data.batches import Batches, Dataset, normalise
from .device import choose_threads, describe
from .loops import test, train
from .questions import copied, examine, step_details, weights
from .state import TrainingState
from .steps.plan import plan

EXAMPLES = range(1000, 1020)
"""The test examples on show: the notebook's."""

EVENT_SECONDS = 0.03
"""Training time from one event to the next, where batches are shorter: what a key may have to wait for."""

WEIGHTS_SECONDS = 60.0
"""Time from one event with all the weights to the next; there is always one at the end of a run."""


def fit(config: TrainingConfig, dataset: Dataset, run: str, state: TrainingState) -> Iterator[Event]:
    """Trains `state` as `config` says, from where it is. It computes only while an event is asked for.

    At each event, `state` is where the training is: what it holds then is enough to continue from there. `run` is
    the run's name.
    """
    torch.set_num_threads(choose_threads(config))
    model, device = state.model, state.device
    loss_fn = nn.CrossEntropyLoss()
    train_loader = Batches(dataset.train.to(device), config.batch_size, state.shuffle)
    test_loader = Batches(dataset.test.to(device), config.test_batch_size)
    steps = plan(model, loss_fn, state.optimizer)

    yield RunStarted(
        run=run,
        config=config.as_dict(),
        device=describe(device),
        dataset=dataset.name,
        train_size=len(dataset.train),
        test_size=len(dataset.test),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        notice=" ".join(filter(None, (dataset.notice, state.notice))),
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

    emitted: set[int] = set()
    weights_due = time.monotonic() + WEIGHTS_SECONDS

    def interval() -> float:
        return 0.0 if state.detail_next_step else EVENT_SECONDS

    while state.epoch < config.epochs:
        totals = state.totals
        train_loader.skip = totals.batches
        batches = train(model, train_loader, loss_fn, state.optimizer, state.epoch, totals, steps, interval)
        while True:
            before = copied(model) if state.detail_next_step else None
            if (batch := next(batches, None)) is None:
                break
            if before is not None and train_loader.under_way is not None:
                state.detail_next_step = False
                yield step_details(state, dataset.train, train_loader.under_way.rows.cpu(), before)
            yield batch
            if batch.batch % PRINT_EVERY == 1 or batch.batch == batch.batches:
                yield predict(model, examples)
        started = time.perf_counter()
        result = test(model, test_loader, loss_fn, epoch=state.epoch)
        test_seconds = time.perf_counter() - started
        yield from examine(result, dataset.test, emitted)
        state.end_epoch()
        yield EpochFinished(
            epoch=state.epoch,
            epochs=config.epochs,
            train_loss=totals.loss / totals.batches,
            train_accuracy=totals.correct / totals.images,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=totals.seconds,
            test_seconds=test_seconds,
        )
        if state.epoch == config.epochs or time.monotonic() > weights_due:
            yield weights(state, dataset.test)
            weights_due = time.monotonic() + WEIGHTS_SECONDS


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
