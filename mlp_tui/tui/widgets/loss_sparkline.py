"""The loss of every batch as a sparkline."""

import math
from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from ..history import LossHistory, means
from ..pictures.glyphs import UNICODE, Glyphs
from .panel import retitle


class LossSparkline(Widget):
    """All of the run's batches from left to right, each column the mean of its share; heights are logarithmic.

    Textual's own Sparkline raises an error on a loss that is not finite, and costs ten times as much.
    """

    DEFAULT_CSS = "LossSparkline { height: 2; color: $primary; }"

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._lines: list[str] = []
        self._history = LossHistory()

    def show(self, history: LossHistory) -> None:
        """Draws the history as it is now."""
        self._history = history
        retitle(self, "Loss of each batch" + (f": {history.latest:.3f}" if history.batches else ""))
        self._lines = draw(history.points, self.size.width, self.size.height, self._glyphs.bars)
        self.refresh()

    def on_resize(self) -> None:
        self.show(self._history)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ""
        return Strip([Segment(line.ljust(self.size.width), self.rich_style)], self.size.width)


def draw(points: Sequence[float], width: int, height: int, bars: str) -> list[str]:
    """`height` lines of `width` characters from `bars`, empty to full; a column that is not finite stays empty."""
    columns = means(points, width)
    logs = [math.log(value) for value in columns if math.isfinite(value) and value > 0]
    if not logs or not height:
        return []
    low, high = min(logs), max(logs)
    steps = len(bars) - 1
    fills = []
    for value in columns:
        if not math.isfinite(value):
            fills.append(0)
        elif value <= 0 or high == low:
            fills.append(1)
        else:
            fills.append(1 + round((math.log(value) - low) / (high - low) * (height * steps - 1)))
    return ["".join(bars[max(0, min(steps, fill - row * steps))] for fill in fills) for row in reversed(range(height))]
