"""The epochs: from settings and data to an iterator of events."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import PRINT_EVERY, TrainingConfig
from ..events import DigitImages, EpochFinished, Event, Mistakes, Predictions, Preview, RunStarted
from .data.batches import Batches, Dataset, Examples
from .device import choose_threads, describe
from .loops import Steps, TestResult, test, train
from .memory import available_memory
from .model import MultiLayerPerceptron
from .nested import digest
from .questions import as_shown, copied, evaluating, examine, step_details, weights
from .state import TrainingState
from .steps.plan import plan
from .surroundings import surroundings

EXAMPLES = range(1000, 1020)
"""The test examples on show: the notebook's."""

EVENT_SECONDS = 0.03
"""Training time from one event to the next, where batches are shorter: what a key may have to wait for."""

HASH_SHARE, HASH_SECONDS = 0.01, 0.01
"""The most of the training's time that hashes of the weights may take, unless they are done in so many seconds."""

WEIGHTS_SECONDS = 60.0
"""Time from one event with all the weights to the next; there is always one at the end of a run."""


def fit(config: TrainingConfig, dataset: Dataset, run: str, state: TrainingState) -> Iterator[Event]:
    """Trains `state` as `config` says, from where it is. It computes only while an event is asked for.

    At each event, `state` is where the training is: what it holds then is enough to continue from there. `run` is
    the run's name.
    """
    model, device, held_out = state.model, state.device, dataset.held_out
    prepared = prepare(config, dataset, state)
    train_loader, loss_fn, steps = prepared
    test_loader = tests_of(held_out, config, state)

    yield RunStarted(
        run=run,
        config=config.as_dict(),
        device=describe(device),
        dataset=dataset.name,
        train_size=len(dataset.train),
        test_size=len(dataset.test),
        parameters=size(model),
        notice=" ".join(filter(None, (dataset.notice, state.notice))),
        resumed_from=state.describe(),
        classes=dataset.classes,
        shape=dataset.shape,
        columns=dataset.columns,
        model=model.describe() if isinstance(model, MultiLayerPerceptron) else Path(config.model).name,
        steps=prepared.how,
        surroundings=surroundings(state, dataset, prepared.how),
    )
    rows = on_show(held_out)
    inputs = held_out.inputs[rows]
    yield Preview(tuple(range(rows.start, rows.stop)), tuple(held_out.labels[rows].tolist()), *as_shown(inputs))
    examples = state.as_taken(inputs)
    yield predict(model, examples)

    emitted: set[int] = set()
    weights_due = time.monotonic() + WEIGHTS_SECONDS
    trained = hashing = 0.0  # seconds of training since the last hash of the weights, and for that

    def interval() -> float:
        return EVENT_SECONDS if state.detail == "groups" else 0.0

    while state.epoch < config.epochs:
        totals = state.totals
        train_loader.epoch, train_loader.skip = state.epoch, totals.batches
        batches = train(model, train_loader, loss_fn, state.optimizer, state.epoch, totals, steps, interval)
        while True:
            before = copied(model) if state.detail == "steps" else None
            if (batch := next(batches, None)) is None:
                break
            if before is not None and train_loader.under_way is not None:
                yield step_details(state, train_loader.under_way.last, before, loss_fn)
                yield predict(model, examples)
            yield batch
            if before is None and (batch.batch % PRINT_EVERY == 1 or batch.batch == batch.batches):
                yield predict(model, examples)
        started = time.perf_counter()
        result = run_test(test_loader, state)
        test_seconds = time.perf_counter() - started
        yield from examine(result, held_out, len(dataset.classes), emitted)
        state.end_epoch()
        if dataset.validation is not None:
            state.keep_if_best(result.accuracy)
            if state.epoch == config.epochs:
                with state.best_weights():
                    state.tested = run_test(tests_of(dataset.test, config, state), state)
        trained += totals.seconds
        weights_sha256 = ""
        if state.epoch == config.epochs or hashing <= max(HASH_SHARE * trained, HASH_SECONDS):
            started = time.perf_counter()
            weights_sha256 = digest(model.state_dict())
            trained, hashing = 0.0, time.perf_counter() - started
        yield EpochFinished(
            epoch=state.epoch,
            epochs=config.epochs,
            train_loss=totals.loss / totals.batches,
            train_accuracy=totals.correct / max(1, totals.images),  # all may have been skipped
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=totals.seconds,
            test_seconds=test_seconds,
            split="test" if dataset.validation is None else "validation",
            weights_sha256=weights_sha256,
        )
        if state.epoch == config.epochs or time.monotonic() > weights_due:
            yield weights(state, dataset)
            weights_due = time.monotonic() + WEIGHTS_SECONDS


class Prepared(NamedTuple):
    """What the steps of a run are taken with: the batches, the loss, and a faster way to take them, if there is one."""

    loader: Batches
    loss_fn: nn.Module
    steps: Steps | None

    @property
    def how(self) -> str:
        """How the steps are taken, in a few words."""
        return "plain loop" if self.steps is None else self.steps.name


def prepare(config: TrainingConfig, dataset: Dataset, state: TrainingState) -> Prepared:
    """What `state` is trained with; it also sets the number of threads. Other numbers may be loaded into the state."""
    torch.set_num_threads(choose_threads(config, size(state.model) if config.model else math.prod(dataset.shape)))
    examples = near(dataset.train, state.device)
    taken = state.normalise, state.input_shape, state.device, state.distort
    loader = Batches(examples, config.batch_size, state.shuffle, *taken)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    steps = plan(state.model, loss_fn, state.optimizer, state.distort is not None)
    return Prepared(loader, loss_fn, steps if examples.inputs.device.type == state.device.type else None)


def on_show(examples: Examples) -> slice:
    """The places of the test examples on show: the first ones, where there are not enough for the notebook's."""
    count = len(examples)
    return slice(EXAMPLES.start, EXAMPLES.stop) if count >= EXAMPLES.stop else slice(0, min(len(EXAMPLES), count))


def tests_of(examples: Examples, config: TrainingConfig, state: TrainingState) -> Batches:
    """The batches of a test."""
    on_device = near(examples, state.device)
    return Batches(on_device, config.test_batch_size, None, state.normalise, state.input_shape, state.device)


def run_test(loader: Batches, state: TrainingState) -> TestResult:
    """Tests the model as it is. A model that draws random numbers in its test takes none from its training."""
    with evaluating(state.model):
        return test(state.model, loader, nn.CrossEntropyLoss(), epoch=state.epoch - (not state.totals.batches))


def mistakes(
    config: TrainingConfig, dataset: Dataset, state: TrainingState, emitted: set[int]
) -> Iterator[DigitImages | Mistakes]:
    """What a test would get wrong now, as `examine` has it."""
    result = run_test(tests_of(dataset.held_out, config, state), state)
    yield from examine(result, dataset.held_out, len(dataset.classes), emitted)


def size(model: nn.Module) -> int:
    """The number of a model's weights and biases."""
    return sum(parameter.numel() for parameter in model.parameters())


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
