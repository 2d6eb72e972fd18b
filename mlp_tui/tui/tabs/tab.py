"""What the tabs beside the first have in common."""

from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.lines import Lines


class Tab(Lines, can_focus=True):
    """Draws the state of a run while it is open; its keys work while it has the focus.

    Its own lines stand where no child is: a sentence, say, before there is anything to show.
    """

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._state = RunState()

    def show(self, state: RunState) -> None:
        """Draws the state of the run as it is now. It is called only while this tab is open."""
        self._state = state
        self.redraw()
