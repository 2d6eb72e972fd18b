"""Session: one run from start to end, as both front ends drive it; the one door to `training/`."""

import dataclasses
import logging
import os
import threading
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol

from .config import DATA_SETTINGS, TrainingConfig
from .errors import ModelError, UserError, place_in, said
from .events import BatchFinished, EpochFinished, Event, LearningRateChanged, Past, Preparing, RunFinished, Saving
from .runs.divergence import Divergence
from .runs.folder import RunFolder
from .runs.recorder import RunRecorder
from .runs.source import EventSource

if TYPE_CHECKING:
    from .training.data.batches import Dataset
    from .training.state import TrainingState

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Something that a session emits all of its events to, beside whoever pulls them."""

    def emit(self, event: Event) -> None: ...


class Session(EventSource):
    """Trains as the settings say as often as `events` is called, from the same initial weights each time.

    With `resume`, the first call resumes that run.
    """

    trains = True

    def __init__(self, config: TrainingConfig, resume: RunFolder | None = None) -> None:
        self.config = self.next_config = config
        self.folder_to_resume = resume
        """The folder of the next run, where it is one that was broken off."""
        self._dataset: Dataset | None = None
        self._state: TrainingState | None = None
        self._recorder: RunRecorder | None = None
        self._sinks: list[Sink] = []

    @property
    def resumes(self) -> bool:  # type: ignore[override]  # the protocol's is a plain value
        """Whether the next run is one that was broken off."""
        return self.folder_to_resume is not None

    @property
    def unsaved(self) -> bool:  # type: ignore[override]
        """Whether a run is under way, or is being saved: the process must not end now."""
        return self._recorder is not None

    def resume_next(self) -> None:
        self.folder_to_resume = self.unfinished

    # Questions to the model

    def read_drawing(self, pixels: bytes) -> Event | None:
        if self._state is None:
            return None
        from .training.questions import read_drawing

        return read_drawing(self._state, pixels)

    def weights(self) -> Event | None:
        if self._state is None or self._dataset is None:
            return None
        from .training.questions import weights

        return weights(self._state, self._dataset)

    def change_learning_rate(self, direction: int) -> Event | None:
        if self._state is None or self._recorder is None:
            return None
        from .training.schedule import next_rate

        self._state.learning_rate = rate = next_rate(self._state.learning_rate, direction)
        return self._emit(LearningRateChanged(self._state.epoch + 1, self._state.totals.batches, rate))

    def detail_next_step(self) -> None:
        if self._state is not None:
            self._state.detail_next_step = True

    # The run

    def _emit(self, event: Event) -> Event:
        """Gives an event to the sinks, and returns it."""
        for sink in self._sinks:
            sink.emit(event)
        return event

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """A run's events, as EventSource says. Everything is in the run's folder before the last event comes."""
        if self.folder_to_resume is None:
            if any(getattr(self.next_config, name) != getattr(self.config, name) for name in DATA_SETTINGS):
                self._dataset = None
            self.config = self.next_config
        end = RunFinished("completed", 0, None, None, 0.0)
        divergence = Divergence()
        unsaved = ""
        done_seconds = 0.0
        events = self._train()
        try:
            for event in events:
                for each in event.events if isinstance(event, Past) else (event,):
                    if isinstance(each, EpochFinished):
                        done_seconds += each.train_seconds + each.test_seconds
                        end = dataclasses.replace(end, epochs=each.epoch, seconds=done_seconds)
                        if each.split == "test":
                            end = dataclasses.replace(end, test_loss=each.test_loss, test_accuracy=each.test_accuracy)
                        elif self._state and (tested := self._state.tested):
                            end = dataclasses.replace(end, test_loss=tested.loss, test_accuracy=tested.accuracy)
                if isinstance(event, BatchFinished):
                    end = dataclasses.replace(end, seconds=done_seconds + event.seconds)
                if self._state and (message := divergence.add(event, self._state, last=stop.is_set())):
                    end = dataclasses.replace(end, reason="diverged", message=message)
                yield self._emit(event)
                if self._recorder and self._recorder.error != unsaved:
                    unsaved = self._recorder.error
                    yield self._emit(Saving(unsaved))
                if end.reason == "diverged":
                    break
                if stop.is_set():
                    end = dataclasses.replace(end, reason="stopped")
                    break
        except UserError as error:
            end = dataclasses.replace(end, reason="failed", message=str(error))
        except (Exception, SystemExit) as error:  # the user's own model or data set may do anything
            theirs = place_in(error) if self.config.model or ".py:" in self.config.dataset else ""
            if not theirs:
                log.exception("The training failed")
            elif self.folder:
                self.folder.note(traceback.format_exc())
            message = f"The training failed{theirs and f' at {theirs}'}: {said(error)}"
            end = dataclasses.replace(end, reason="failed", message=message)
        finally:
            events.close()
            self.folder_to_resume = None
        yield self._end(end)

    def _end(self, end: RunFinished) -> RunFinished:
        """Saves what is to be saved, lets go of the run's folder, and emits the last event."""
        self.unfinished = None
        if self._recorder:
            self._recorder.finish(end.reason)
            if end.reason == "stopped" and self._recorder.saved:
                self.unfinished = self.folder
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
        try:
            import torch  # noqa: F401
        except (ImportError, OSError) as error:
            raise UserError(
                f"PyTorch cannot be imported ({error}): install it with pip install torch torchvision."
            ) from error
        from .training import checkpoint
        from .training.data.load import load_for
        from .training.fit import fit
        from .training.state import TrainingState
        from .training.user_model import as_absolute, copies

        if self._dataset is None:
            self._dataset = yield from load_for(self.config)
        try:
            self._state = state = TrainingState(self.config, self._dataset)
        except ModelError as error:
            kept = self.folder_to_resume.path / "model.py" if self.folder_to_resume else None
            if kept and kept.exists():
                raise UserError(f"{error} The text that the run was made from is in {kept}.") from error
            raise
        # What `auto` and a relative path stand for may be something else when the run is resumed.
        config = dataclasses.replace(
            self.config,
            dataset=self._dataset.source or self._dataset.name,
            data_dir=self.config.data_dir.absolute(),
            model=as_absolute(self.config.model),
        )
        try:
            if self.folder_to_resume is None:
                self.folder = folder = RunFolder.create(self.config.runs_dir, self._dataset.name, config.as_dict())
            else:
                self.folder = folder = self.folder_to_resume
                folder.lock.acquire()
                yield self._restore(state, folder)
                folder.write_config(config.as_dict())
            folder.write_texts(copies(state.sources))
        except OSError as error:
            where = error.filename if self.folder_to_resume else self.config.runs_dir
            raise UserError(
                f"{str(where)[:200]} cannot be used ({error.strerror or error}): "
                "mend that, or name another folder with --runs-dir."
            ) from error
        self._recorder = RunRecorder(folder, config.as_dict(), state, checkpoint.save, config.checkpoint_seconds)
        self._sinks = [self._recorder]
        yield from fit(config, self._dataset, folder.name, state)

    def _restore(self, state: "TrainingState", folder: RunFolder) -> Past:
        """Puts the state where the run was saved, and returns what the run emitted until then.

        Raises UserError, and OSError.
        """
        from .training import checkpoint

        # A rate that was set by hand stays, unless another is asked for, or it led nowhere.
        new_rate = folder.diverged() or self.config.learning_rate != folder.read_config().get("learning_rate")
        position = checkpoint.restore(folder.checkpoint, state) if os.path.lexists(folder.checkpoint) else 0
        if state.epoch >= self.config.epochs:
            more = f"ask for more with --epochs {state.epoch + 5}"
            raise UserError(f"The run {folder.name} has its {state.epoch} epochs: {more}.")
        folder.cut_log(position)
        if new_rate:
            state.learning_rate = self.config.learning_rate
        return Past(tuple(event for event in folder.read_events() if not isinstance(event, RunFinished)))
