"""The first tab: the losses as a sparkline and as a chart, the accuracies, the test digits, the messages."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from ...events import Event, Forked, Preparing, RunFinished
from ...runs.folder import RunFolder
from ...runs.listing import loss_curve
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..summary import outcome, summary
from ..widgets.accuracy_table import AccuracyTable
from ..widgets.batch_grid import BatchGrid
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
        self.compared: RunFolder | None = None
        """The run whose losses stand behind those of this one."""
        self._forked: Forked | None = None  # where the run on the screen left its parent
        self._parent_run: RunFolder | None = None  # the parent, where it is the one that is shown
        self._printed = ""  # the beginning of a line
        self.grid = panel(DigitGrid(glyphs, colour, id="grid"), "Test digits")
        self.batch_grid = panel(BatchGrid(glyphs, colour, id="batch"), "This batch")

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield self.summary
            yield self.sparkline
            yield self.chart
            yield self.table
            yield self.messages
        with Vertical(id="right"):
            yield self.grid
            yield self.batch_grid

    @property
    def note(self) -> str:
        # Low screens have no line for a title above the digits.
        classes = self.screen.classes
        low = "-low" in classes and "-narrow" not in classes and not self.has_class("-messages")
        return str(self.grid.border_title) if low else ""

    def show_often(self, state: RunState) -> None:
        self.sparkline.show(state.history)

    def show_batch(self, state: RunState) -> None:
        self.set_class(state.step_on_show is not None, "-in-detail")
        self.grid.show(state)
        self.batch_grid.show(state)

    def show(self, state: RunState) -> None:
        self._state = state
        text = "\n".join(summary(state))
        self.set_class(bool(text), "-finished")
        if text != self.summary.content:  # it costs laying out the whole screen
            self.summary.update(text)
        self.chart.show(state)
        self.table.show(state.rows, state.epochs, state.resume_points)
        self.set_class(state.own_loop and state.preview is None, "-no-examples")
        self.show_batch(state)

    # Another run behind this one

    def show_parent(self, state: RunState, runs_dir: Path) -> None:
        """Shows the parent of a branch behind it, from where they part; behind the next run it is no longer shown."""
        if (forked := state.parent) == self._forked:
            return
        self._forked = forked
        if forked:
            self.messages.add(f"A branch of {forked.parent}, from epoch {forked.epoch}, batch {forked.batch} on.")
        if forked and os.path.exists(runs_dir / forked.parent):
            self.compare_with(RunFolder(runs_dir / forked.parent), since=state.fork)
            self._parent_run = self.compared
        elif self._parent_run and self._parent_run is self.compared:
            self.compare_with(None)

    def compare_with(self, folder: RunFolder | None, since: float = 0.0) -> None:
        """Shows that run's losses, since so many epochs, behind those of this one, once its log is read; or none."""
        self.compared = folder
        if folder is None:
            self._compare(None)
            return

        def read() -> None:  # a long log takes a while, and the screen would stand still
            train, tests = ([point for point in curve if point[0] >= since] for curve in loss_curve(folder))
            other = folder.name, train, tests
            self.call_later(lambda: self._compare(other) if folder is self.compared else None)

        threading.Thread(target=read, daemon=True).start()

    def _compare(self, other: tuple[str, Points, Points] | None) -> None:
        self.chart.other = other
        self.chart.show(self._state)

    # Messages

    def say_what_happened(self, events: Sequence[Event], state: RunState) -> None:
        """Adds messages about what a person may want to read again."""
        for event in events:
            if isinstance(event, Preparing) and not event.done:
                self.messages.add(f"{event.what}{self._glyphs.ellipsis}")
            elif isinstance(event, RunFinished) and not state.watched:
                self.messages.add(" ".join(outcome(state)))

    def say_printed(self, text: str) -> list[str]:
        """Adds the lines that something in the program printed, once they are whole; returns these."""
        *lines, self._printed = (self._printed + text).split("\n")
        for line in lines:
            self.messages.add(line)
        return lines

    # Keys

    def action_chart(self, option: str) -> None:
        setattr(self.chart, option, not getattr(self.chart, option))
        self.chart.show(self._state)

    def action_cursor(self, steps: int) -> None:
        self.chart.move_cursor(steps)

    def action_messages(self) -> None:
        self.toggle_class("-messages")
