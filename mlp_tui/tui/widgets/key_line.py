"""The line of keys at the bottom: those that do something now."""

from textual.events import Click
from textual.screen import Screen

from .lines import Line, Lines

ALWAYS = ("question_mark", "q")
"""The keys that have their place at the end of the line, however narrow it is."""

Key = tuple[str, str, str]
"""A key's name, how it is written, and what it does."""


class KeyLine(Lines):
    """As many keys as have room, the tab's own first; a click presses one.

    Textual's Footer makes a widget of each key, which costs the training 50 ms at every change.
    """

    DEFAULT_CSS = "KeyLine { height: 1; background: $panel; color: $text; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: list[Key] = []
        self._always: list[Key] = []
        self._shown: list[Key] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.show)
        self.show(self.screen)

    def show(self, screen: Screen[object]) -> None:
        """Shows the keys that are active on the screen."""
        tab: list[Key] = []
        general: list[Key] = []
        always: list[Key] = []
        for active in screen.active_bindings.values():
            binding = active.binding
            if not (binding.show and active.enabled):
                continue
            key = (binding.key, self.app.get_key_display(binding), binding.description)
            if key[1:] in {shown[1:] for shown in (*tab, *general)}:
                continue  # another key for the same
            (always if binding.key in ALWAYS else tab if active.node is not self.app else general).append(key)
        first = getattr(screen.focused, "keys_first", True)
        self._keys, self._always = [*tab, *general] if first else [*general, *tab], always
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        keys = list(self._keys)
        while keys and sum(len(written) + len(name) + 3 for _, written, name in (*keys, *self._always)) >= width:
            keys.pop()
        self._shown = [*keys, *self._always]
        return [
            [
                part
                for _, written, name in self._shown
                for part in (self.text(f" {written}", "key"), self.text(f" {name} "))
            ]
        ]

    async def on_click(self, event: Click) -> None:
        end = 0
        for key, written, name in self._shown:
            end += len(written) + len(name) + 3
            if event.x < end:
                self.app.simulate_key(key)
                return
