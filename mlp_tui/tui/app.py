"""TrainingApp: the dashboard's layout and its keys."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Print
from textual.widgets import ContentSwitcher, Static

from ..config import TrainingConfig
from ..events import (
    BatchFinished,
    DigitImages,
    EpochFinished,
    Event,
    Mistakes,
    Past,
    Predictions,
    Preparing,
    RunFinished,
    RunStarted,
    Saving,
    StepTaken,
    Weights,
)
from ..headless.characters import can_show_blocks
from ..runs.folder import RunFolder
from ..runs.source import EventSource
from .pictures.glyphs import ASCII, UNICODE
from .run_state import Phase, RunState
from .screens.dialogs import KeysScreen, QuitScreen
from .screens.runs import RunPicker, loss_curve
from .screens.settings import SettingsScreen
from .screens.step import StepScreen
from .summary import summary
from .tabs.digits import DigitsTab
from .tabs.draw import DrawTab
from .tabs.mistakes import MistakesTab
from .tabs.tab import Tab
from .tabs.weights import WeightsTab
from .themes import DARK, LIGHT
from .widgets.accuracy_table import AccuracyTable
from .widgets.digit_grid import DigitGrid
from .widgets.key_line import KeyLine
from .widgets.loss_chart import LossChart
from .widgets.loss_sparkline import LossSparkline
from .widgets.message_log import MessageLog
from .widgets.panel import panel
from .widgets.status_lines import ProgressLine, RunHeader, outcome
from .widgets.tab_bar import TABS, TabBar
from .worker import Emitted, TrainingWorker

SLOW_SECONDS = {"mistakes": 2.0, "weights": 2.0}
"""Time between two drawings of the panels that cost most, while training runs; of the other tabs' 1 second."""

ROUTINE = {BatchFinished, EpochFinished, Mistakes, Predictions, DigitImages, Weights}
"""What may come many times a second, and is drawn when its panel's turn comes."""

DRIVING = ("start", "pause", "go_on", "step", "epoch", "stop", "restart", "rate", "settings", "detach")
"""What cannot be done to a run that is only looked at."""

TALL = 36
"""Rows from which each panel gets a frame, and a notice a line of its own."""

LEAVE_SECONDS = 1.5
"""How long to wait for the training's thread when the user quits."""


