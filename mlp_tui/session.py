"""One run from start to end, as both front ends drive it: the one door to `training/`."""

import dataclasses
import logging
import math
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING

from .config import TrainingConfig
from .errors import UserError
from .events import (
    BatchFinished,
    EpochFinished,
    Event,
    LearningRateChanged,
    Past,
    Preparing,
    Reason,
    RunFinished,
    Saving,
)
from .runs.folder import RunFolder, new_run_name
from .runs.recorder import RunRecorder

if TYPE_CHECKING:
    from .training.checkpoint import TrainingState
    from .training.data.datasets import Dataset

log = logging.getLogger(__name__)


class Session(EventSource):
    """Runs the settings as often as `events` is called, from the same initial weights each time.

    With `resume`, the first call goes on with that run.
    """

    def __init__(self, config: TrainingConfig, resume: RunFolder | None = None) -> None:
        self.config = config
        self.next_config = config
        """The settings of the next run, where it is a new one."""
        self.folder: RunFolder | None = None
        """The folder of the run under way, or of the last one."""
        self.unfinished: RunFolder | None = None
        """The folder of the last run, where it is saved and can go on."""
        self._resume = resume
        self._dataset: Dataset | None = None
        self._state: TrainingState | None = None
        self._recorder: RunRecorder | None = None

    @property
    def resumes(self) -> bool:
        """Whether the next run goes on with one that was broken off."""
        return self._resume is not None

    def resume_next(self) -> None:
        self._resume = self.unfinished

    # Questions to the model, for the thread that trains, between two events

    def read_drawing(self, pixels: bytes) -> Event | None:
        """What the model makes of 28x28 bytes, ink bright; None where there is no model yet."""
        if self._state is None:
            return None
        from .training.questions import read_drawing

        return read_drawing(self._state, pixels)

    def weights(self) -> Event | None:
        """The hidden units as they are now; None where there is no model yet."""
        if self._state is None or self._dataset is None:
            return None
        from .training.questions import weights

        return weights(self._state, self._dataset.test)

    def change_learning_rate(self, direction: int) -> Event | None:
        if self._state is None or self._recorder is None:
            return None
        from .training.schedule import next_rate

        self._state.learning_rate = rate = next_rate(self._state.learning_rate, direction)
        return self._emit(LearningRateChanged(self._state.epoch + 1, self._state.totals.batches, rate))

    def detail_next_step(self) -> None:
        """Has the next batch trained by itself, and a StepTaken told of it before its BatchFinished."""
        if self._state is not None:
            self._state.detail_next_step = True

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """A run's events; the last one is always a RunFinished, and no exception comes out.

        Once `stop` is set, by any thread or a signal handler, the run ends at its next event. Everything is in
        the run's folder before the last event is told.
        """
        if self._resume is None:
            if (self.next_config.dataset, self.next_config.data_dir) != (self.config.dataset, self.config.data_dir):
                self._dataset = None
            self.config = self.next_config
        reason: Reason = "completed"
        message = unsaved = ""
        epoch: EpochFinished | None = None
        done_seconds = 0.0
        seconds = 0.0
        events = self._train()
        try:
            for event in events:
                for done in event.events if isinstance(event, Past) else (event,):
                    if isinstance(done, EpochFinished):
                        epoch = done
                        seconds = done_seconds = done_seconds + done.train_seconds + done.test_seconds
                if isinstance(event, BatchFinished):
                    seconds = done_seconds + event.seconds
                    if not all(map(math.isfinite, event.losses)):
                        reason, message = "diverged", self._divergence(event)
                if self._recorder:
                    self._recorder.record(event, sound=reason != "diverged")
                    if self._recorder.error != unsaved:
                        unsaved = self._recorder.error
                        yield Saving(unsaved)
                yield event
                if reason == "diverged":
                    break
                if stop.is_set():
                    reason = "stopped"
                    break
        except UserError as error:
            reason, message = "failed", str(error)
        except Exception as error:
            log.exception("The training failed")
            reason, message = "failed", f"The training failed: {type(error).__name__}: {error}"
        finally:
            events.close()
            self._resume = None
        end = RunFinished(
            reason=reason,
            epochs=epoch.epoch if epoch else 0,
            test_loss=epoch.test_loss if epoch else None,
            test_accuracy=epoch.test_accuracy if epoch else None,
            seconds=seconds,
            message=message,
        )
        self.unfinished = None
        if self._recorder:
            self._recorder.finish(end)
            if reason == "stopped" and self._recorder.saved:
                self.unfinished = self.folder
            if unsaved := self._recorder.error:
                end = dataclasses.replace(end, message=f"{message} The run could not be saved: {unsaved}.".strip())
            self._recorder.close(end)
            self._recorder = None
        if self.folder:
            self.folder.unlock()
        yield end

    def _train(self) -> Generator[Event, None, None]:
        yield Preparing("Loading PyTorch")
        try:
            import torch  # noqa: F401
        except (ImportError, OSError) as error:
            raise UserError(
                f"PyTorch cannot be imported ({error}): install it with pip install torch torchvision."
            ) from error
        from .training import checkpoint
        from .training.data.datasets import load_dataset
        from .training.fit import fit

        if self._dataset is None:
            self._dataset = yield from load_dataset(self.config.dataset, self.config.data_dir)
        self._state = state = checkpoint.TrainingState(self.config)
        if self._resume is None:
            name = new_run_name(self.config.runs_dir, self._dataset.name)
            self.folder = folder = RunFolder(self.config.runs_dir / name)
        else:
            self.folder = folder = self._resume
            folder.lock()
            # A rate that was set by hand stays, unless another is asked for, or it led nowhere.
            new_rate = folder.diverged() or self.config.learning_rate != folder.read_config().get("learning_rate")
            if folder.checkpoint.exists():
                contents = checkpoint.load(folder.checkpoint, state.device)
                state.load_state_dict(contents["training"])
                folder.cut_log(contents["log_position"])
            else:
                folder.cut_log(0)
            if new_rate:
                state.learning_rate = self.config.learning_rate
            yield Past(tuple(event for event in folder.read_events() if not isinstance(event, RunFinished)))
        if state.epoch >= self.config.epochs:
            raise UserError(
                f"The run {folder.name} has its {state.epoch} epochs: ask for more with --epochs {state.epoch + 5}."
            )
        # What `auto` and a relative path stand for may be something else when the run goes on.
        config = dataclasses.replace(self.config, dataset=self._dataset.name, data_dir=self.config.data_dir.absolute())
        try:
            folder.create(config.as_dict())
            if self._resume is None:
                folder.lock()
        except OSError as error:
            raise UserError(
                f"{folder.path} cannot be written ({error.strerror or error}): "
                "name a folder that can be with --runs-dir."
            ) from error
        self._recorder = RunRecorder(
            folder, config.as_dict(), state.state_dict, checkpoint.save, config.checkpoint_seconds, state.begun
        )
        yield from fit(config, self._dataset, folder.name, state)

    def _divergence(self, event: BatchFinished) -> str:
        assert self._state is not None
        first = next(i for i, loss in enumerate(event.losses) if not math.isfinite(loss))
        batch = event.batch - len(event.losses) + first + 1
        return (
            f"The loss became {event.losses[first]} in epoch {event.epoch}, batch {batch}, at learning rate "
            f"{event.learning_rate:g}, with a gradient norm of {self._state.gradient_norm():.3g}: "
            "try a smaller --learning-rate."
        )
