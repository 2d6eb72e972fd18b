"""The losses of all batches so far, in a bounded number of points however long the run."""

from collections.abc import Sequence
from itertools import pairwise


class LossHistory:
    """Means over `step` batches each, oldest first; when it is full, pairs merge and the step doubles.

    A loss that is not a number makes the mean of its step one too: a gap in a chart.
    """

    def __init__(self, capacity: int = 512) -> None:
        self.capacity = capacity  # even, so that pairs come out
        self.step = 1
        self.points: list[float] = []
        self.batches = 0
        self.latest = float("nan")
        self._sum = 0.0

    def add(self, loss: float) -> None:
        self.latest = loss
        self.batches += 1
        self._sum += loss
        if self.batches % self.step:
            return
        self.points.append(self._sum / self.step)
        self._sum = 0.0
        if len(self.points) == self.capacity:
            self.points = [(a + b) / 2 for a, b in zip(self.points[::2], self.points[1::2], strict=True)]
            self.step *= 2


def means(points: Sequence[float], count: int) -> list[float]:
    """At most `count` means of neighbouring points, evenly shared out."""
    if len(points) <= count:
        return list(points)
    if count < 1:
        return []
    edges = [round(i * len(points) / count) for i in range(count + 1)]
    return [sum(points[a:b]) / (b - a) for a, b in pairwise(edges)]
