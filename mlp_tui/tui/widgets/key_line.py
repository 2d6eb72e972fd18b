"""The line of keys at the bottom: those that do something now."""

from rich.segment import Segment
from textual.events import Click
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

ALWAYS = ("question_mark", "q")
"""The keys that have their place at the end of the line, however narrow it is."""


class KeyLine(Widget):
    """As many keys as have room, the tab's own first; a click presses one.

    Textual's Footer makes a widget of each key, which costs the training 50 ms at every change.
    """

    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        background: $panel;
        color: $text;
        & > .key-line--key { color: $primary; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"key-line--key"}

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: list[tuple[str, str, str]] = []  # key, what is written for it, description

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.show)
        self.show(self.screen)

    def on_resize(self) -> None:
        self.show(self.screen)

    def show(self, screen: Screen[object]) -> None:
        """Shows the keys that are active on the screen."""
        tab: list[tuple[str, str, str]] = []
        general: list[tuple[str, str, str]] = []
        always: list[tuple[str, str, str]] = []
        for active in screen.active_bindings.values():
            binding = active.binding
            if not (binding.show and active.enabled):
                continue
            key = (binding.key, self.app.get_key_display(binding), binding.description)
            if key[1:] in {shown[1:] for shown in (*tab, *general)}:
                continue  # another key for the same
            (always if binding.key in ALWAYS else tab if active.node is not self.app else general).append(key)
        room = self.size.width - 1
        first = getattr(screen.focused, "keys_first", True)
        chosen = [*tab, *general, *always] if first else [*general, *tab, *always]
        while len(chosen) > len(always) and sum(len(written) + len(name) + 3 for _, written, name in chosen) > room:
            chosen.remove(next(key for key in reversed(chosen) if key not in always))
        if chosen != self._shown:
            self._shown = chosen
            self.refresh()

    def render_line(self, y: int) -> Strip:
        marked = self.get_component_rich_style("key-line--key")
        segments = []
        for _, written, name in self._shown:
            segments += [Segment(f" {written}", marked), Segment(f" {name} ", self.rich_style)]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    async def on_click(self, event: Click) -> None:
        end = 0
        for key, written, name in self._shown:
            end += len(written) + len(name) + 3
            if event.x < end:
                self.app.simulate_key(key)
                return
