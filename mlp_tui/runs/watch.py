"""Looking at a run that another process trains, or that is over, by way of its log."""

import threading
import time
from collections.abc import Generator

from ..config import TrainingConfig
from ..events import Event, Past, Watched
from ..session import Session
from .folder import RunFolder, events_in

POLL_SECONDS = 0.25


class WatchedRun(Session):
    """Stands where a Session stands, and tells what the run's log tells. It writes nothing, and trains nothing."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(TrainingConfig(runs_dir=folder.path.parent))
        self.watched = folder

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """The run's past, then its events as they are logged, without end until `stop` is set."""
        data, position = self.watched.read_log(0)
        yield Past(tuple(events_in(data)))
        told = 0.0
        while not stop.is_set():
            data, position = self.watched.read_log(position)
            yield from events_in(data)
            if time.monotonic() - told >= 1:
                yield Watched(self.watched.is_locked(), self.watched.age())
                told = time.monotonic()
            stop.wait(POLL_SECONDS)
