"""The panel of messages: what the program says, and what anything in it prints."""

from collections import deque

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static


class MessageLog(VerticalScroll, can_focus=False):
    """The last lines that were said, the newest in view."""

    DEFAULT_CSS = "MessageLog { scrollbar-size-vertical: 1; & > Static { height: auto; } }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: deque[str] = deque(maxlen=200)
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def add(self, line: str) -> None:
        self._lines.append(line)
        self._text.update("\n".join(self._lines))
        self.scroll_end(animate=False)
