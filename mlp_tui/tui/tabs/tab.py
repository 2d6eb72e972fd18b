"""What the tabs beside the first have in common."""

from textual.widget import Widget

from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState


class Tab(Widget, can_focus=True):
    """Draws the state of a run, while it is open; its keys are the app's while it has the focus."""

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._state = RunState()

    def show(self, state: RunState) -> None:
        """Draws the state of the run as it is now. It is called only while this tab is open."""
        self._state = state
        self.refresh()
