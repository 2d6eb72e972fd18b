"""What all tabs have in common."""

from typing import ClassVar

from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.lines import Lines

OWN_LOOP = "A loop of your own yields losses and accuracies. There is nothing in them that this tab shows."


class Tab(Lines, can_focus=True):
    """Draws the state of a run while it is open; its keys work while it has the focus.

    Its own lines stand where no child is: a sentence, say, before there is anything to show.
    """

    seconds: ClassVar[float] = 1.0
    """Time between two drawings while training runs."""
    wanted: ClassVar[frozenset[str]] = frozenset({"step"})
    """What it shows of a past moment, beside the batch and the predictions: "step", "weights", "mistakes"."""
    keys_first: ClassVar[bool] = True
    """Whether its keys stand before those that drive the run."""

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._state = RunState()

    @property
    def note(self) -> str:
        """What is said at the end of the line of tabs."""
        return ""

    def show_often(self, state: RunState) -> None:
        """Draws what moves fast, at each message from the training."""

    def show_batch(self, state: RunState) -> None:
        """Draws what a batch in detail has told; training waits meanwhile."""
        self.show(state)

    def show(self, state: RunState) -> None:
        """Draws the state of the run as it is now. It is called only while this tab is open."""
        self._state = state
        self.redraw()
