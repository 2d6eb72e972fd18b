"""The worker thread: it pulls a session's events, which trains, and posts them to the app."""

import threading
import time
from collections.abc import Callable, Iterator

from textual.message import Message

from ..events import BatchFinished, EpochFinished, Event, Predictions, Preview
from ..session import Session

POST_SECONDS = 0.25
"""Time from one message to the next: what a person can follow, and costs the training little."""


HELD = (BatchFinished, EpochFinished, Predictions)
"""The events at which the training may be held: from the first look at the untrained model on."""


class Told(Message):
    """What training told since the message before, in order."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        super().__init__()
        self.events = events


class TrainingWorker:
    """Drives one session on a thread of its own.

    The thread trains while events are pulled; so pausing is not pulling. Every method is called by the app and
    returns at once; what came of it, the app hears as events. A run's last event is a RunFinished, and only
    after it may `restart` be called again.
    """

    def __init__(self, session: Session, post: Callable[[Message], object]) -> None:
        self._session = session
        self._post = post
        self._go = threading.Event()
        self._stop = threading.Event()
        self._again = threading.Semaphore(0)
        self._closing = False
        # A daemon: a thread that is stuck (importing, or in a system call) must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)

    def start(self) -> None:
        """Starts the thread: it loads all that training needs, and holds before the first batch."""
        self._thread.start()

    def go_on(self) -> None:
        self._go.set()

    def pause(self) -> None:
        self._go.clear()

    def stop(self) -> None:
        """Ends the run at its next event."""
        self._stop.set()
        self._go.set()

    def restart(self) -> None:
        """Ends the run if there is one, and trains anew from the start."""
        self.stop()
        self._again.release()

    def close(self) -> None:
        """Ends the run and the thread."""
        self._closing = True  # before the stop: the thread looks the other way round
        self.stop()
        self._again.release()

    def join(self, timeout: float) -> bool:
        """Waits for the thread's end, `timeout` seconds at most; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._closing:
            self._relay(self._session.events(self._stop))
            self._again.acquire()
            self._stop = threading.Event()

    def _relay(self, events: Iterator[Event]) -> None:
        waiting: list[Event] = []
        due = 0.0

        def flush() -> None:
            nonlocal due
            if waiting:
                self._post(Told(tuple(waiting)))
                waiting.clear()
            due = time.monotonic() + POST_SECONDS

        for event in events:
            waiting.append(event)
            if isinstance(event, HELD):
                if not self._go.is_set():
                    flush()
                    self._go.wait()
                if time.monotonic() >= due:
                    flush()
            elif not isinstance(event, Preview):  # it goes with the predictions that follow
                flush()
        flush()
