"""Keeps a run in its folder while it trains: the log of its events, and its checkpoints."""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..events import BatchFinished, EpochFinished, Event, Past, RunFinished
from .folder import EventLog, RunFolder

SHARE = 0.01
"""The most of the training's time that checkpoints at the ends of epochs may take."""


class RunRecorder:
    """Writes what it is told of, and says in `error` what it could not write; it tries again by itself."""

    def __init__(
        self,
        folder: RunFolder,
        config: dict[str, Any],
        contents: Callable[[], dict[str, Any]],
        save: Callable[[Path, dict[str, Any]], None],
        checkpoint_seconds: float,
        trained: bool,
    ) -> None:
        self.folder = folder
        self._config = config
        self._contents = contents
        self._save = save
        self._checkpoint_seconds = checkpoint_seconds
        self._log = EventLog(folder.events)
        self._trained = trained
        self._owed = False  # whether an epoch has ended since the last checkpoint
        self._cost = 0.0
        self._last = time.monotonic()
        self._save_error = ""

    @property
    def error(self) -> str:
        """What could not be written and why, or nothing."""
        return self._save_error or self._log.error

    @property
    def saved(self) -> bool:
        """Whether the last checkpoint holds all there is."""
        return self._trained and not self._save_error

    def record(self, event: Event, sound: bool = True) -> None:
        """Logs an event, and takes a checkpoint where one is due: the training is between two steps now.

        Where the model is not `sound` any more, the last checkpoint stays as it is.
        """
        if isinstance(event, Past):
            return
        self._log.add(event)
        if not sound:
            return
        if isinstance(event, BatchFinished):
            self._trained = True
        elif isinstance(event, EpochFinished):
            self._owed = True
        waited = time.monotonic() - self._last
        if waited > self._checkpoint_seconds or (self._owed and waited > self._cost / SHARE):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Saves all that the run needs to go on from here."""
        started = time.monotonic()
        try:
            if not self.folder.config.exists():  # somebody has taken the folder away
                self.folder.create(self._config)
            self._log.flush()
            self._save(self.folder.checkpoint, {"training": self._contents(), "log_position": self._log.position})
            self._save_error = ""
        except OSError as error:
            self._save_error = f"{self.folder.checkpoint}: {error.strerror or error}"
        self._owed = False
        self._last = time.monotonic()
        self._cost = self._last - started

    def finish(self, event: RunFinished) -> None:
        """The last event. A run that never trained leaves no folder behind."""
        if not self._trained:
            with contextlib.suppress(OSError):
                shutil.rmtree(self.folder.path)
        elif event.reason in ("completed", "stopped"):
            self.checkpoint()
        if event.reason == "completed":
            try:
                self._save(self.folder.model, self._contents()["model"])
            except OSError as error:
                self._save_error = f"{self.folder.model}: {error.strerror or error}"

    def close(self, event: RunFinished) -> None:
        """Logs the last event."""
        if self._trained:
            self._log.add(event)
