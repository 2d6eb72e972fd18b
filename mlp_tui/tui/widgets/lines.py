"""The base of most widgets: lines of text that are made when something changes, and kept until then."""

from collections.abc import Sequence
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..pictures.glyphs import UNICODE, Glyphs

L = TypeVar("L", bound="Lines")

Line = list[Segment]
"""Segments with a complete style, background included, or with none: they get the widget's own."""


class Lines(Widget):
    """Shows the lines that `lines` makes; each subclass has its own.

    They are made again by `redraw`, when the size changes and when the theme does; only those that differ are
    painted. All subclasses share the component classes below: one style for one meaning.
    """

    DEFAULT_CSS = """
    Lines {
        & > .title { text-style: bold; }
        & > .muted { color: $text-muted; }
        & > .faint { color: $foreground 25%; }
        & > .key { color: $primary; text-style: bold; }
        & > .picked { color: $primary; text-style: bold reverse; }
        & > .right { color: $success; }
        & > .best { color: $success; text-style: bold; }
        & > .warning { color: $warning; text-style: bold; }
        & > .wrong { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"title", "muted", "faint", "key", "picked", "right", "best", "warning", "wrong"}

    _title_line: Region | None = None
    """While the title changes: where it is, from the top left corner of what is in the panel."""

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._lines: list[Line] | None = None
        self._base = Style()

    def lines(self, width: int, height: int) -> list[Line]:
        """The lines for that size in cells, at least 1x1. Where they are short or few, blanks fill the rest."""
        return []

    def redraw(self) -> None:
        """Makes the lines again, and has those painted that differ."""
        before, self._lines = self._lines, self._made()
        if before is None or len(before) != len(self._lines):
            self.refresh()
        elif differ := [y for y, line in enumerate(self._lines) if line != before[y]]:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in differ))

    def retitle(self, title: str) -> None:
        """Sets a panel's title; only where it differs, and no more than its line is painted again."""
        if self.border_title != title:
            self._title_line = Region(*-self.content_offset, self.outer_size.width, 1)
            self.border_title = title
            self._title_line = None

    def refresh(self: L, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> L:
        if self._title_line:  # Textual would have all of the panel painted
            regions = (self._title_line,)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The app's, less the one for a terminal's named colours: there are none here, and it takes long."""
        return [each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor)]

    def _made(self) -> list[Line]:
        self._base = self.rich_style  # looked up once for all lines: it costs more than a line
        return self.lines(*self.size) if self.size else []

    def on_resize(self) -> None:
        self._lines = None
        self.redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._lines = None  # made when they are painted: the styles are not all there yet

    def render_line(self, y: int) -> Strip:
        if self._lines is None:
            self._lines = self._made()
        line = self._lines[y] if y < len(self._lines) else []
        segments = [segment if segment.style else Segment(segment.text, self._base) for segment in line]
        return Strip(segments).adjust_cell_length(self.size.width, self._base)

    def text(self, text: str, part: str = "") -> Segment:
        """Text in the style of a component class, or in the widget's own."""
        return Segment(text, self.get_component_rich_style(part) if part else None)
