"""The question before a run under way is left."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Static

from ..pictures.glyphs import UNICODE, Glyphs
from .dialog import Dialog


class QuitScreen(Dialog[bool]):
    """Asks whether to quit; it is dismissed with the answer."""

    DEFAULT_CSS = """
    QuitScreen {
        & > Vertical { width: 68; }
        & Static { width: 100%; }
    }
    """
    BINDINGS = [
        Binding("y,q,enter,ctrl+c", "answer(True)", "Quit"),
        Binding("n,escape", "answer(False)", "Stay"),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, saves: bool = True) -> None:
        super().__init__(glyphs)
        self._saves = saves

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Quit?"
            if self._saves:
                yield Static("The training is under way. Quitting saves the run and ends it;")
                yield Static("mlp-tui --resume latest resumes it.")
            else:
                yield Static("Your loop is under way. Quitting ends it at its next event.")
            yield Static("\n[b]y[/b]  quit      [b]n[/b]  stay")

    def action_answer(self, quit: bool) -> None:
        self.dismiss(quit)
