"""TimeMachine: any moment of a run, had again: what the model was then, and what it made of the data."""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import TrainingConfig
from .errors import UserError, said
from .events import (
    BatchFinished,
    BatchSkipped,
    EpochFinished,
    Event,
    LearningRateChanged,
    Moment,
    NoAnswer,
    Past,
    RunStarted,
)
from .runs.journal import journal
from .runs.snapshots import Snapshots
from .runs.source import Interrupted

if TYPE_CHECKING:
    from .training.data.batches import Dataset
    from .training.replay import Change, Replay
    from .training.state import TrainingState


class TimeMachine:
    """Keeps the snapshots and the journal of a run as it trains, and walks through it between two of its events.

    `first` is the step where a branch begins. All methods are for the thread that trains.
    """

    def __init__(
        self, folder: Path, config: TrainingConfig, dataset: "Dataset", live: "TrainingState", first: int = 0
    ) -> None:
        from .training import checkpoint
        from .training.nested import pack, size

        self.first = first
        self._config, self._dataset, self._live = config, dataset, live
        self._snapshots = Snapshots(
            folder / "history",
            lambda path, contents: checkpoint.save(path, pack(contents), to_disk=False),
            lambda path: checkpoint.load(path, live.device),
            config.history_mb if size(live.state_dict()) <= config.history_mb * 1e6 else 0,
            first,
        )
        self._journal: list[Change] = []
        self._seconds = 0.0  # of training, in the epochs that are done
        self._replay: Replay | None = None
        self._shown: set[int] = set()  # test examples whose pictures were emitted
        self.state = live
        """The state on show: that of the moment that was walked to, or of the run itself."""

    @property
    def last(self) -> int:
        """The step that the run itself has come to."""
        return self._live.step

    # While the run trains

    def emit(self, event: Event) -> None:
        """Takes note of what a hand did, and takes a snapshot where one is due."""
        match event:
            case Past():
                self._journal += journal(event.events)
            case LearningRateChanged() | BatchSkipped():
                self._journal.append(event)
            case RunStarted():
                self._snapshots.begin(self._live)
            case BatchFinished():
                self.state = self._live
                self._snapshots.keep_if_due(self._live, self._seconds + event.seconds)
            case EpochFinished():
                self._seconds += event.train_seconds

    def resume(self, past: Past) -> None:
        """Takes note of what the run did before; what was kept of a later time did not happen."""
        self.emit(past)
        self._snapshots.cut(self.last)

    def make_room(self) -> bool:
        """Deletes half of the snapshots; whether there were any."""
        return self._snapshots.thin()

    # Walking

    def go(self, step: int, wanted: Collection[str] = ()) -> Moment:
        """Walks to the moment after that many batches of the run, or to the nearest that there is.

        Beside the batch and the predictions for the examples on show, the moment has what is `wanted`: "step", the
        details of its batch; "weights"; "mistakes", of a test then.
        """
        step = max(self.first, min(step, self.last))
        try:
            return Moment(step, self.first, self.last, tuple(self._had_again(step, wanted)))
        except UserError as error:
            message = str(error)
        except Exception as error:  # a model of the user's own may do anything
            message = f"This moment cannot be had again: {said(error)}"
        return Moment(step, self.first, self.last, error=message)

    def leave(self) -> None:
        """Goes back to where the run itself is."""
        self.state = self._live

    def state_dict_at(self, step: int) -> dict[str, Any]:
        """The run's state dict after that many of its batches. Raises UserError."""
        if step == self.last:
            return self._live.state_dict()
        try:
            self.replay.go(step)
            return self.replay.state_dict()
        except UserError:
            raise
        except Exception as error:  # a model of the user's own may do anything
            raise UserError(f"This moment cannot be had again: {said(error)}") from error

    def settings_at(self, step: int) -> TrainingConfig:
        """The run's settings, with the learning rate after that many batches. Raises UserError."""
        return dataclasses.replace(self._config, learning_rate=self.state_dict_at(step)["base_rate"])

    # Questions about the past, as Walkable has them

    def flips(self, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        from .training.flips import flips

        return self._answer(flips, earlier, later, interrupted)

    def find_flip(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        from .training.flips import find_flip

        return self._answer(find_flip, index, earlier, later, interrupted)

    def influences(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        from .training.influences import influences

        return self._answer(influences, index, earlier, later, interrupted)

    def _answer(self, question: Callable[..., Event | None], *arguments: Any) -> Event | None:
        """What comes of a question to what trains again, which then goes back to the moment on show."""
        try:
            replay = self.replay
            shown = replay.state.step if self.state is replay.state else None
            try:
                return question(replay, *arguments)
            finally:
                if shown is not None:
                    replay.go(shown)
        except UserError as error:
            return NoAnswer(str(error))
        except Exception as error:  # a model of the user's own may do anything
            return NoAnswer(f"This cannot be found out: {said(error)}")

    def _had_again(self, step: int, wanted: Collection[str]) -> Iterator[Event]:
        from .training.fit import mistakes, on_show, predict
        from .training.questions import weights

        replay = self.replay
        if step > self.first:
            replay.go(step - 1)
            if (taken := replay.take_step()) is not None:
                batch, details = taken
                yield batch
                if "step" in wanted:
                    yield details
        else:
            replay.go(step)
        self.state = self._live if step == self.last else replay.state
        held_out = self._dataset.held_out
        with replay.own_random_numbers():  # a model may draw some in its test too
            yield predict(self.state.model, self.state.as_taken(held_out.inputs[on_show(held_out)]))
            if "weights" in wanted:
                yield weights(self.state, self._dataset)
            if "mistakes" in wanted:
                yield from mistakes(self._config, self._dataset, self.state, self._shown)

    @property
    def replay(self) -> "Replay":
        """What trains again; made when it is first asked for. Raises UserError."""
        if self._replay is None:
            from .training.replay import Replay

            dataset = replace(self._dataset, normalise=self._live.normalise)
            self._replay = Replay(self._config, dataset, self._snapshots, self._journal, self.first)
            if self._replay.state.sources != self._live.sources:
                self._replay = None
                raise UserError(f"The source of {self._config.model} has changed since the run began: put it back.")
        return self._replay
