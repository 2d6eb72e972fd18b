"""The worker thread: it pulls a session's events, which trains, and posts them to the app."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

from textual.message import Message

from ..events import (
    BatchFinished,
    DigitImages,
    EpochFinished,
    Event,
    Mistakes,
    Predictions,
    Preview,
    Weights,
)
from ..runs.source import EventSource

POST_SECONDS = 0.25
"""Time from one message to the next: what a person can follow, and costs the training little."""

HELD = (BatchFinished, EpochFinished, Predictions)
"""The events at which the training may be held: from the first look at the untrained model on."""

FOLLOWED = (Preview, DigitImages, Mistakes, Weights)
"""The events that go with the one that follows them."""

Question = Callable[[], Event | None]

log = logging.getLogger(__name__)


class Emitted(Message):
    """What training told since the message before, in order; and whether it is held now."""

    def __init__(self, events: tuple[Event, ...], held: bool = False) -> None:
        super().__init__()
        self.events = events
        self.held = held


class TrainingWorker:
    """Drives one session on a thread of its own.

    The thread trains while events are pulled; so pausing is not pulling. Every method is called by the app and
    returns at once; what came of it, the app hears as events. A run's last event is a RunFinished.
    """

    def __init__(self, session: EventSource, post: Callable[[Message], object]) -> None:
        self._session = session
        self._post = post
        self._wake = threading.Condition()  # guards what follows, and tells of its changes
        self._going = False
        self._until: type[Event] | None = None
        self._stop = threading.Event()
        self._again = False
        self._closing = False
        self._questions: dict[str, Question] = {}
        # A daemon: a thread that is stuck (importing, or in a system call) must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)

    def start(self) -> None:
        """Starts the thread: it loads all that training needs, and holds before the first batch."""
        self._thread.start()

    def go_on(self, until: type[Event] | None = None) -> None:
        """Trains on; with `until`, as far as the next event of that kind."""
        with self._wake:
            self._going, self._until = True, until
            self._wake.notify()

    @property
    def going(self) -> bool:
        """Whether the training is let go on."""
        return self._going

    def pause(self) -> None:
        self._going = False

    def ask(self, name: str, question: Question) -> None:
        """Has a question answered by the thread that trains, between two events; the answer is told as an event.

        One that waits is replaced by a newer one of the same name.
        """
        with self._wake:
            self._questions[name] = question
            self._wake.notify()

    def stop(self) -> None:
        """Ends the run at its next event."""
        with self._wake:
            self._stop.set()
            self._wake.notify()

    def restart(self, going: bool = True) -> None:
        """Ends the run if there is one, and begins another; without `going`, as far as before its first batch."""
        with self._wake:
            self._going, self._until, self._again = going, None, True
            self._stop.set()
            self._wake.notify()

    def close(self) -> None:
        """Ends the run and the thread."""
        # No lock: a signal handler calls this, and may have interrupted the holder of it.
        self._closing = True
        self._stop.set()
        threading.Thread(target=self.stop, daemon=True).start()

    def join(self, timeout: float) -> bool:
        """Waits for the thread's end, `timeout` seconds at most; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._closing:
            self._relay(self._session.events(self._stop))
            self._wait(lambda: self._again or self._closing)
            with self._wake:
                self._again = False
                if not self._closing:
                    self._stop = threading.Event()

    def _relay(self, events: Iterator[Event]) -> None:
        waiting: list[Event] = []
        due = 0.0

        def flush(held: bool = False) -> None:
            nonlocal due
            if waiting:
                self._post(Emitted(tuple(waiting), held))
                waiting.clear()
            due = time.monotonic() + POST_SECONDS

        for event in events:
            waiting.append(event)
            if isinstance(event, HELD):
                if self._until and isinstance(event, self._until):
                    self._going, self._until = False, None
                if self._questions:
                    waiting += self._answers()
                    due = 0.0
                if not self._going:
                    flush(held=True)
                    self._wait(lambda: self._going or self._stop.is_set())
                if time.monotonic() >= due:
                    flush()
            elif not isinstance(event, FOLLOWED):
                flush()
        flush()

    def _wait(self, done: Callable[[], bool]) -> None:
        """Waits, and answers questions meanwhile."""
        while True:
            with self._wake:
                self._wake.wait_for(lambda: done() or self._questions)
                if not self._questions:
                    return
            self._post(Emitted(tuple(self._answers()), held=True))

    def _answers(self) -> list[Event]:
        with self._wake:
            questions, self._questions = self._questions, {}
        answers = []
        for name, question in questions.items():
            try:
                answers.append(question())
            except Exception:
                log.exception("The question about %s could not be answered", name)
        return [answer for answer in answers if answer is not None]
