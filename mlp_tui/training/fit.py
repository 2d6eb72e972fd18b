"""The epochs: from settings and data to an iterator of events."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import PRINT_EVERY, TrainingConfig
from ..events import EpochFinished, Event, Predictions, Preview, RunStarted
from .data.batches import Batches, Dataset, Examples
from .device import choose_threads, describe
from .loops import test, train
from .memory import available_memory
from .model import MultiLayerPerceptron
from .questions import as_shown, copied, evaluating, examine, step_details, weights
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
    model, device = state.model, state.device
    parameters = sum(parameter.numel() for parameter in model.parameters())
    torch.set_num_threads(choose_threads(config, parameters if config.model else math.prod(dataset.shape)))
    loss_fn, test_loss_fn = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing), nn.CrossEntropyLoss()
    as_taken = state.normalise, state.input_shape, device
    held_out = dataset.held_out
    train_loader = Batches(near(dataset.train, device), config.batch_size, state.shuffle, *as_taken)
    test_loader = Batches(near(held_out, device), config.test_batch_size, None, *as_taken)
    on_device = train_loader.examples.inputs.device.type == device.type
    steps = plan(model, loss_fn, state.optimizer) if on_device else None

    yield RunStarted(
        run=run,
        config=config.as_dict(),
        device=describe(device),
        dataset=dataset.name,
        train_size=len(dataset.train),
        test_size=len(dataset.test),
        parameters=parameters,
        notice=" ".join(filter(None, (dataset.notice, state.notice))),
        resumed_from=state.describe(),
        classes=dataset.classes,
        shape=dataset.shape,
        columns=dataset.columns,
        model=model.describe() if isinstance(model, MultiLayerPerceptron) else Path(config.model).name,
        steps="plain loop" if steps is None else steps.name,
    )
    shown = EXAMPLES if len(held_out) >= EXAMPLES.stop else range(min(len(EXAMPLES), len(held_out)))
    rows = slice(shown.start, shown.stop)
    inputs = held_out.inputs[rows]
    yield Preview(tuple(shown), tuple(held_out.labels[rows].tolist()), *as_shown(inputs))
    examples = state.as_taken(inputs)
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
                yield step_details(state, dataset.train, train_loader.under_way.rows.cpu(), before, loss_fn)
            yield batch
            if batch.batch % PRINT_EVERY == 1 or batch.batch == batch.batches:
                yield predict(model, examples)
        started = time.perf_counter()
        result = test(model, test_loader, test_loss_fn, epoch=state.epoch)
        test_seconds = time.perf_counter() - started
        yield from examine(result, held_out, len(dataset.classes), emitted)
        state.end_epoch()
        if dataset.validation is not None:
            state.keep_if_best(result.accuracy)
            if state.epoch == config.epochs:
                with state.best_weights():
                    loader = Batches(near(dataset.test, device), config.test_batch_size, None, *as_taken)
                    state.tested = test(model, loader, test_loss_fn, epoch=state.epoch - 1)
        yield EpochFinished(
            epoch=state.epoch,
            epochs=config.epochs,
            train_loss=totals.loss / totals.batches,
            train_accuracy=totals.correct / totals.images,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=totals.seconds,
            test_seconds=test_seconds,
            split="test" if dataset.validation is None else "validation",
        )
        if state.epoch == config.epochs or time.monotonic() > weights_due:
            yield weights(state, dataset)
            weights_due = time.monotonic() + WEIGHTS_SECONDS


def near(examples: Examples, device: torch.device) -> Examples:
    """The examples on the device; or as they are, where they would fill more than half of a GPU's memory."""
    if device.type != "cpu" and examples.inputs.nbytes > available_memory(device) / 2:
        return examples
    return examples.to(device)


def predict(model: nn.Module, images: Tensor) -> Predictions:
    """What the model makes of examples as the model takes them. Leaves the model in its mode."""
    with evaluating(model):
        probabilities = model(images).softmax(-1)
    return Predictions(
        predictions=tuple(probabilities.argmax(-1).tolist()),
        probabilities=tuple(map(tuple, probabilities.tolist())),
    )
