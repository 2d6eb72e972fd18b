"""The worker thread: it pulls a source's events, which is what trains, and posts them to the app."""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator

from textual.message import Message

from ..events import (
    BatchFinished,
    Detail,
    DigitImages,
    EpochFinished,
    Event,
    Mistakes,
    Predictions,
    Preview,
    StepTaken,
    Weights,
)
from ..runs.source import EventSource

POST_SECONDS = 0.25
"""Time from one message to the next: what a person can follow, and costs the training little."""

FOLLOWED = 30
"""Batches a second up to which each of them is told in detail, and in a message of its own."""

PAUSING = (BatchFinished, EpochFinished, Predictions)
"""The events at which the training may pause: the predictions of the untrained model are the first."""

BUNDLED = (Preview, DigitImages, Mistakes, Weights, StepTaken)
"""Events that wait for one of PAUSING, which soon follows, and are posted in one message with it."""

Question = Callable[[], Event | None]

log = logging.getLogger(__name__)


class Emitted(Message):
    """The events since the message before, in order."""

    def __init__(self, run: int, events: tuple[Event, ...], paused: bool = False, answers: bool = False) -> None:
        super().__init__()
        self.run = run
        """The number of the run that they belong to, as `TrainingWorker.run` counts."""
        self.events = events
        self.paused = paused
        """Whether the training is paused now."""
        self.answers = answers
        """Whether there are answers among them, for which a person waits."""


