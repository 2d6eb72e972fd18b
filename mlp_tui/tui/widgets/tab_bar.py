"""The line of tabs."""

from dataclasses import dataclass

from textual.events import Click
from textual.message import Message
from textual.reactive import reactive

from ..keys import TABS
from .lines import Line, Lines


class TabBar(Lines):
    """Each tab's key and name; the open one stands out. A click opens one.

    Textual's TabbedContent takes two lines more, one of them in characters that ASCII lacks, and 55 ms for each
    switch, which it animates, or 7.5 without; this takes 1.5.
    """

    DEFAULT_CSS = "TabBar { height: 1; color: $text-muted; }"

    @dataclass
    class Picked(Message):
        """A tab was clicked."""

        tab: str

    note: reactive[str] = reactive("", repaint=False)
    """What is said at the end of the line."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._open = TABS[0]
        self.titles = {tab: tab.title() for tab in TABS}
        """What the tabs are called, by their names."""

    def show(self, tab: str) -> None:
        """Marks that tab as the open one."""
        self._open = tab
        self.redraw()

    def name_examples(self, name: str) -> None:
        """Sets what the tab of the examples is called."""
        if name != self.titles["digits"]:
            self.titles["digits"] = name
            self.redraw()

    def watch_note(self) -> None:
        self.redraw()

    def labels(self) -> dict[str, str]:
        """What stands on the line for each tab, from left to right."""
        return {tab: f" {number} {self.titles[tab]} " for number, tab in enumerate(TABS, start=1)}

    def lines(self, width: int, height: int) -> list[Line]:
        labels = self.labels()
        line = [self.text(label, "picked" if tab == self._open else "") for tab, label in labels.items()]
        room = width - len("".join(labels.values()))
        return [[*line, self.text(self.note.rjust(room))] if len(self.note) < room else line]

    def on_click(self, event: Click) -> None:
        end = 0
        for tab, label in self.labels().items():
            end += len(label)
            if event.x < end:
                self.post_message(self.Picked(tab))
                return
