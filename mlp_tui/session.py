"""Session: one run from start to end, as both front ends drive it; the one door to `training/`."""

import dataclasses
import logging
import threading
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Protocol

from .branch import branch
from .config import DATA_SETTINGS, TrainingConfig
from .errors import UserError, place_in, said
from .events import (
    BatchFinished,
    Detail,
    EpochFinished,
    Event,
    LearningRateChanged,
    NoAnswer,
    Past,
    Preparing,
    Reason,
    RunFinished,
    Saving,
)
from .opening import by_hand, import_torch, load, new_state, resolved, restore
from .runs.divergence import Divergence
from .runs.folder import RunFolder
from .runs.recorder import RunRecorder
from .runs.source import EventSource, GoOn
from .time_machine import TimeMachine
from .tripwire import go_back

if TYPE_CHECKING:
    from .training.data.batches import Dataset
    from .training.state import TrainingState

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Something that a session emits all of its events to, beside whoever pulls them."""

    def emit(self, event: Event) -> None: ...


class Session(EventSource):
    """Trains as the settings say as often as `events` is called, from the same initial weights each time.

    With `resume`, the first call resumes that run; with `replay` it only loads it, to be walked through.
    """

    trains = True

    def __init__(self, config: TrainingConfig, resume: RunFolder | None = None, replay: bool = False) -> None:
        self.config = self.next_config = config
        self.folder_to_resume = resume
        """The folder of the next run, where it is one that was broken off."""
        self._replays = replay
        self._branch: tuple[RunFolder, TrainingConfig] | None = None  # the next run, where it is a new branch
        self._go_on: GoOn | None = None  # how the next run goes on, where it is one that has diverged
        self.past: TimeMachine | None = None
        self._dataset: Dataset | None = None
        self._state: TrainingState | None = None
        self._recorder: RunRecorder | None = None
        self._sinks: list[Sink] = []

    @property
    def resumes(self) -> bool:  # type: ignore[override]  # the protocol's is a plain value
        """Whether the next run is one that was broken off, or a branch."""
        return self.folder_to_resume is not None or self._branch is not None

    @property
    def unsaved(self) -> bool:  # type: ignore[override]
        """Whether a run is under way, or is being saved: the process must not end now."""
        return self._recorder is not None

    def resume_next(self) -> None:
        self.folder_to_resume = self.unfinished

    def go_on_next(self, how: GoOn) -> None:
        self.folder_to_resume, self._go_on = self.tripped, how

    def branch(self, step: int, config: TrainingConfig) -> Event:
        assert self.past and self.folder and self._dataset and self._state
        try:
            saved = self.past.state_dict_at(step)
            folder, event = branch(self.folder, self._state, saved, self._dataset, self.config, config)
        except UserError as error:
            return NoAnswer(str(error))
        self._branch = folder, config
        return event

    # Questions to the model

    @property
    def _shown(self) -> "TrainingState | None":
        """The state that questions are about: that of the moment that was walked to, if one was."""
        return self.past.state if self.past else self._state

    def read_drawing(self, pixels: bytes) -> Event | None:
        if self._shown is None:
            return None
        from .training.questions import read_drawing

        return read_drawing(self._shown, pixels)

    def weights(self) -> Event | None:
        if self._shown is None or self._dataset is None:
            return None
        from .training.questions import weights

        return weights(self._shown, self._dataset)

    def change_learning_rate(self, direction: int) -> Event | None:
        if self._state is None or self._recorder is None:
            return None
        from .training.schedule import next_rate

        self._state.learning_rate = rate = next_rate(self._state.learning_rate, direction)
        return self._emit(LearningRateChanged(self._state.epoch + 1, self._state.totals.batches, rate))

    def set_detail(self, detail: Detail) -> None:
        if self._state is not None:
            self._state.detail = detail

    # The run

    def _emit(self, event: Event) -> Event:
        """Gives an event to the sinks, and returns it."""
        for sink in self._sinks:
            sink.emit(event)
        return event

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """A run's events, as EventSource says. Everything is in the run's folder before the last event comes."""
        if self._branch is not None:
            self.folder_to_resume, self.config = self._branch
            self.next_config, self._branch = self.config, None
        elif self.folder_to_resume is None:
            if any(getattr(self.next_config, name) != getattr(self.config, name) for name in DATA_SETTINGS):
                self._dataset = None
            self.config = self.next_config
        reason: Reason = "stopped" if self._replays else "completed"
        tally, divergence, unsaved = Tally(reason), Divergence(self.config.tripwire), ""
        self.past = self.unfinished = self.tripped = None
        events = self._train()
        try:
            for event in events:
                tally.add(event, self._state)
                trip = divergence.add(event, self._state, last=stop.is_set()) if self._state else None
                yield self._emit(event)
                if self._recorder and self._recorder.error != unsaved:
                    unsaved = self._recorder.error
                    yield self._emit(Saving(unsaved))
                if trip and self.past and self.folder:
                    found, message = go_back(trip, self.past, self.folder)
                    tally.change(reason="diverged", message=message)
                    self.tripped = self.folder if found else None
                    yield from map(self._emit, found)
                    break
                if stop.is_set():
                    tally.change(reason="stopped")
                    break
        except UserError as error:
            tally.change(reason="failed", message=str(error))
        except (Exception, SystemExit) as error:  # the user's own model or data set may do anything
            tally.change(reason="failed", message=self._failure(error))
        finally:
            events.close()
            self.folder_to_resume, self._go_on, self._replays = None, None, False
        yield self._end(tally.end)

    def _failure(self, error: BaseException) -> str:
        """What the user should know of an error that nobody foresaw; all of it is logged."""
        theirs = place_in(error) if self.config.model or ".py:" in self.config.dataset else ""
        if not theirs:
            log.exception("The training failed")
        elif self.folder:
            self.folder.note(traceback.format_exc())
        return f"The training failed{theirs and f' at {theirs}'}: {said(error)}"

    def _end(self, end: RunFinished) -> RunFinished:
        """Saves what is to be saved, lets go of the run's folder, and emits the last event."""
        if self._recorder:
            self._recorder.finish(end.reason)
            self.unfinished = self.folder if end.reason == "stopped" and self._recorder.saved else None
            if unsaved := self._recorder.error:
                message = f"{end.message} The run could not be saved: {unsaved}.".strip()
                end = dataclasses.replace(end, message=message)
        self._emit(end)
        self._recorder = None
        self._sinks = []
        if self.folder:
            self.folder.lock.release()
        return end

    def _train(self) -> Generator[Event, None, None]:
        yield Preparing("Loading PyTorch")
        import_torch()
        from .training import checkpoint
        from .training.data.load import load_for
        from .training.fit import fit
        from .training.user_model import copies

        resumed, how = self.folder_to_resume, self._go_on
        if self._dataset is None:
            self._dataset = yield from load_for(self.config)
        self._state = state = new_state(self.config, self._dataset, resumed)
        config = resolved(self.config, self._dataset)
        settings, rate = config.as_dict(), None
        try:
            if resumed is None:
                self.folder = folder = RunFolder.create(self.config.runs_dir, self._dataset.name, settings)
            else:
                self.folder = folder = resumed
                if not self._replays:
                    folder.lock.acquire()
            parent = folder.read_parent()
            self.past = past = TimeMachine(folder.path, config, self._dataset, state, parent.step if parent else 0)
            if self._replays:
                yield load(folder, state, past)
                self.unfinished = folder if state.epoch < config.epochs else None
                return
            if resumed:
                # A rate that was set by hand stays, unless another is asked for, or it led nowhere.
                if folder.diverged() or config.learning_rate != folder.read_config().get("learning_rate"):
                    rate = config.learning_rate
                yield restore(folder, state, past, config.epochs)
                settings |= {"parent": parent._asdict()} if parent else {}
                folder.write_config(settings)
            folder.write_texts(copies(state.sources))
        except OSError as error:
            where = error.filename if resumed else self.config.runs_dir
            raise UserError(
                f"{str(where)[:200]} cannot be used ({error.strerror or error}): "
                "mend that, or name another folder with --runs-dir."
            ) from error
        self._recorder = RunRecorder(folder, settings, state, checkpoint.save, config.checkpoint_seconds)
        self._recorder.make_room = past.make_room
        self._sinks = [self._recorder, past]
        for change in by_hand(state, how, rate):
            yield change
            self._recorder.checkpoint()
        yield from fit(config, self._dataset, folder.name, state)


class Tally:
    """What the last event of a run says, from the events before it."""

    def __init__(self, reason: Reason) -> None:
        self.end = RunFinished(reason, 0, None, None, 0.0)
        self._seconds = 0.0  # of the epochs that are done

    def add(self, event: Event, state: "TrainingState | None") -> None:
        """Takes an event into account, which `state` has come to."""
        match event:
            case Past():
                for each in event.events:
                    self.add(each, state)
            case EpochFinished():
                self._seconds += event.train_seconds + event.test_seconds
                self.change(epochs=event.epoch, seconds=self._seconds)
                if event.split == "test":
                    self.change(test_loss=event.test_loss, test_accuracy=event.test_accuracy)
                elif state and state.tested:
                    self.change(test_loss=state.tested.loss, test_accuracy=state.tested.accuracy)
            case BatchFinished():
                self.change(seconds=self._seconds + event.seconds)
            case RunFinished():
                self.end = event

    def change(self, **values: Any) -> None:
        """Says something else from now on."""
        self.end = dataclasses.replace(self.end, **values)
