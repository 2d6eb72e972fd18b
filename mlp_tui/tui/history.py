"""The losses of all batches so far, in a bounded number of points however long the run."""

from collections.abc import Sequence
from itertools import pairwise


class LossHistory:
    """Means over `step` batches each, oldest first; when it is full, pairs merge and the step doubles.

    Losses of some batches may be missing, as they are in a log: a point without any loss repeats the point before it.
    A loss that is not a number makes the mean of its point not a number either: a gap in a chart.
    """

    def __init__(self, capacity: int = 512) -> None:
        self.capacity = capacity  # even, so that pairs come out
        self.step = 1
        self.batches = 0
        self.latest = float("nan")
        self._sums: list[float] = []
        self._counts: list[int] = []

    def add(self, number: int, loss: float) -> None:
        """Adds the loss of a batch; `number` counts the run's batches from 1."""
        self.latest = loss
        self.batches = number
        while (number - 1) // self.step >= self.capacity:
            self._sums = [a + b for a, b in zip(self._sums[::2], [*self._sums[1::2], 0.0], strict=False)]
            self._counts = [a + b for a, b in zip(self._counts[::2], [*self._counts[1::2], 0], strict=False)]
            self.step *= 2
        place = (number - 1) // self.step
        missing = place + 1 - len(self._sums)
        self._sums += [0.0] * missing
        self._counts += [0] * missing
        self._sums[place] += loss
        self._counts[place] += 1

    def in_others(self, factor: float) -> "LossHistory":
        """The same losses over batches of which there are that many times as many."""
        others = LossHistory(self.capacity)
        for place, loss in enumerate(self.points, start=1):
            others.add(max(1, round(min(place * self.step, self.batches) * factor)), loss)
        return others

    @property
    def points(self) -> list[float]:
        """The means so far; the last may be of fewer than `step` batches."""
        points: list[float] = []
        for total, count in zip(self._sums, self._counts, strict=True):
            points.append(total / count if count else points[-1] if points else float("nan"))
        return points


def means(points: Sequence[float], count: int) -> list[float]:
    """At most `count` means of neighbouring points, of about as many points each."""
    if len(points) <= count:
        return list(points)
    if count < 1:
        return []
    edges = [round(i * len(points) / count) for i in range(count + 1)]
    return [sum(points[a:b]) / (b - a) for a, b in pairwise(edges)]
