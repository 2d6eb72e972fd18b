"""The loss of every batch as a sparkline."""

import math
from collections.abc import Sequence

from ..history import LossHistory, means
from ..pictures.bars import columns
from ..pictures.glyphs import UNICODE, Glyphs
from .lines import Line, Lines


class LossSparkline(Lines):
    """All of the run's batches from left to right, each column the mean of its share; heights are logarithmic.

    Textual's own Sparkline raises an error on a loss that is not finite, and costs ten times as much.
    """

    DEFAULT_CSS = "LossSparkline { height: 2; color: $primary; }"

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._history = LossHistory()

    def show(self, history: LossHistory) -> None:
        """Draws the history as it is now."""
        self._history = history
        self.retitle("Loss of each batch" + (f": {history.latest:.3f}" if history.batches else ""))
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        return [[self.text(line)] for line in draw(self._history.points, width, height, self._glyphs)]


def draw(points: Sequence[float], width: int, height: int, glyphs: Glyphs) -> list[str]:
    """At most `height` lines of `width` characters; a column that is not finite stays empty."""
    losses = means(points, width)
    logs = [math.log(loss) for loss in losses if math.isfinite(loss) and loss > 0]
    if not logs:
        return []
    low, high = min(logs), max(logs)
    spread = high - low or math.inf
    return columns(
        [(math.log(loss) - low) / spread if loss > 0 else 0.0 if loss <= 0 else None for loss in losses], height, glyphs
    )
