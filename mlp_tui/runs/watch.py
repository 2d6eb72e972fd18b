"""Watching a run that another process trains, or that is over, by way of its log."""

import logging
import threading
import time
from collections.abc import Generator

from ..config import TrainingConfig
from ..events import Event, Past, RunFinished, Watched
from .folder import RunFolder
from .log import events_in
from .source import EventSource

POLL_SECONDS = 0.25

log = logging.getLogger(__name__)


class WatchedRun(EventSource):
    """Emits the events of the run's log, as they are added to it. It writes nothing, and trains nothing."""

    resumes = True

    def __init__(self, folder: RunFolder) -> None:
        self.config = self.next_config = TrainingConfig(runs_dir=folder.path.parent)
        self.watched = folder

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """The run's past, then its events as they are logged, until `stop` is set; then its RunFinished.

        Of a run that has none, since it is live or was killed, the last one says "stopped": the watching has.
        """
        end = RunFinished("stopped", 0, None, None, 0.0)
        try:
            for event in self._follow(stop):
                for each in event.events if isinstance(event, Past) else (event,):
                    if isinstance(each, RunFinished):
                        end = each
                yield event
        except Exception as error:
            log.exception("The run's log cannot be followed")
            end = RunFinished("failed", 0, None, None, 0.0, f"{self.watched.path} cannot be read: {error}.")
        yield end

    def _follow(self, stop: threading.Event) -> Generator[Event, None, None]:
        data, position = self.watched.read_log(0)
        yield Past(tuple(events_in(data)))
        due = 0.0
        while not stop.is_set():
            data, position = self.watched.read_log(position)
            yield from events_in(data)
            if time.monotonic() >= due:
                yield Watched(self.watched.lock.is_held(), self.watched.age())
                due = time.monotonic() + 1
            stop.wait(POLL_SECONDS)
