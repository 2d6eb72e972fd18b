"""Looks out for losses and weights that are not finite any more, and says what helps."""

import math
from typing import Protocol

from ..events import BatchFinished, EpochFinished, Event


class Diverging(Protocol):
    """What is asked of the state of the training."""

    @property
    def begun(self) -> bool: ...

    @property
    def learning_rate(self) -> float: ...

    def weights_are_finite(self) -> bool: ...

    def largest_weight(self) -> float: ...

    def describe(self) -> str | None: ...


class Divergence:
    """Follows the events of a run, from which it also learns after which batch the loss had risen tenfold for good."""

    def __init__(self) -> None:
        self._usual = math.inf
        self.rise = ""
        """Where the loss had risen tenfold and did not come down again, in words, or nothing."""

    def add(self, event: Event, state: Diverging, last: bool = False) -> str:
        """What the user should know where a loss, or a weight, is not finite any more after an event; else nothing.

        The weights are looked through after an epoch, and after the last event before a stop.
        """
        if isinstance(event, BatchFinished):
            self._follow(event)
        if isinstance(event, BatchFinished) and not all(map(math.isfinite, event.losses)):
            place = next(i for i, loss in enumerate(event.losses) if not math.isfinite(loss))
            batch = event.batch - len(event.losses) + place + 1
            what = f"The loss became {event.losses[place]} in epoch {event.epoch}, batch {batch}"
        elif isinstance(event, EpochFinished) and not math.isfinite(event.test_loss):
            what = f"The {event.split} loss became {event.test_loss} after epoch {event.epoch}"
        elif (isinstance(event, EpochFinished) or (last and state.begun)) and not state.weights_are_finite():
            what = f"A weight was not finite any more at {state.describe()}"
        else:
            return ""
        hint = self.rise or f"the largest weight is {state.largest_weight():.3g}"
        return f"{what}, at learning rate {state.learning_rate:g} ({hint}): try a smaller --learning-rate."

    def _follow(self, event: BatchFinished) -> None:
        for batch, loss in enumerate(event.losses, start=event.batch - len(event.losses) + 1):
            if not loss > 10 * self._usual:
                self.rise = ""
                # A mean in which the last hundred batches or so count.
                self._usual = loss if self._usual == math.inf else 0.99 * self._usual + 0.01 * loss
            elif not self.rise:
                self.rise = f"it had risen tenfold by epoch {event.epoch}, batch {batch}"
