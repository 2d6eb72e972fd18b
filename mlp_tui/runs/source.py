"""EventSource: what a front end asks of a run, whether it is trained here or only watched."""

import threading
from collections.abc import Callable, Collection, Generator
from typing import Protocol

from ..config import TrainingConfig
from ..events import Detail, Event
from .folder import RunFolder

PACES = (1, 3, 10, 30, 100, 300, 0)
"""Batches a second that a front end may ask for, the slowest first; 0: as fast as the machine can."""

Interrupted = Callable[[], bool]
"""Whether something newer waits for an answer, so that this question is to be given up."""

Question = Callable[[Interrupted], Event | None]
"""A question about the past, which may take long; None where it was given up."""


class Walkable(Protocol):
    """A run whose moments can be had again; for the thread that pulls the events, between two of them."""

    @property
    def first(self) -> int: ...

    @property
    def last(self) -> int: ...

    def go(self, step: int, wanted: Collection[str] = ()) -> Event:
        """The Moment after that many batches of the run, with what is `wanted` of it, as TimeMachine says."""
        ...

    def flips(self, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        """Which held-out examples are read right after one of these steps and wrong after the other: Flips."""
        ...

    def find_flip(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        """After which step in between a held-out example came to be read as it is after the later one: FlipFound."""
        ...

    def influences(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        """Which training examples of the last batches before that step taught it: Influences; or else a FlipFound."""
        ...

    def leave(self) -> None:
        """Goes back to where the run itself is."""
        ...


class EventSource(Protocol):
    """A run's events, and what can be asked of it between two of them.

    There are three: `Session` trains, `WatchedRun` reads the log of a run that another process trains, and
    `PythonRun` is a loop of the user's own. What these two cannot do stays as it is written here: it does nothing and
    answers None.
    """

    config: TrainingConfig
    next_config: TrainingConfig
    """The settings of the next run, where it is a new one."""
    folder: RunFolder | None = None
    """The folder of the run under way, or of the last one."""
    unfinished: RunFolder | None = None
    """The folder of the last run, where it is saved and can be resumed."""
    trains: bool = False
    """Whether the run is trained here, so that it can be paused, stopped and started anew."""
    resumes: bool = False
    """Whether the next run is one that was broken off."""
    lacks: frozenset[str] = frozenset()
    """What other runs that are trained here have, and this one has not, by the names in the table of phases."""
    unsaved: bool = False
    """Whether a run is under way, or is being saved: the process must not end now."""

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        """A run's events; the last one is always a RunFinished, and no exception comes out.

        Once `stop` is set, by any thread, the run ends at its next event.
        """
        ...

    def resume_next(self) -> None:
        """Makes the next call of `events` resume the run that was stopped."""
        return None

    past: "Walkable | None" = None
    """What walks through the run, where that is possible."""

    # The rest is for the thread that pulls the events, between two of them.

    def read_drawing(self, pixels: bytes) -> Event | None:
        """What the model makes of 28x28 bytes, ink bright; None where there is no model yet."""
        return None

    def weights(self) -> Event | None:
        """The hidden units as they are now; None where there is no model yet."""
        return None

    def change_learning_rate(self, direction: int) -> Event | None:
        """Trains on at the next larger (1) or smaller (-1) learning rate of 1, 2 and 5 times a power of ten."""
        return None

    def set_detail(self, detail: Detail) -> None:
        """Says what the next events are to tell of the steps."""
        return None
