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
        self._shown: list[Key] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.show)
        self.show(self.screen)

    def show(self, screen: Screen[object]) -> None:
        """Shows the keys that are active on the screen."""
        keys: dict[tuple[str, str], tuple[int, Key]] = {}  # of several keys for the same the first
        tab_first = getattr(screen.focused, "keys_first", True)
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled:
                place = 2 if binding.key in ALWAYS else int((active.node is self.app) == tab_first)
                written = self.app.get_key_display(binding)
                keys.setdefault((written, binding.description), (place, (binding.key, written, binding.description)))
        self._keys = [key for _, key in sorted(keys.values(), key=lambda key: key[0])]
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        keys, always = ([key for key in self._keys if (key[0] in ALWAYS) == last] for last in (False, True))
        while keys and sum(len(written) + len(name) + 3 for _, written, name in (*keys, *always)) >= width:
            keys.pop()
        self._shown = [*keys, *always]
        parts = ((self.text(f" {written}", "key"), self.text(f" {name} ")) for _, written, name in self._shown)
        return [[segment for pair in parts for segment in pair]]

    async def on_click(self, event: Click) -> None:
        end = 0
        for key, written, name in self._shown:
            end += len(written) + len(name) + 3
            if event.x < end:
                self.app.simulate_key(key)
                return
