"""The units of the first layer: what switches each of them on, and how it speaks for or against each class."""

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ...events import Weights
from ..pictures.glyphs import UNICODE, Glyphs
from ..pictures.weights import usual
from ..run_state import RunState
from ..widgets.hidden_units import BESIDE, UnitDetail, UnitPage
from ..widgets.lines import Line
from .tab import OWN_LOOP, Tab

MOST_MOVED = 4
"""The units that are named as those whose weights a step moved most."""

LOADING = "The hidden units appear here as soon as the model is loaded."
ASKED = "The model is asked for its weights. The hidden units appear here in a moment."
WATCHED = "The hidden units appear here when the run logs its weights: once a minute, and at its end."
NO_PIXELS = "No layer of this network reads pixels, so there are no weights to show as pictures."
NO_PICTURES = "The examples are the rows of a table. This tab needs pictures: it shows the layer that reads pixels."
NONE = "The run has ended, and its log holds no weights."


class WeightsTab(Tab):
    """Small pictures of the units' incoming weights, page by page; the chosen unit large, with its outgoing weights."""

    DEFAULT_CSS = "WeightsTab { layout: horizontal; }"
    seconds = 2.0
    wanted = frozenset({"step", "weights"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Unit", key_display="arrows", tooltip="choose another hidden unit, or click on it"),
        Binding("right", "move(1)", show=False),
        Binding("up", "move_row(-1)", show=False),
        Binding("down", "move_row(1)", show=False),
        Binding("pageup", "move_page(-1)", show=False, key_display="PgUp/PgDn", tooltip="the units before, or after"),
        Binding("pagedown", "move_page(1)", show=False),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.page = UnitPage(glyphs, colour)
        self.detail = UnitDetail(glyphs, colour)
        self.page.display = self.detail.display = False
        self.chosen = 0
        """The unit that is shown large, from 0."""
        self._weights: Weights | None = None
        self._usual = 1.0

    def compose(self) -> ComposeResult:
        yield self.page
        yield self.detail

    @property
    def note(self) -> str:
        step = self._state.step_on_show
        if step is None or not step.unit_updates or self._weights is None:
            return ""
        units = sorted(range(len(step.unit_updates)), key=lambda unit: -step.unit_updates[unit])[:MOST_MOVED]
        return f"moved most: {', '.join(str(unit + 1) for unit in units)}"

    def on_resize(self) -> None:
        self._draw()

    def show(self, state: RunState) -> None:
        self._state = state
        if state.weights is None or state.weights is not self._weights:
            self._weights = state.weights
            if self._weights is not None and not self._weights.incoming:
                self._weights = None
            if self._weights is not None:
                self._usual = usual(self._weights.incoming)
                self.chosen = min(self.chosen, len(self._weights.incoming) - 1)
            self._draw()

    def _draw(self) -> None:
        weights = self._weights
        self.page.display = weights is not None
        self.page.explains = self.size.width >= BESIDE
        self.detail.display = weights is not None and self.page.explains
        if weights is not None:
            self.page.show(weights, self.chosen, self._usual, self._state.data)
            self.detail.show(weights, self.chosen, self._usual, self._state.data)
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """What is said in place of the units, in the middle."""
        if self._weights is not None:
            return []
        lines = textwrap.wrap(self._why_none(), max(1, min(width - 2, 60)))
        return [*[[]] * ((height - len(lines)) // 2), *([self.text(line.center(width), "muted")] for line in lines)]

    def _why_none(self) -> str:
        state = self._state
        if state.own_loop:
            return OWN_LOOP
        if not state.data.pictures:
            return NO_PICTURES
        if state.weights is not None:
            return NO_PIXELS
        if state.watched is not None:
            return WATCHED if state.watched.live else NONE
        if state.finished is not None and state.moment is None:
            return NONE
        return ASKED if state.predictions else LOADING

    # Choosing a unit

    def action_move(self, units: int) -> None:
        if self._weights is not None:
            self.chosen = max(0, min(self.chosen + units, len(self._weights.incoming) - 1))
            self._draw()

    def action_move_row(self, rows: int) -> None:
        columns = self.page.arrangement.columns
        if self._weights is not None and 0 <= self.chosen + rows * columns < len(self._weights.incoming):
            self.action_move(rows * columns)

    def action_move_page(self, pages: int) -> None:
        self.action_move(pages * self.page.arrangement.room)

    def on_mouse_scroll_up(self) -> None:
        self.action_move_page(-1)

    def on_mouse_scroll_down(self) -> None:
        self.action_move_page(1)

    def on_unit_page_picked(self, message: UnitPage.Picked) -> None:
        self.action_move(message.unit - self.chosen)
