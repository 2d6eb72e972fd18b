"""The examples of a batch in characters, each with what the model took it for before the batch's step."""

from ...events import Predictions, Preview, StepTaken
from ..run_state import RunState
from .digit_grid import ExampleGrid

MOST = 14
"""The most examples that are drawn: each costs half a millisecond, and there may be 30 batches a second."""


class BatchGrid(ExampleGrid):
    """The first examples of the batch on show, with its loss."""

    _step: StepTaken | None = None

    def show(self, state: RunState) -> None:
        """Draws the batch, where its step is known."""
        if (step := state.step_on_show) is None or step is self._step:
            return
        self._step, self._data, self._order = step, state.data, state.order
        self._preview = Preview((), step.labels[:MOST], step.pixels[:MOST], step.values[:MOST])
        self._predictions = Predictions(step.predictions, ())
        self.redraw()

    def title(self, shown: int) -> str:
        if (step := self._step) is None:
            return ""
        right = sum(a == b for a, b in zip(step.predictions, step.labels, strict=True))
        return f"This batch: {right} of {len(step.labels)} right, loss {step.loss:.4f}"
