"""Walk: the past moment of the run that the screen shows, and the way to others."""

import math
import time
from collections.abc import Callable, Set
from functools import partial
from typing import TYPE_CHECKING

from ..events import Moment
from ..runs.source import Question
from .phases import Phase
from .run_state import RunState
from .worker import FOLLOWED

if TYPE_CHECKING:
    from .control import RunControl

MOMENTS = 10
"""Moments a second that are shown where each batch of the run would be too many."""

WHOLE_RUN = 10
"""Seconds in which a run is played from end to end at full speed."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds."""


class Walk:
    """Takes the screen to past moments of the run, and back. The run itself waits meanwhile, or is over.

    A moment is asked for by how many batches of the run it comes after. Where the keys are quicker than the answers,
    each press counts, and what was passed over is not asked for: the next moment waits until the last one is drawn.
    """

    def __init__(self, control: "RunControl", later: Later) -> None:
        self._control = control
        self._later = later
        self.present: Phase = "paused"
        """The phase that the run is in while a past moment is on show."""
        self.then: RunState | None = None
        """The run as it was at the moment on show; None at the present."""
        self._target: int | None = None  # the moment to go to; None at the present
        self._wanted: Set[str] = frozenset()
        self._asked: tuple[int, Set[str]] | None = None  # what is asked for, until its answer is on the screen
        self._answered = False
        self._due = 0.0  # when the next moment is to be shown, while they are played

    @property
    def step(self) -> int | None:
        """The moment that was asked for last; None at the present."""
        return self._target

    def batches(self, count: int) -> None:
        """Goes so many batches forward, or back, from the moment that was asked for last."""
        if past := self._control.source.past:
            step = (past.last if self._target is None else self._target) + count
            if self._target is not None or step < past.last:
                self.go(step)

    def epochs(self, count: int) -> None:
        """Goes so many epochs forward, or back."""
        self.batches(count * self._control.state.batches)

    def to_end(self, direction: int) -> None:
        """Goes to the beginning of the run (-1), or to where it is now (1)."""
        if past := self._control.source.past:
            self.batches(direction * (past.last - past.first))

    def go(self, step: int, phase: Phase = "replay") -> None:
        """Goes to that moment, or to the nearest that there is."""
        control = self._control
        past, at_present = control.source.past, self._target is None
        if past is None:
            return
        step = max(past.first, min(step, past.last))
        self._target = step
        if at_present:
            self.present = control.phase
        if control.phase != phase:
            control.enter(phase)
        if self._asked is None:
            self._ask()

    def _ask(self) -> None:
        past = self._control.source.past
        if past is not None and self._target is not None:
            self._asked, self._answered = (self._target, self._wanted), False
            self._control.worker.ask(partial(past.go, *self._asked), "walk")

    def ask(self, question: Question) -> None:
        """Asks about the past; the newest question counts, and one that takes long gives way to it."""
        if self._control.phase == "playing":
            self._control.halt()
        worker = self._control.worker
        worker.ask(partial(question, worker.has_other_work), "past")

    def want(self, wanted: Set[str]) -> None:
        """Says what the screen shows of a moment, as TimeMachine calls it; what is lacking is asked for."""
        before, self._wanted = self._wanted, wanted
        if wanted - before and self._target is not None:
            self.go(self._target, self._control.phase)

    def play(self) -> None:
        """Shows one moment after the other from here on, at the pace that is set."""
        self._control.enter("playing")
        self._play_on(self._target)

    def _play_on(self, step: int | None) -> None:
        """Goes to the moment that is played after that one, where nothing else was asked for meanwhile."""
        past = self._control.source.past
        if past and step is not None and step == self._target and self._control.phase == "playing":
            count, seconds = stride(self._control.state.pace, past.last - past.first)
            self._due = time.monotonic() + seconds
            self.go(step + count, "playing")

    def show(self, moment: Moment) -> None:
        """Shows a moment that was asked for; at the end of the run, the present."""
        control = self._control
        if self._target is None:
            return  # it was left meanwhile
        self._answered = True
        before = self.then.moment if self.then else None
        control.state.lost = moment.error
        if moment.error and before is not None:
            self._target, self.then = before.step, control.state.at(before)
            self._asked = before.step, self._wanted
            control.enter("replay")
        elif moment.error or moment.step == moment.last == self._target:
            control.state.refresh(moment)
            control.enter(self.present)
        else:
            drawing = control.shown.drawing
            self.then = control.state.at(moment)
            self.then.drawing = drawing  # until the model of this moment is asked

    def drawn(self) -> None:
        """Takes note that the screen shows what was asked for, and asks for what was wished since."""
        if self._answered and self._target is not None:
            asked, self._asked, self._answered = self._asked, None, False
            if asked != (self._target, self._wanted):
                self._ask()
            elif self._control.phase == "playing":
                self._later(max(0.001, self._due - time.monotonic()), partial(self._play_on, self._target))

    def leave(self) -> None:
        """Goes back to the present."""
        if self._target is not None:
            self.then = self._target = self._asked = None
            if past := self._control.source.past:
                self._control.worker.ask(past.leave, "walk")


def stride(pace: int, batches: int) -> tuple[int, float]:
    """The batches from one moment to the next where a run of so many is played at that pace, and the seconds."""
    if not pace:
        return max(1, math.ceil(batches / (WHOLE_RUN * MOMENTS))), 1 / MOMENTS
    count = 1 if pace <= FOLLOWED else math.ceil(pace / MOMENTS)
    return count, count / pace
