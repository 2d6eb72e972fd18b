"""The first tab: the losses as a sparkline and as a chart, the accuracies, the test digits, the messages."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..summary import summary
from ..widgets.accuracy_table import AccuracyTable
from ..widgets.digit_grid import DigitGrid
from ..widgets.loss_chart import LossChart, Points
from ..widgets.loss_sparkline import LossSparkline
from ..widgets.message_log import MessageLog
from ..widgets.panel import panel
from .tab import Tab


class TrainTab(Tab):
    """Everything about the run under way, at a glance."""

    keys_first = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "chart('smooth')", "Smooth", tooltip="the loss chart smoothed, or as rough as it is"),
        Binding("l", "chart('logarithmic')", "Log", tooltip="the loss on a logarithmic axis, or an even one"),
        Binding("h", "chart('recent')", "Recent", tooltip="the loss of the last batches, or of the whole run"),
        Binding("left", "cursor(-1)", "Read", show=False, key_display="← →", tooltip="read the loss off the chart"),
        Binding("right", "cursor(1)", "Read", show=False),
        Binding("m", "messages", "Messages", tooltip="the messages, large; again: back"),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.sparkline = panel(LossSparkline(glyphs, id="sparkline"), "Loss of each batch")
        self.summary = panel(Static(id="summary", markup=False), "Summary")
        self.chart = panel(LossChart(glyphs, id="chart"), "Loss by epoch")
        self.table = panel(AccuracyTable(glyphs, id="table"), "Accuracy")
        self.messages = panel(MessageLog(id="messages"), "Messages")
        self.grid = panel(DigitGrid(glyphs, colour, id="grid"), "Test digits")

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield self.summary
            yield self.sparkline
            yield self.chart
            yield self.table
            yield self.messages
        yield self.grid

    @property
    def note(self) -> str:
        # Low screens have no line for a title above the digits.
        classes = self.screen.classes
        low = "-low" in classes and "-narrow" not in classes and not self.has_class("-messages")
        return str(self.grid.border_title) if low else ""

    def show_often(self, state: RunState) -> None:
        self.sparkline.show(state.history)

    def show(self, state: RunState) -> None:
        self._state = state
        lines = summary(state)
        self.set_class(bool(lines), "-finished")
        self.summary.update("\n".join(lines))
        self.chart.show(state)
        self.table.show(state.rows, state.epochs, state.resume_points)
        self.grid.show(state.preview, state.predictions)

    def compare(self, other: tuple[str, Points, Points] | None) -> None:
        """Shows another run's losses behind those of this one: its name, its train curve and its tests."""
        self.chart.other = other
        self.chart.show(self._state)

    def action_chart(self, option: str) -> None:
        setattr(self.chart, option, not getattr(self.chart, option))
        self.chart.show(self._state)

    def action_cursor(self, steps: int) -> None:
        self.chart.move_cursor(steps)

    def action_messages(self) -> None:
        self.toggle_class("-messages")
