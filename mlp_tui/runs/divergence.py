"""The tripwire: looks out for losses, and weights, that show that a run has diverged."""

import math
import sys
from dataclasses import dataclass
from typing import Literal, Protocol

from ..events import BatchFinished, EpochFinished, Event, RunStarted

FACTOR = 10
"""A loss that is so many times as large as the usual one is bad."""

LEAST = 0.5
"""A bad loss is at least so large a share of what guessing gives: late in a training, losses next to nothing leap."""

IN_A_ROW = 20
"""So many bad losses in a row are no longer the fault of a few hard examples."""


class Diverging(Protocol):
    """What is asked of the state of the training."""

    @property
    def begun(self) -> bool: ...

    @property
    def step(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    def weights_are_finite(self) -> bool: ...

    def describe(self) -> str | None: ...


@dataclass(frozen=True)
class Trip:
    """What the user should know of a run that has diverged."""

    what: str
    """A sentence without its end."""
    first: int
    """The first batch whose loss was bad, counted over all epochs from 1; 0 where only the weights show it."""
    limit: float
    """What a loss must not be above."""

    def is_bad(self, loss: float) -> bool:
        """Whether a loss is one that a run must not have for long."""
        return not loss <= self.limit


class Divergence:
    """Follows the events of a run until one shows that it has diverged: as `tripwire`, the setting, says."""

    def __init__(self, tripwire: Literal["tenfold", "infinite"] = "tenfold") -> None:
        self._tenfold = tripwire == "tenfold"
        self._least = 0.0
        self._usual, self._limit = math.inf, sys.float_info.max
        self._row = 0  # bad losses, one behind the other, up to now
        self._first, self._rise = 0, ""  # the first of them: its number in the run, and its place in words

    def add(self, event: Event, state: Diverging, last: bool = False) -> Trip | None:
        """What is wrong after an event, if anything is.

        The weights are looked through after an epoch, and after the last event before a stop.
        """
        what, first = "", 0
        match event:
            case RunStarted():
                self._least = LEAST * math.log(max(2, len(event.classes)))
            case BatchFinished():
                what, first = self._follow(event, state.step), self._first
            case EpochFinished() if not math.isfinite(event.test_loss):
                what = f"The {event.split} loss became {event.test_loss} after epoch {event.epoch}"
        ended = isinstance(event, EpochFinished) or (last and state.begun)
        if not what and ended and not state.weights_are_finite():
            what = f"A weight was not finite any more at {state.describe()}"
        return Trip(f"{what}, at learning rate {state.learning_rate:g}", first, self._limit) if what else None

    def _follow(self, event: BatchFinished, step: int) -> str:
        """What is wrong with the losses of a group of batches, the last of which had that number, if anything is."""
        for back, loss in enumerate(event.losses, start=1 - len(event.losses)):
            if loss <= self._limit:
                self._row = 0
                # A mean in which the last hundred batches or so count.
                self._usual = loss if self._usual == math.inf else 0.99 * self._usual + 0.01 * loss
                self._limit = max(FACTOR * self._usual, self._least)
                continue
            place = f"epoch {event.epoch}, batch {event.batch + back}"
            self._row += 1
            if self._row == 1:
                self._first, self._rise = step + back, place
            if not math.isfinite(loss):
                rise = f" (it had risen tenfold by {self._rise})" if self._row > 1 else ""
                return f"The loss became {loss} in {place}{rise}"
            if self._tenfold and self._row == IN_A_ROW:
                return f"The loss rose tenfold in {self._rise}, and stayed there for {IN_A_ROW} batches"
        return ""
