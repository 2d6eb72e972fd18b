"""What dialogs have in common: a box in the middle of the screen."""

from typing import TypeVar

from textual.screen import ModalScreen

from ..pictures.glyphs import ASCII, UNICODE, Glyphs

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """Comes up over the dashboard; its content stands in one Vertical."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            width: auto; height: auto; max-width: 90%; max-height: 90%; padding: 1 2;
            background: $surface; border: round $primary; border-title-color: $text;
        }
        &.-ascii > Vertical { border: ascii $primary; }
    }
    """

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.set_class(glyphs is ASCII, "-ascii")