class TrainingApp(App[None]):
    """The dashboard of one session, which it drives by way of a worker thread."""

    TITLE = "mlp-tui"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-compact"), (116, "-wide"), (150, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-low"), (TALL, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        # One key, three meanings: `check_action` says which it has, and the line of keys shows that one.
        Binding("s,space", "start", "Start", key_display="s", tooltip="start, pause, go on (the space bar too)"),
        Binding("s,space", "pause", "Pause", key_display="s"),
        Binding("s,space", "go_on", "Go on", key_display="s"),
        Binding("n", "step", "Step", tooltip="train on one batch, and show the six steps of the loop"),
        Binding("N", "epoch", "Epoch", tooltip="train to the end of the epoch, and pause"),
        Binding("x", "stop", "Stop", tooltip="stop the training and save the run; s goes on with it"),
        Binding("r", "restart", "Restart", tooltip="train anew, from the same initial weights"),
        Binding(
            "left_square_bracket", "rate(-1)", "Rate", key_display="[ ]", tooltip="a smaller, a larger learning rate"
        ),
        Binding("right_square_bracket", "rate(1)", "Rate", key_display="[ ]"),
        Binding("o", "settings", "Settings", tooltip="the settings of the next run"),
        Binding("c", "compare", "Compare", tooltip="another run's loss behind this one's"),
        Binding("d", "detach", "Detach", tooltip="leave the run going on by itself, without the dashboard"),
        Binding(
            "1", "open_tab('train')", show=False, key_display="1 - 5", tooltip=f"the tabs {', '.join(TABS).title()}"
        ),
        *(Binding(str(number), f"open_tab('{tab}')", show=False) for number, tab in enumerate(TABS[1:], start=2)),
        Binding("e", "chart('smooth')", "Smooth", tooltip="the loss chart smoothed, or as rough as it is"),
        Binding("l", "chart('logarithmic')", "Log", tooltip="the loss on a logarithmic axis, or an even one"),
        Binding("h", "chart('recent')", "Recent", tooltip="the loss of the last batches, or of the whole run"),
        Binding("left", "cursor(-1)", "Read", show=False, key_display="← →", tooltip="read the loss off the chart"),
        Binding("right", "cursor(1)", "Read", show=False),
        Binding("m", "messages", "Messages", tooltip="the messages, large; again: back"),
        Binding("t", "theme", "Theme", show=False, tooltip="dark colours, or light ones"),
        Binding("question_mark", "keys", "Keys", key_display="?", tooltip="show every key"),
        Binding("q", "quit", "Quit", tooltip="quit (Ctrl+C too)"),
    ]

    def __init__(self, session: EventSource, on_hangup: str = "detach", ascii: bool = False) -> None:
        super().__init__()
        self.session = session
        self.detached = False
        """Whether the run is to go on in a process of its own."""
        self._on_hangup = on_hangup
        self._watching = not session.trains
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.worker = TrainingWorker(session, self.post_message)
        self.state = RunState()
        self.phase: Phase = "loading"
        blocks = not ascii and can_show_blocks(getattr(sys.__stderr__, "encoding", None))
        self.glyphs = glyphs = UNICODE if blocks else ASCII
        # Sixteen colours are too few for the shades of a digit.
        self._shades = shades = glyphs is UNICODE and self.console.color_system not in (None, "standard")
        self.header = RunHeader(glyphs, id="header")
        self.notice = Static(id="notice", markup=False)
        self.progress = ProgressLine(glyphs, id="progress")
        self.sparkline = panel(LossSparkline(glyphs, id="sparkline"), "Loss of each batch")
        self.summary = panel(Static(id="summary", markup=False), "Summary")
        self.chart = panel(LossChart(glyphs, id="chart"), "Loss by epoch")
        self.table = panel(AccuracyTable(glyphs, id="table"), "Accuracy")
        self.messages = panel(MessageLog(id="messages"), "Messages")
        self.grid = panel(DigitGrid(glyphs, shades, id="grid"), "Test digits")
        self.tab_bar = TabBar(id="tab-bar")
        self.tabs: dict[str, Tab] = {
            "digits": DigitsTab(glyphs, shades, id="digits"),
            "mistakes": MistakesTab(glyphs, shades, id="mistakes"),
            "weights": WeightsTab(glyphs, shades, id="weights"),
            "draw": DrawTab(glyphs, shades, id="draw"),
        }
        self.switcher = ContentSwitcher(initial="train", id="tabs")
        self._compared: RunFolder | None = None
        self._armed = False  # whether training starts as soon as it can
        self._discarding = False  # whether the events that arrive are of a run given up for a new one
        self._slow_due = 0.0
        self._printed = ""
        self._weights_asked: tuple[int, int] | None = None  # at which epoch and batch

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.notice
        yield self.progress
        yield self.tab_bar
        with self.switcher:
            with Horizontal(id="train"):
                with Vertical(id="left"):
                    yield self.summary
                    yield self.sparkline
                    yield self.chart
                    yield self.table
                    yield self.messages
                yield self.grid
            yield from self.tabs.values()
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.screen.set_class(self.glyphs is ASCII, "-ascii")
        # What Python prints, and so its warnings and the log's, would tear the screen: it goes to a panel.
        self.begin_capture_print(self)
        self._take_signals()
        self.draw()
        if self._watching or self.session.resumes:
            self._armed = True
            self.worker.go_on()
        # After the first frame, since importing torch takes seconds.
        self.call_after_refresh(self.worker.start)

    def on_unmount(self) -> None:
        # However the app ends, the run is saved, and its thread goes.
        self.worker.close()

    def on_resize(self) -> None:
        self.draw()

    # What the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("chart", "cursor"):
            return self.switcher.current == TABS[0]
        if self._watching:
            return action not in DRIVING
        match action:
            case "step" | "epoch":
                return self.phase in ("ready", "paused")
            case "rate":
                return self.phase in ("training", "paused")
            case "start":
                return self.phase == "ready" or (self.phase == "loading" and not self._armed)
            case "pause":
                return self.phase == "training"
            case "go_on":
                return self.phase == "paused" or (self.phase == "stopped" and self.session.unfinished is not None)
            case "detach":
                return self.phase in ("training", "paused")
            case "stop":
                return self.phase in ("loading", "training", "paused")
            case "restart":
                return self.phase not in ("loading", "ready", "stopping")
        return True

    def action_start(self) -> None:
        self._armed = True
        self.worker.go_on()
        self.enter("training" if self.phase == "ready" else self.phase)

    def action_pause(self) -> None:
        self.worker.pause()
        self.enter("paused")

    def action_go_on(self) -> None:
        if isinstance(self.screen, StepScreen):
            self.pop_screen()
        if self.phase == "stopped":
            self.session.resume_next()
            self._run_anew()
        else:
            self.worker.go_on()
            self.enter("training")

    def action_step(self) -> None:
        if not isinstance(self.screen, StepScreen):
            self.push_screen(StepScreen(self.glyphs, self._shades))
        self.enter("paused")
        self.worker.ask("step", self.session.detail_next_step)
        self.worker.go_on(until=BatchFinished)

    def action_epoch(self) -> None:
        if isinstance(self.screen, StepScreen):
            self.pop_screen()
        self.worker.go_on(until=EpochFinished)
        self.enter("training")

    def action_rate(self, direction: int) -> None:
        self.worker.ask("rate", partial(self.session.change_learning_rate, direction))

    def action_settings(self) -> None:
        self.push_screen(SettingsScreen(self.session.next_config, self.glyphs), self._take_settings)

    def _take_settings(self, config: TrainingConfig | None) -> None:
        if config is None:
            return
        self.session.next_config = config
        if self.phase == "ready":
            self._discarding = True
            self._run_anew(going=False)
        else:
            self.say("The next run takes the new settings: r starts it.")

    def action_compare(self) -> None:
        current = self.state.run.run if self.state.run else ""
        picker = RunPicker(self.session.config.runs_dir, current, self._compared, self.glyphs)
        self.push_screen(picker, self._compare_with)

    def _compare_with(self, folder: RunFolder | None) -> None:
        self._compared = folder
        self.chart.other = (folder.name, *loss_curve(folder)) if folder else None
        self.draw()

    def action_chart(self, option: str) -> None:
        setattr(self.chart, option, not getattr(self.chart, option))
        self.chart.show(self.state)

    def action_cursor(self, steps: int) -> None:
        self.chart.move_cursor(steps)

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.call_after_refresh(self.draw)

    def action_stop(self) -> None:
        self.worker.stop()
        self.enter("stopping")

    def action_restart(self) -> None:
        self._discarding = self.state.finished is None
        self._run_anew()

    def _run_anew(self, going: bool = True) -> None:
        self._armed = going
        self._weights_asked = None
        self.state = RunState()
        self.worker.restart(going)
        self.enter("loading")
        self.draw()

    def action_detach(self) -> None:
        self.detached = True
        self.leave()

    def action_open_tab(self, tab: str) -> None:
        self.switcher.current = tab
        self.tab_bar.show(tab)
        if tab in self.tabs:
            self.tabs[tab].focus()
        else:
            self.screen.set_focus(None)
        self.draw()

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self.action_open_tab(message.tab)

    def on_digit_grid_picked(self, message: DigitGrid.Picked) -> None:
        self.action_open_tab("digits")
        self.query_one(DigitsTab).action_choose(message.place)

    def on_draw_tab_drawn(self, message: DrawTab.Drawn) -> None:
        if message.pixels is None:
            self.state.drawing = None
        else:
            self.worker.ask("drawing", partial(self.session.read_drawing, message.pixels))

    def action_messages(self) -> None:
        self.screen.toggle_class("-messages")
        self.draw()

    def action_keys(self) -> None:
        tabs = {f"In {name.title()}": type(tab).BINDINGS for name, tab in self.tabs.items()}
        first = f"In {(self.switcher.current or '').title()}"  # the tab that is open
        self._ask(KeysScreen({**({first: tabs[first]} if first in tabs else {}), "Everywhere": self.BINDINGS, **tabs}))

    def _ask(self, screen: KeysScreen | QuitScreen, then: Callable[[object], None] | None = None) -> None:
        screen.set_class(self.glyphs is ASCII, "-ascii")
        self.push_screen(screen, then)

    def action_help_quit(self) -> None:
        """Ctrl+C, which Textual would answer with a hint."""
        self.action_quit()

    def action_quit(self) -> None:  # type: ignore[override]  # nothing here is awaited
        if isinstance(self.screen, QuitScreen):
            self.screen.dismiss(True)
        elif self.phase in ("training", "paused"):
            self._ask(QuitScreen(), lambda quit: self.leave() if quit else None)
        else:
            self.leave()

    def leave(self, signalled: int = 0) -> None:
        """Ends the training, which saves the run, then the app; without waiting for a thread that is stuck."""
        self.worker.close()
        self.enter("stopping")
        deadline = time.monotonic() + LEAVE_SECONDS

        def exit_when_done() -> None:
            if self.worker.join(0) or time.monotonic() > deadline:
                failed = self.state.finished is not None and self.state.finished.message
                self.exit(return_code=128 + signalled if signalled else int(bool(failed)))

        self.set_interval(0.02, exit_when_done)

    # Signals

    def _take_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # The kernel sends SIGCONT behind SIGHUP, and Textual would start to read the dead terminal again.
        signal.signal(signal.SIGCONT, signal.SIG_IGN)
        self.worker.close()
        hangup = number == signal.SIGHUP
        if not hangup:
            self.call_later(self.leave, number)
        # A terminal that is gone, or that nobody reads, cannot be written to, and the app never ends by itself.
        threading.Thread(target=self._end_process, args=(number, 0.0 if hangup else 1.0), daemon=True).start()

    def _end_process(self, number: int, patience: float) -> None:
        """Ends the process once the training has saved the run and the app has had its time to leave."""
        self.worker.join(10)
        time.sleep(patience)
        if number == signal.SIGHUP and self._on_hangup == "detach" and self.session.unfinished:
            self.session.unfinished.resume_detached()
        os._exit(128 + number)

    # What the training tells

    def on_emitted(self, message: Emitted) -> None:
        if not self.screen_stack:
            return  # the app is on its way out, and there is nothing left to draw on
        kinds: set[type[Event]] = set()
        for event in message.events:
            if self._discarding:
                self._discarding = not isinstance(event, RunFinished)
                continue
            self.state.add(event)
            kinds.add(type(event))
            if isinstance(event, Preparing) and not event.done:
                self.say(f"{event.what}{self.glyphs.ellipsis}")
        if StepTaken in kinds and isinstance(self.screen, StepScreen):
            self.screen.view.show(self.state.step)
        if self._watching:
            self._look()
        elif Predictions in kinds and self.phase == "loading":
            # PyTorch's objects stay; to look through them for garbage would stop everything for 0.1 s at a time.
            gc.freeze()
            self.enter("training" if self._armed else "ready")
        if message.held and self.phase == "training" and not self.worker.going:
            self.enter("paused")
        if kinds & {RunStarted, Past} and self.state.run:
            self.notify_user(self.state.run.notice)
        if Saving in kinds and not self.state.finished:
            error, run = self.state.error, self.state.run
            usual = run.notice if run else ""
            self.notify_user(f"The run cannot be saved: {error}." if error else usual, error=bool(error))
        if self.state.finished and RunFinished in kinds and not self._watching:
            self.enter(self.state.finished.reason)
            self.say(" ".join(outcome(self.state)))
            if self.state.finished.message:
                self.notify_user(self.state.finished.message, error=True)
        self.draw(everything=self.phase not in ("training", "live") or not kinds <= ROUTINE)

    def _look(self) -> None:
        """Says of a run that is looked at how it stands."""
        state = self.state
        if state.watched is None:
            return
        phase: Phase = "live" if state.watched.live else state.finished.reason if state.finished else "killed"
        if phase != self.phase:
            self.enter(phase)
        if state.finished and state.finished.message and not state.watched.live:
            self.notify_user(state.finished.message, error=True)

    def on_print(self, message: Print) -> None:
        *lines, self._printed = (self._printed + message.text).split("\n")
        for line in lines:
            self.say(line)
            if self.session.folder:
                self.session.folder.note(line)

    # What the screen shows

    def enter(self, phase: Phase) -> None:
        """Goes into a phase: the status and the footer's keys say so at once."""
        self.phase = phase
        self.header.show(self.state, phase)
        lines = self.summary_lines()
        self.summary.update("\n".join(lines))
        self.screen_stack[0].set_class(bool(lines), "-finished")
        self.refresh_bindings()

    def summary_lines(self) -> list[str]:
        """What the run came to; nothing where it did not come to an end."""
        return summary(self.state, self.session.folder.path if self.session.folder else None)

    def draw(self, everything: bool = True) -> None:
        """Shows the state: what moves fast each time, the rest once a second or when `everything` is asked."""
        state = self.state
        self.progress.show(state, self.phase)
        tab = self.switcher.current or TABS[0]
        if tab == "train":
            self.sparkline.show(state.history)
        if not everything and time.monotonic() < self._slow_due:
            return
        self._slow_due = time.monotonic() + SLOW_SECONDS.get(tab, 1.0)
        self.header.low = self.size.height < TALL
        self.header.show(state, self.phase)
        if tab == "weights":
            self._ask_for_weights()
        if tab in self.tabs:
            self.tab_bar.note = ""
            self.tabs[tab].show(state)
            return
        self.chart.show(state)
        self.table.show(state.rows, state.epochs, state.resume_points)
        self.grid.show(state.preview, state.predictions)
        # Low screens have no line for a title above the digits.
        classes = self.screen_stack[0].classes
        low = "-low" in classes and not classes & {"-narrow", "-messages"}
        self.tab_bar.note = str(self.grid.border_title) if low else ""

    def _ask_for_weights(self) -> None:
        """Has the hidden units told, where they were trained since the last time."""
        batch = self.state.batch
        at = (batch.epoch, batch.batch) if batch else (0, 0)
        if at != self._weights_asked and self.state.predictions:
            self._weights_asked = at
            self.worker.ask("weights", self.session.weights)

    def notify_user(self, text: str, error: bool = False) -> None:
        """A sentence that stays on the screen; none takes it away."""
        self.notice.update(text)
        self.notice.set_class(bool(text), "-shown")
        self.notice.set_class(error, "-error")

    def say(self, line: str) -> None:
        """A line for the panel of messages."""
        self.messages.add(line)

