"""What comes up over the dashboard: the keys, and the question before quitting."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

CSS = """
{name} {{
    align: center middle;
    & > Vertical {{
        width: auto; height: auto; max-width: 90%; max-height: 90%; padding: 1 2;
        background: $surface; border: round $primary; border-title-color: $text;
    }}
    &.-ascii > Vertical {{ border: ascii $primary; }}
    &.-ascii VerticalScroll {{ scrollbar-size-vertical: 0; }}  /* it is drawn with blocks */
    & VerticalScroll {{ width: auto; height: auto; max-height: 100%; scrollbar-size-vertical: 1; }}
    & Static {{ width: auto; }}
}}
"""


class KeysScreen(ModalScreen[None]):
    """Every key and what it does."""

    DEFAULT_CSS = CSS.format(name="KeysScreen")
    BINDINGS = [Binding("escape,question_mark,q,enter", "dismiss", "Close")]

    def __init__(self, sections: Mapping[str, Sequence[BindingType]]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        lines: list[str] = []
        for name, bindings in self._sections.items():
            shown = [binding for binding in bindings if isinstance(binding, Binding) and binding.tooltip]
            lines += ["", f"[dim]{name}[/dim]"] if lines else []
            lines += [f"[b]{escape(written(binding)):<11}[/b]{binding.tooltip}" for binding in shown]
        with Vertical() as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes this."
            with VerticalScroll():
                yield Static("\n".join(lines))


def written(binding: Binding) -> str:
    """How a binding's key is written."""
    return binding.key_display or binding.key.replace(",", ", ")


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
