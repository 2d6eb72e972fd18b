"""What the dashboard knows of a run: its events, added up."""

from typing import Literal, TypeAlias

from ..events import (
    BatchFinished,
    EpochFinished,
    Event,
    Past,
    Predictions,
    Preparing,
    Preview,
    Reason,
    RunFinished,
    RunStarted,
    Saving,
    Watched,
)
from .history import LossHistory

Phase: TypeAlias = Literal["loading", "ready", "training", "paused", "stopping", "live", "killed"] | Reason


class RunState:
    """The latest event of each kind, the history of the losses, and the epochs' results."""

    def __init__(self) -> None:
        self.preparing: Preparing | None = None
        self.run: RunStarted | None = None
        self.preview: Preview | None = None
        self.predictions: Predictions | None = None
        self.batch: BatchFinished | None = None
        self.finished: RunFinished | None = None
        self.rows: list[EpochFinished] = []
        self.history = LossHistory()
        self.watched: Watched | None = None
        self.seams: list[float] = []
        """Where the run was resumed, in epochs."""
        self.trouble = ""
        """What could not be saved and why, or nothing."""

    def add(self, event: Event) -> None:
        match event:
            case BatchFinished():
                self.batch = event
                self.history.add((event.epoch - 1) * event.batches + event.batch, event.loss)
            case Predictions():
                self.predictions = event
            case EpochFinished():
                # A run that is resumed from before tells an epoch again.
                self.rows = [*(row for row in self.rows if row.epoch < event.epoch), event]
            case Preparing():
                self.preparing = event
            case RunStarted():
                self.run = event
                self.finished = None
                if event.resumed_from and self.batch:
                    self.seams.append(self.batch.epoch - 1 + self.batch.batch / self.batch.batches)
            case Watched():
                self.watched = event
            case Saving():
                self.trouble = event.trouble
            case Past():
                for past in event.events:
                    self.add(past)
            case Preview():
                self.preview = event
            case RunFinished():
                self.finished = event

    @property
    def epochs(self) -> int:
        """Epochs that the run is to train."""
        return int(self.run.config["epochs"]) if self.run else 1

    @property
    def best(self) -> EpochFinished | None:
        """The epoch with the best test accuracy, the first of equals."""
        return max(self.rows, key=lambda row: row.test_accuracy, default=None)

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.batch is None:
            return 0.0
        return (self.batch.epoch - 1 + self.batch.batch / self.batch.batches) / self.epochs

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest of the training and its tests will take at the present speed."""
        if self.batch is None:
            return None
        done = self.batch.batch / self.batch.batches
        tests = self.epochs - len(self.rows)
        test_seconds = self.rows[-1].test_seconds if self.rows else 0.0
        return (self.epochs - self.batch.epoch + 1 - done) * self.batch.seconds / done + tests * test_seconds
