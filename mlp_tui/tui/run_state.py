"""What the dashboard knows of a run: its events, added up."""

import copy
from collections import deque
from pathlib import Path

from ..events import (
    BatchFinished,
    DigitImages,
    Drawing,
    EpochFinished,
    Event,
    Forked,
    LearningRateChanged,
    Mistakes,
    Moment,
    NoAnswer,
    Past,
    Predictions,
    Preparing,
    Preview,
    RunFinished,
    RunStarted,
    Saving,
    StepTaken,
    Tripped,
    Watched,
    Weights,
)
from ..headless.data import Data
from .history import LossHistory
from .pictures.rows import telling_columns

RECENT = 200
"""The last batches whose losses are kept one by one."""

MOST_SNAPSHOTS = 96
"""Past predictions of the examples that are kept."""


class RunState:
    """The latest event of each kind, the history of the losses, and the epochs' results."""

    def __init__(self, own_loop: bool = False) -> None:
        self.own_loop = own_loop
        """Whether it is a Python loop of the user's own: nothing can be asked of its model, and nothing begun anew."""
        self.folder: Path | None = None
        """Where the run is saved."""
        self.preparing: Preparing | None = None
        self.run: RunStarted | None = None
        self.data = Data()
        """What its examples are."""
        self.preview: Preview | None = None
        self.predictions: Predictions | None = None
        self.batch: BatchFinished | None = None
        self.batches = 1
        """Batches in an epoch."""
        self.finished: RunFinished | None = None
        self.rows: list[EpochFinished] = []
        self.history = LossHistory()
        self.recent: deque[tuple[int, float]] = deque(maxlen=RECENT)
        """The losses of the last batches, each with its number in the run, from 1."""
        self.watched: Watched | None = None
        self.resume_points: list[float] = []
        """Where the run was resumed, in epochs."""
        self.learning_rate = 0.0
        """What the last batch was trained with, or the next one will be."""
        self.changes: list[float] = []
        """Where the learning rate was set by hand, in epochs."""
        self.parent: Forked | None = None
        """The run that this one is a branch of."""
        self.fork = 0.0
        """Where it left its parent, in epochs."""
        self.tripped: Tripped | None = None
        self.prediction_snapshots: list[tuple[float, Predictions]] = []
        """The predictions so far, each with the epochs trained until then; every second one once there are many."""
        self._snapshot_due = 0.0  # the epochs trained from which the next one is kept
        self.mistakes: Mistakes | None = None
        self.errors: deque[tuple[int, int]] = deque(maxlen=2)
        """The epoch and the number of errors of the last two tests."""
        self.examples: dict[int, bytes | tuple[float, ...]] = {}
        """Pixels of test examples, or rows of a table, by their numbers."""
        self.order: list[int] = []
        """The columns of a table, the most telling first."""
        self.weights: Weights | None = None
        self.step: StepTaken | None = None
        self.drawing: Drawing | None = None
        self.error = ""
        """What could not be saved and why, or nothing."""
        self.pace = 0
        """The batches a second that are asked for; 0: as many as the machine can."""
        self.moment: Moment | None = None
        """The moment of the run that this is the state of, where that is a past one; see `at`."""
        self.lost = ""
        """Why the moment that was asked for last cannot be had, or a branch not made; or nothing."""

    def at(self, moment: Moment) -> "RunState":
        """The run as it was at that moment; its losses and its epochs' results are those of the whole run still."""
        then = copy.copy(self)
        then.moment = moment
        then.batch = then.mistakes = then.weights = then.step = None
        then.errors = deque(maxlen=1)
        for event in moment.events:
            then.replace(event)
        past = [snapshot for snapshot in self.prediction_snapshots if snapshot[0] < then.trained]
        then.prediction_snapshots = [*past, (then.trained, then.predictions)] if then.predictions else past
        return then

    def refresh(self, moment: Moment) -> None:
        """Takes over what is newer in a moment of the present: predictions, weights, the batch's step."""
        for event in moment.events:
            if isinstance(event, (Predictions, Weights, StepTaken)):
                self.replace(event)

    def add(self, event: Event) -> None:
        """Adds what the run emitted last."""
        match event:
            case BatchFinished():
                self.lost = ""
                if self.batch and event.batches != self.batches:  # a branch, whose batches are of another size
                    self.history = self.history.in_others(event.batches / self.batches)
                    self.recent.clear()
                last = (event.epoch - 1) * event.batches + event.batch
                losses = event.losses or (mean_since(self.batch, event),)
                for number, loss in enumerate(losses, start=last - len(losses) + 1):
                    self.history.add(number, loss)
                    self.recent.append((number, loss))
            case Predictions():
                snapshots = self.prediction_snapshots
                if self.trained >= self._snapshot_due:
                    snapshots.append((self.trained, event))
                if len(snapshots) > MOST_SNAPSHOTS:
                    del snapshots[1::2]
                if len(snapshots) > MOST_SNAPSHOTS // 2:  # as far apart as the others are, however often they come
                    self._snapshot_due = snapshots[-1][0] * (1 + 0.9 / len(snapshots))
            case LearningRateChanged():
                self.changes.append(event.epoch - 1 + event.batch / self.batches)
                self.learning_rate = event.learning_rate
            case Forked():
                self.parent, self.fork = event, event.epoch - 1 + event.batch / self.batches
            case Tripped():
                self.tripped = event
            case EpochFinished():
                # A run that is resumed from before an epoch's end emits that epoch again.
                self.rows = [*(row for row in self.rows if row.epoch < event.epoch), event]
            case Preparing():
                self.preparing = event
            case RunStarted():
                self.run = event
                self.data = Data.of(event)
                self.finished = self.tripped = None
                if not event.resumed_from:
                    self.learning_rate = event.config["learning_rate"]
                if event.resumed_from and self.batch:
                    self.resume_points.append(self.trained)
            case Watched():
                self.watched = event
            case Saving():
                self.error = event.error
            case Past():
                for past in event.events:
                    self.add(past)
            case Preview():
                self.preview = event
                self.order = telling_columns(event.values, event.labels) if event.values else []
            case RunFinished():
                self.finished = event
        self.replace(event)

    def replace(self, event: Event) -> None:
        """Shows an event in place of the one of its kind before, and leaves the histories as they are."""
        match event:
            case BatchFinished():
                self.batch, self.batches = event, event.batches
                self.learning_rate = event.learning_rate or self.learning_rate
            case Predictions():
                self.predictions = event
            case Mistakes():
                self.mistakes = event
                total, right = sum(map(sum, event.confusion)), sum(row[i] for i, row in enumerate(event.confusion))
                self.errors.append((event.epoch, total - right))
            case DigitImages():
                self.examples |= zip(event.indices, event.pixels or event.values, strict=True)
            case Weights():
                self.weights = event
            case StepTaken():
                self.step = event
            case Drawing():
                self.drawing = event
            case NoAnswer():
                self.lost = event.error

    def words(self, step: int) -> str:
        """A moment of the run in words, from how many of its batches it comes after."""
        epoch, batch = divmod(step - 1, self.batches)
        return f"Epoch {epoch + 1}, batch {batch + 1}" if step else "Before the first batch"

    @property
    def step_on_show(self) -> StepTaken | None:
        """The details of the last batch's step, where they are known."""
        known = self.step and self.batch and (self.step.epoch, self.step.batch) == (self.batch.epoch, self.batch.batch)
        return self.step if known else None

    @property
    def epochs(self) -> int:
        """Epochs that the run is to train."""
        return int(self.run.config["epochs"]) if self.run else 1

    @property
    def cycles(self) -> bool:
        """Whether the learning rate goes through a cycle."""
        return self.run is not None and self.run.config.get("schedule") == "one-cycle"

    @property
    def split(self) -> str:
        """What an epoch is judged by, in a short word."""
        return "valid." if self.rows and self.rows[-1].split == "validation" else "test"

    @property
    def best(self) -> EpochFinished | None:
        """The epoch with the best accuracy in its test or validation, the first of equals."""
        return max(self.rows, key=lambda row: row.test_accuracy, default=None)

    @property
    def trained(self) -> float:
        """The epochs trained so far, the one under way counted in part."""
        return self.batch.epoch - 1 + self.batch.batch / self.batch.batches if self.batch else 0.0

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        return self.trained / self.epochs


def mean_since(before: BatchFinished | None, event: BatchFinished) -> float:
    """The mean loss of the batches since the event before: a log does not hold the losses of them all."""
    if before is None or (before.epoch, before.batches) != (event.epoch, event.batches) or before.batch >= event.batch:
        return event.running_loss
    total = event.running_loss * event.batch - before.running_loss * before.batch
    return total / (event.batch - before.batch)
