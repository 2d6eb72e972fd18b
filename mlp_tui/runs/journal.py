"""The journal: how a run was trained, as its log tells it."""

import math
from collections.abc import Iterator, Sequence

from ..events import BatchSkipped, Event, Forked, LearningRateChanged, RunStarted


def own_events(events: Sequence[Event]) -> Sequence[Event]:
    """What a run itself emitted: the log of a branch begins with what its parents did."""
    forks = [place for place, event in enumerate(events, start=1) if isinstance(event, Forked)]
    return events[max(forks, default=0) :]


def journal(events: Sequence[Event]) -> Iterator[LearningRateChanged | BatchSkipped]:
    """What a hand did to a run, in its order; first of all it set the learning rate to begin with.

    The settings have that which the run was resumed with last.
    """
    own = own_events(events)
    started = next((event for event in own if isinstance(event, RunStarted)), None)
    rate = started.config.get("learning_rate") if started else None
    if isinstance(rate, float) and 0 < rate < math.inf:
        yield LearningRateChanged(1, 0, rate)
    yield from (event for event in own if isinstance(event, (LearningRateChanged, BatchSkipped)))
