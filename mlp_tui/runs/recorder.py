"""Keeps a run in its folder while it trains: the log of its events, and its checkpoints."""

import contextlib
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..events import BatchFinished, EpochFinished, Event, Past, Reason, RunFinished
from .folder import RunFolder
from .log import EventLog

SHARE = 0.01
"""The most of the training's time that checkpoints at the ends of epochs may take."""


class Recorded(Protocol):
    """What the recorder needs of the state of the training."""

    @property
    def begun(self) -> bool: ...

    def state_dict(self) -> dict[str, Any]: ...

    def weights_are_finite(self) -> bool: ...


class RunRecorder:
    """Writes a run's events and checkpoints. `error` says what it could not write; it tries again by itself."""

    def __init__(
        self,
        folder: RunFolder,
        config: dict[str, Any],
        state: Recorded,
        save: Callable[[Path, dict[str, Any]], None],
        checkpoint_seconds: float,
    ) -> None:
        self.folder = folder
        self._config = config
        self._state = state
        self._save = save
        self._checkpoint_seconds = checkpoint_seconds
        self._log = EventLog(folder.events)
        self._finite = True  # whether all losses were
        self._epoch_ended = False  # since the last checkpoint
        self._cost = 0.0
        self._last = time.monotonic()
        self._save_error = ""
        self.make_room: Callable[[], bool] = lambda: False
        """Deletes something that can be done without, where the disk is full; whether there was anything."""
        self.unsaved = False
        """Whether there are steps of training that no checkpoint holds yet."""

    @property
    def error(self) -> str:
        """What could not be written and why, or nothing."""
        return self._save_error or self._log.error

    @property
    def saved(self) -> bool:
        """Whether the last checkpoint holds all there is."""
        return self._state.begun and not self.unsaved

    def emit(self, event: Event) -> None:
        """Logs an event, and saves a checkpoint where one is due: the training is between two steps now."""
        if isinstance(event, Past):
            return
        if isinstance(event, RunFinished) and not self._state.begun:
            return
        self._log.add(event)
        if isinstance(event, BatchFinished):
            self.unsaved = True
            self._finite = self._finite and all(map(math.isfinite, event.losses))
        elif isinstance(event, EpochFinished):
            self._epoch_ended = True
            self._finite = self._finite and math.isfinite(event.test_loss)
        waited = time.monotonic() - self._last
        due = waited > self._checkpoint_seconds or (self._epoch_ended and waited > self._cost / SHARE)
        if due and not isinstance(event, RunFinished):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Saves all that the run needs to be resumed from here; a ruined state never replaces a good one."""
        started = time.monotonic()
        self._last, self._epoch_ended = started, False
        if not (self._finite and self._state.weights_are_finite()):
            return
        try:
            if not self.folder.config.exists():  # somebody has taken the folder away
                self.folder.write_config(self._config)
            self._log.flush()
            contents = {"training": self._state.state_dict(), "log_position": self._log.position}
            try:
                self._save(self.folder.checkpoint, contents)
            except OSError:
                if not self.make_room():
                    raise
                self._save(self.folder.checkpoint, contents)
            self._save_error, self.unsaved = "", False
        except OSError as error:
            self._save_error = f"{self.folder.checkpoint}: {error.strerror or error}"
        self._last = time.monotonic()
        self._cost = self._last - started

    def finish(self, reason: Reason) -> None:
        """Saves what the end of a run is to leave behind: nothing of one that never trained."""
        if not self._state.begun:
            with contextlib.suppress(OSError):
                shutil.rmtree(self.folder.path)
            return
        if reason in ("completed", "stopped"):
            self.checkpoint()
        if reason == "completed" and not self.unsaved:
            try:
                state = self._state.state_dict()
                self._save(self.folder.model, state.get("best", state)["model"])
            except OSError as error:
                self._save_error = f"{self.folder.model}: {error.strerror or error}"
