"""The panel of messages: what the program says, and what anything in it prints."""

import textwrap
from collections import deque
from collections.abc import Collection

from rich.text import Text
from textual.widgets import Log

KEPT = 200
"""The last messages that are kept."""


class MessageLog(Log, can_focus=False):
    """The last messages, the newest in view, wrapped to the panel's width."""

    DEFAULT_CSS = """
    MessageLog { background: transparent; overflow: hidden auto; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._messages: deque[str] = deque(maxlen=KEPT)
        self._written = 0
        self._wrapped_to = 0

    def add(self, message: str) -> None:
        # What anything prints may hold escape sequences, which would tear the screen.
        plain = Text.from_ansi(message.expandtabs()).plain
        self._messages.append("".join(character if character.isprintable() else "?" for character in plain))
        if self._written < 2 * KEPT:
            self._write([self._messages[-1]])
        else:
            self._rewrite()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._wrapped_to:
            self._rewrite()

    def _rewrite(self) -> None:
        self._wrapped_to = self.scrollable_content_region.width
        self._written = 0
        self.clear()
        self._write(self._messages)

    def _write(self, messages: Collection[str]) -> None:
        if self._wrapped_to:  # a panel that was never seen has no width to wrap to
            self._written += len(messages)
            lines = [line for message in messages for line in textwrap.wrap(message, self._wrapped_to) or [""]]
            # Textual's `write_line` starts a thread for each line.
            self.write("".join(f"{line}\n" for line in lines), scroll_end=False)
            self.scroll_end(animate=False)  # once the panel knows whether it has a scrollbar
