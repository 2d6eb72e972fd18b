"""Replay: a run's training state at any moment, had again from the nearest snapshot before it."""

import math
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from torch import Tensor

from ..config import TrainingConfig
from ..errors import UserError
from ..events import BatchFinished, BatchSkipped, LearningRateChanged, StepTaken
from . import random_numbers
from .checkpoint import put
from .data.batches import Dataset, ShuffledBatches
from .device import choose_device
from .fit import prepare, run_test, tests_of
from .loops import take_steps
from .nested import pack, size, unpack
from .questions import copied, step_details
from .state import TrainingState

Change = LearningRateChanged | BatchSkipped
"""What a hand did to a run."""

REMEMBERED, REMEMBERED_BYTES = 32, 1 << 26
"""The most states that are kept in memory, and what they may take there."""

PARTS = 8
"""States that are kept in memory on the way from a snapshot to a moment, since a step back comes often."""


class Snapshots(Protocol):
    """Where packed states of the run are kept, by how many of its batches had been gone through."""

    def before(self, step: int, above: int = -1) -> Iterator[tuple[int, dict[str, Any]]]:
        """The states at `step` and before, as far as `above`, which is left out; the last first, each with its step."""
        ...


class Replay:
    """Takes the steps of a run again, with the same numbers to the last bit. The run's own state stays as it is.

    `journal` holds what a hand did, in its order. A run that is a branch begins at its `first` step, from a snapshot;
    others begin with new weights. `state` is where the last `go` led; the random generators that the
    whole program shares are left as they were.

    Raises UserError as TrainingState does.
    """

    def __init__(
        self,
        config: TrainingConfig,
        dataset: Dataset,
        snapshots: Snapshots,
        journal: Sequence[Change],
        first: int = 0,
    ) -> None:
        self.first = first
        self.config, self.dataset = config, dataset
        self._snapshots, self._journal = snapshots, journal
        with random_numbers.kept(choose_device(config.device)[0]):
            self.state = TrainingState(config, dataset)
            self._random = random_numbers.states(self.state.device)
            saved = self.state.state_dict()
            self._beginning = None if first else pack(saved)
            prepared = prepare(config, dataset, self.state)
        self._loader, self.loss_fn, self._steps = prepared
        self.how = prepared.how
        """How the steps are taken, in a few words."""
        self._remembered: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._most = min(REMEMBERED, REMEMBERED_BYTES // size(saved))
        self._whole = not first  # whether the state is one of the run's, and not half loaded or half trained
        self.state.model.train()
        self._iterate()

    def _iterate(self) -> None:
        """Draws the order of the epoch under way."""
        self.state.shuffle.set_state(self.state.shuffle_state)
        self._loader.epoch, self._loader.skip = self.state.epoch, self.state.totals.batches
        self._batches: Iterator[tuple[Tensor, Tensor]] = iter(self._loader)

    @contextmanager
    def own_random_numbers(self) -> Iterator[None]:
        """The random generators where they were at this moment of the run; then where they are for everybody else."""
        with random_numbers.kept(self.state.device):
            random_numbers.restore(self._random, self.state.device)
            yield
            self._random = random_numbers.states(self.state.device)

    def go(self, step: int) -> None:
        """Puts the state where it was after so many batches of the run, from 0."""
        with self.own_random_numbers():
            self._load_before(step)
            self._train_to(step, every=max(1, math.ceil((step - self.state.step) / PARTS)))

    def take_step(self) -> tuple[BatchFinished, StepTaken] | None:
        """Trains on the next batch, which must be there, and says what came of it; None where it was skipped."""
        state = self.state
        with self.own_random_numbers():
            before = copied(state.model)
            loss = self._train_to(state.step + 1)
            under_way, totals = self._loader.under_way, state.totals
            if loss is None or under_way is None:
                return None
            details = step_details(state, under_way.last, before, self.loss_fn)
        batch = BatchFinished(
            epoch=state.epoch + 1,
            batch=totals.batches,
            batches=state.batches,
            loss=loss,
            running_loss=totals.loss / totals.batches,
            running_accuracy=totals.correct / totals.images,
            images_per_second=0.0,
            seconds=0.0,
            learning_rate=details.learning_rate,
            losses=(loss,),
        )
        return batch, details

    def state_dict(self) -> dict[str, Any]:
        """That of the state, with the random generators as they were then."""
        with self.own_random_numbers():
            return self.state.state_dict()

    def last_batch(self) -> tuple[Tensor, Tensor]:
        """The batch that was trained on last, inputs and targets, as the model takes them."""
        under_way = self._loader.under_way
        assert under_way is not None
        return self._loader.as_taken(under_way.last)

    def prepare_batch(self) -> bool:
        """Does what comes before the next batch: ends an epoch, and does what a hand did; whether that skipped it."""
        if self.state.totals.batches == self.state.batches:
            self._end_epoch()
        return self._apply_changes()

    def train_until(self, step: int, look: Callable[[ShuffledBatches | None], bool]) -> None:
        """Trains to that step, one batch at a time, as long as `look` says so.

        It is called after each batch with the iteration that the batch is the last one of; with None where the batch
        was skipped.
        """
        with self.own_random_numbers():
            going_on = True
            while going_on and self.state.step < step:
                trained, under_way = self._train_to(self.state.step + 1) is not None, self._loader.under_way
                going_on = look(under_way if trained else None)

    # From one state to the next

    def _load_before(self, step: int) -> None:
        """Loads the last known state at that step or before, unless the state at hand is as near."""
        at = max((each for each in self._remembered if each <= step), default=-1)
        here = self.state.step if self._whole and self.state.step <= step else -1
        for found, saved in self._snapshots.before(step, above=max(at, here)):
            with suppress(Exception):  # a damaged file may make it raise anything; the one before is as good
                self._load(saved, found)
                return
        if self._whole and here >= max(at, 0):
            return
        if at >= 0:
            self._load(self._remembered[at], at)
        elif self._beginning is not None:
            self._load(self._beginning, 0)
        else:
            raise UserError("The snapshots of this run are gone: nothing before its last batch can be had again.")

    def _load(self, saved: dict[str, Any], step: int) -> None:
        """Puts the state where it was at that step. Raises an Exception of many a kind where `saved` is not of then."""
        self._whole = False
        put(unpack(saved), self.state)
        if self.state.step != step:
            raise ValueError(f"it is of step {self.state.step}")
        self.state.model.train()
        self._iterate()
        self._whole = True

    def _train_to(self, step: int, every: int = sys.maxsize) -> float | None:
        """Trains on all batches until that step, as they were trained on; returns the last loss, where there was one.

        It remembers the state each time it has gone through `every` batches.
        """
        state, loss = self.state, None
        self._whole = False
        while state.step < step:
            if self.prepare_batch():
                loss = None
                continue
            here = state.step
            stops = [step, here + every, (state.epoch + 1) * state.batches]
            stops += [self._step_of(change) for change in self._journal]
            count = min(stop for stop in stops if stop > here) - here
            if self._steps is None:
                stepped = take_steps(state.model, self._batches, count, self.loss_fn, state.optimizer)
            else:
                stepped = self._steps(self._batches, count)
            loss = state.totals.add(stepped)[-1]
            if count == every and self._most:
                self._remember()
        self._whole = True
        return loss

    def _end_epoch(self) -> None:
        state = self.state
        if self.dataset.validation is not None:
            accuracy = run_test(tests_of(self.dataset.validation, self.config, state), state).accuracy
        state.end_epoch()
        if self.dataset.validation is not None:
            state.keep_if_best(accuracy)
        self._iterate()

    def _step_of(self, change: Change) -> int:
        return (change.epoch - 1) * self.state.batches + change.batch

    def _apply_changes(self) -> bool:
        """Does what a hand did before the next batch; whether that was to skip it."""
        for change in self._journal:
            if self._step_of(change) != self.state.step:
                continue
            if isinstance(change, BatchSkipped):
                self.state.skip_batch()
                self._iterate()
                return True
            self.state.learning_rate = change.learning_rate
        return False

    def _remember(self) -> None:
        """Keeps the state in memory, in place of the one that was kept first."""
        self._remembered[self.state.step] = pack(self.state.state_dict())
        if len(self._remembered) > self._most:
            self._remembered.popitem(last=False)