class TrainingWorker:
    """Pulls the events of one source on a thread of its own.

    The source trains while its events are pulled; so a pause is not pulling, and a slow pace is to wait before that.
    Every method is called by the app and returns at once; what came of it, the app gets as events. The last event of
    each run is a RunFinished.
    """

    def __init__(self, source: EventSource, post: Callable[[Message], object], pace: int = 0) -> None:
        self._source = source
        self._post = post
        self._pace = pace
        self._batch_due = 0.0  # when the next batch may be trained on
        self._drawn = True  # whether the last batch that was told in detail is on the screen
        self._wake = threading.Condition()  # guards what follows, and wakes the thread when it changes
        self.run = 0
        """The number of the run that was asked for last, from 0; the thread may still be in the one before."""
        self._paused = True
        self._until: type[Event] | None = None
        self._in_detail = False  # whether the steps until then are to be told in detail
        self._stop = threading.Event()
        self._next_stop: threading.Event | None = None  # of the next run, from when it is asked for until it begins
        self._closing = False
        self._questions: dict[Hashable, Question] = {}
        # A daemon: a thread that is stuck (importing, or in a system call) must not keep the process alive.
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)

    def start(self) -> None:
        """Starts the thread: it loads all that training needs, and pauses before the first batch."""
        self._thread.start()

    @property
    def paused(self) -> bool:
        """Whether the training is to pause, or has."""
        return self._paused

    def pause(self) -> None:
        """Pauses at the next event that allows it."""
        with self._wake:
            self._paused = True
            self._wake.notify()

    def unpause(self, until: type[Event] | None = None, in_detail: bool = False) -> None:
        """Trains on; with `until`, as far as the next event of that kind; `in_detail` at any pace."""
        with self._wake:
            self._paused, self._until, self._in_detail = False, until, in_detail
            self._wake.notify()

    def set_pace(self, pace: int) -> None:
        """Trains on so many batches a second from now on; 0: as fast as it can."""
        with self._wake:
            self._pace, self._batch_due = pace, 0.0
            self._wake.notify()

    def ask(self, question: Question, name: str | None = None) -> None:
        """Has a question answered by the thread that trains, between two events; its answer is posted as an event.

        With a `name`, it takes the place of a question of that name that is still waiting.
        """
        with self._wake:
            self._questions[name or object()] = question
            self._wake.notify()

    def drawn(self) -> None:
        """Takes note that all that was posted is on the screen; a batch in detail waits for the one before."""
        with self._wake:
            self._drawn = True
            self._wake.notify()

    def has_other_work(self) -> bool:
        """Whether something else waits for the thread: a question that takes long is then to be given up."""
        return bool(self._questions) or self._next_stop is not None or self._closing

    def stop(self) -> None:
        """Ends the run at its next event: the one that was asked for last, even where it has not begun yet."""
        with self._wake:
            (self._next_stop or self._stop).set()
            self._wake.notify()

    def restart(self, paused: bool = False) -> None:
        """Ends the run if there is one, and begins another; where it is `paused`, as far as before its first batch."""
        with self._wake:
            if self._next_stop is None:
                self.run += 1
            self._next_stop = threading.Event()
            self._paused, self._until, self._in_detail = paused, None, False
            self._stop.set()
            self._wake.notify()

    def close(self) -> None:
        """Ends the run, which saves it, and the thread."""
        with self._wake:
            self._closing = True
            self._stop.set()
            self._wake.notify()

    def join(self, timeout: float) -> bool:
        """Waits for the thread's end, `timeout` seconds at most; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        run = 0
        while not self._closing:
            self._relay(run, self._source.events(self._stop))
            self._wait(run, lambda: self._next_stop is not None or self._closing)
            with self._wake:
                run = self.run
                self._stop, self._next_stop = self._next_stop or self._stop, None

    @property
    def _detail(self) -> Detail:
        """What the next event is to tell."""
        if self._in_detail or 0 < self._pace <= FOLLOWED:
            return "steps"
        return "batches" if self._pace else "groups"

    def _pull(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events, each as it is asked for, with the detail that is wanted then."""
        self._source.set_detail(self._detail)
        for event in events:
            yield event
            self._source.set_detail(self._detail)

    def _relay(self, run: int, events: Iterator[Event]) -> None:
        """Pulls a run's events, and posts them."""
        waiting: list[Event] = []
        due = 0.0

        def flush(paused: bool = False, answers: bool = False) -> None:
            nonlocal due
            if waiting:
                self._post(Emitted(run, tuple(waiting), paused, answers))
                waiting.clear()
            due = time.monotonic() + POST_SECONDS

        for event in self._pull(events):
            of_a_step = isinstance(event, Predictions) and bool(waiting) and isinstance(waiting[-1], StepTaken)
            waiting.append(event)
            if of_a_step:
                continue  # its BatchFinished comes next
            if isinstance(event, PAUSING):
                if self._until and isinstance(event, self._until):
                    self._paused, self._until, self._in_detail = True, None, False
                if answered := bool(self._questions):
                    waiting += self._answers()
                if not self._paused and (answered or self._detail == "steps" or time.monotonic() >= due):
                    self._drawn = False
                    flush(answers=answered)
                if isinstance(event, BatchFinished):
                    self._keep_pace(run)
                if self._paused:
                    flush(paused=True, answers=answered)
                    self._wait(run, lambda: not self._paused or self._stop.is_set())
            elif not isinstance(event, BUNDLED):
                flush()
        flush()

    def _keep_pace(self, run: int) -> None:
        """Waits until the next batch may be trained on; a pause, a stop and another pace end that at once."""
        if pace := self._pace:
            # From when it was due, so that the pace is kept however long a batch takes, as far as it can be.
            self._batch_due = max(self._batch_due + 1 / pace, time.monotonic())
            self._wait(run, lambda: self._paused or self._stop.is_set() or pace != self._pace, self._batch_due)
            if pace <= FOLLOWED:
                self._wait(run, lambda: self._paused or self._stop.is_set() or pace != self._pace or self._drawn)

    def _wait(self, run: int, done: Callable[[], bool], until: float | None = None) -> None:
        """Waits, at most until that time of the monotonic clock, and answers questions meanwhile."""
        while True:
            with self._wake:
                left = until - time.monotonic() if until is not None else None
                self._wake.wait_for(lambda: done() or self._questions, left)
                if not self._questions:
                    return
            self._post(Emitted(run, tuple(self._answers()), paused=self._paused, answers=True))

    def _answers(self) -> list[Event]:
        with self._wake:
            questions, self._questions = self._questions, {}
        answers = []
        for question in questions.values():
            try:
                answers.append(question())
            except Exception:
                log.exception("A question to the model could not be answered")
        return [answer for answer in answers if answer is not None]
