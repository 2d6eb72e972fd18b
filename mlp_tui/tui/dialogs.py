"""What comes up over the dashboard: the keys, and the question before quitting."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

CSS = """
{name} {{
    align: center middle;
    & > Vertical {{
        width: auto; height: auto; max-width: 90%; max-height: 90%; padding: 1 2;
        background: $surface; border: round $primary; border-title-color: $text;
    }}
    & Static {{ width: auto; }}
}}
"""


class KeysScreen(ModalScreen[None]):
    """Every key and what it does."""

    DEFAULT_CSS = CSS.format(name="KeysScreen")
    BINDINGS = [Binding("escape,question_mark,q,enter", "dismiss", "Close")]

    def __init__(self, bindings: Sequence[Binding]) -> None:
        super().__init__()
        self._shown = bindings

    def compose(self) -> ComposeResult:
        lines = [f"[b]{binding.key_display or binding.key:<10}[/b]{binding.tooltip}" for binding in self._shown]
        with Vertical() as box:
            box.border_title = "Keys"
            yield Static("\n".join([*lines, "", "[dim]Esc closes this.[/dim]"]))


class QuitScreen(ModalScreen[bool]):
    """Asks before a run under way is given up."""

    DEFAULT_CSS = CSS.format(name="QuitScreen")
    BINDINGS = [
        Binding("y,q,enter,ctrl+c", "answer(True)", "Quit"),
        Binding("n,escape", "answer(False)", "Stay"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Quit?"
            yield Static(
                "The training is under way. Quitting saves the run and ends it;\n"
                "mlp-tui --resume latest goes on with it.\n\n"
                "[b]y[/b]  quit      [b]n[/b]  stay"
            )

    def action_answer(self, quit: bool) -> None:
        self.dismiss(quit)
