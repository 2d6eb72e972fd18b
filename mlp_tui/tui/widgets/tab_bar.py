"""The line of tabs."""

from rich.segment import Segment
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ..keys import TABS


class TabBar(Widget):
    """Each tab's key and name; the open one stands out. A click opens one."""

    DEFAULT_CSS = """
    TabBar {
        height: 1;
        color: $text-muted;
        & > .tab-bar--open { color: $primary; text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES = {"tab-bar--open"}

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    note: reactive[str] = reactive("")
    """What is said at the end of the line."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._open = TABS[0]

    def show(self, tab: str) -> None:
        """Marks that tab as the open one."""
        self._open = tab
        self.refresh()

    def labels(self) -> list[str]:
        """What stands on the line, from left to right."""
        return [f" {number} {tab.title()} " for number, tab in enumerate(TABS, start=1)]

    def render_line(self, y: int) -> Strip:
        marked = self.get_component_rich_style("tab-bar--open")
        segments = [
            Segment(label, marked if tab == self._open else self.rich_style)
            for tab, label in zip(TABS, self.labels(), strict=True)
        ]
        room = self.size.width - sum(segment.cell_length for segment in segments)
        if len(self.note) < room:
            segments.append(Segment(self.note.rjust(room), self.rich_style))
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: Click) -> None:
        end = 0
        for tab, label in zip(TABS, self.labels(), strict=True):
            end += len(label)
            if event.x < end:
                self.post_message(self.Picked(tab))
                return
