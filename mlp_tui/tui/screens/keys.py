"""Every key and what it does."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from ..pictures.glyphs import UNICODE, Glyphs
from .dialog import Dialog


class KeysScreen(Dialog[None]):
    """The keys in sections, those that have a tooltip."""

    DEFAULT_CSS = """
    KeysScreen {
        & VerticalScroll { width: auto; height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
        &.-ascii VerticalScroll { scrollbar-size-vertical: 0; }  /* it is drawn with blocks */
        & Static { width: auto; }
    }
    """
    BINDINGS = [Binding("escape,question_mark,q,enter", "dismiss", "Close")]

    def __init__(self, sections: Mapping[str, Sequence[BindingType]], glyphs: Glyphs = UNICODE) -> None:
        super().__init__(glyphs)
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
