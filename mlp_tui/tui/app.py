"""TrainingApp: the dashboard's layout and its keys."""

import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.events import Print
from textual.widgets import ContentSwitcher

from ..config import TrainingConfig
from ..events import StepTaken
from ..headless.characters import can_show_blocks
from ..runs.source import EventSource
from .branching import Branching
from .control import RunControl
from .keys import KEYS, TABS
from .leaving import Leaving
from .pictures.glyphs import ASCII, UNICODE
from .screens.flips import FlipsScreen
from .screens.keys import KeysScreen
from .screens.quit import QuitScreen
from .screens.runs import RunPicker
from .screens.settings import SettingsScreen
from .screens.step import StepScreen
from .tabs.digits import DigitsTab
from .tabs.draw import DrawTab
from .tabs.mistakes import MistakesTab
from .tabs.tab import Tab
from .tabs.train import TrainTab
from .tabs.weights import WeightsTab
from .themes import DARK, LIGHT
from .widgets.digit_grid import DigitGrid
from .widgets.key_line import KeyLine
from .widgets.status_lines import Notice, ProgressLine, RunHeader
from .widgets.tab_bar import TabBar
from .worker import BUNDLED, PAUSING, Emitted

TALL = 36
"""Rows from which each panel gets a frame, and a notice a line of its own."""


class TrainingApp(App[None]):
    """The dashboard of one run after another; `control` drives them."""

    TITLE = "mlp-tui"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-compact"), (116, "-wide"), (150, "-huge")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-low"), (TALL, "-tall")]
    BINDINGS = KEYS

    def __init__(self, source: EventSource, on_hangup: str = "detach", ascii: bool = False, pace: int = 0) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.control = RunControl(source, self.post_message, self.show_phase, self.set_timer, pace)
        self.leaving = Leaving(self, on_hangup)
        self.branching = Branching(self)
        blocks = not ascii and can_show_blocks(getattr(sys.__stderr__, "encoding", None))
        self.glyphs = glyphs = UNICODE if blocks else ASCII
        # Sixteen colours are too few for the shades of a digit.
        self.shades = glyphs is UNICODE and self.console.color_system not in (None, "standard")
        self.header = RunHeader(glyphs, id="header")
        self.notice = Notice(id="notice")
        self.progress = ProgressLine(glyphs, id="progress")
        self.tab_bar = TabBar(id="tab-bar")
        self.train = TrainTab(glyphs, self.shades, id="train")
        self.tabs: dict[str, Tab] = {"train": self.train}
        for name, kind in zip(TABS[1:], (DigitsTab, MistakesTab, WeightsTab, DrawTab), strict=True):
            self.tabs[name] = kind(glyphs, self.shades, id=name)
        self.switcher = ContentSwitcher(initial=TABS[0], id="tabs")
        self._due = 0.0  # when the open tab is to be drawn again

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.notice
        yield self.progress
        yield self.tab_bar
        with self.switcher:
            yield from self.tabs.values()
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        self.screen.set_class(self.glyphs is ASCII, "-ascii")
        # What Python prints, and so its warnings and the log's, would tear the screen: it goes to a panel.
        self.begin_capture_print(self)
        self.leaving.take_signals()
        self.action_open_tab(TABS[0])
        # After the first frame, since importing torch takes seconds.
        self.call_after_refresh(self.control.begin)

    def on_unmount(self) -> None:
        # However the app ends, the run is saved, and its thread ends.
        self.control.worker.close()

    def on_resize(self) -> None:
        self.draw()

    @property
    def tab(self) -> Tab:
        """The tab that is open."""
        return self.tabs[self.switcher.current or TABS[0]]

    # What the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.control.allows(str(parameters[0]) if action == "drive" else action)

    def action_drive(self, what: str, *parameters: int) -> None:
        control, opened = self.control, isinstance(self.screen, StepScreen)
        if what == "step" and opened and control.looking_back:
            self.action_walk("batches", 1)
            return
        getattr(control, what)(*parameters)
        if what == "step" and not opened and "details" not in control.source.lacks:
            self.push_screen(screen := StepScreen(self.glyphs, self.shades))
            if control.looking_back:
                self.call_after_refresh(screen.show, control.shown)
        elif what != "step" and opened:
            self.screen_stack[0].pop_until_active()

    def action_walk(self, how: str, count: int) -> None:
        getattr(self.control.walk, how)(count)

    def action_go_on(self) -> None:
        self.branching.ask_how()

    def action_branch(self) -> None:
        self.branching.ask_settings()

    def action_flips(self) -> None:
        if past := self.control.source.past:
            self.push_screen(FlipsScreen(self.control.shown, past, self.control.walk, self.glyphs, self.shades))

    def action_settings(self) -> None:
        def take(config: TrainingConfig | None) -> None:
            if config is not None:
                self.train.messages.add(self.control.take_settings(config))

        self.push_screen(SettingsScreen(self.control.source.next_config, self.glyphs), take)

    def action_compare(self) -> None:
        run, runs_dir = self.control.state.run, self.control.source.config.runs_dir
        picker = RunPicker(runs_dir, run.run if run else "", self.train.compared, self.glyphs)
        self.push_screen(picker, self.train.compare_with)

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.call_after_refresh(self.draw)

    def action_open_tab(self, tab: str) -> None:
        self.switcher.current = tab
        self.tab_bar.show(tab)
        self.tab.focus()
        self.control.walk.want(self.tab.wanted)
        self.draw()

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self.action_open_tab(message.tab)

    def on_progress_line_sought(self, message: ProgressLine.Sought) -> None:
        if self.control.allows("walk"):
            self.control.walk.go(message.step)

    def on_digit_grid_picked(self, message: DigitGrid.Picked) -> None:
        self.action_open_tab("digits")
        self.query_one(DigitsTab).action_choose(message.place)

    def on_draw_tab_drawn(self, message: DrawTab.Drawn) -> None:
        self.control.read_drawing(message.pixels)

    def action_keys(self) -> None:
        sections = {f"In {title}": type(self.tabs[tab]).BINDINGS for tab, title in self.tab_bar.titles.items()}
        opened = f"In {self.tab_bar.titles[self.switcher.current or TABS[0]]}"
        first = {opened: sections[opened]} if self.tab.keys_first else {}
        self.push_screen(KeysScreen({**first, "Everywhere": KEYS, **sections}, self.glyphs))

    def action_help_quit(self) -> None:  # Ctrl+C, which Textual would answer with a hint
        self.action_quit()

    def action_quit(self) -> None:  # type: ignore[override]  # nothing here is awaited
        if isinstance(self.screen, QuitScreen):
            self.screen.dismiss(True)
        elif self.control.under_way:
            saves = "saving" not in self.control.source.lacks
            self.push_screen(QuitScreen(self.glyphs, saves), lambda quit: self.leaving.leave() if quit else None)
        else:
            self.leaving.leave()

    def action_detach(self) -> None:
        self.leaving.detach()

    # What the screen shows

    def on_emitted(self, message: Emitted) -> None:
        if not self.screen_stack:
            return  # the app is on its way out, and there is nothing left to draw on
        kinds = self.control.take(message)
        state = self.control.shown
        self.train.say_what_happened(message.events if kinds else (), state)
        if kinds and isinstance(self.screen, (StepScreen, FlipsScreen)):
            self.screen.take(message.events, state)
        self.branching.take(kinds)
        routine = self.control.phase in ("training", "live") and kinds <= {*PAUSING, *BUNDLED}
        self.draw(everything=message.answers or not routine, each_batch=StepTaken in kinds)
        self.call_after_refresh(self.control.drawn)

    def on_print(self, message: Print) -> None:
        for line in self.train.say_printed(message.text):
            if folder := self.control.source.folder:
                folder.note(line)

    def show_phase(self) -> None:
        """Draws a phase that has just begun, with its keys."""
        self.refresh_bindings()
        self.draw()

    def draw(self, everything: bool = True, each_batch: bool = False) -> None:
        """Shows the state: what moves fast each time, the rest when it is due, or when `everything` is asked for.

        With `each_batch` it also shows what a batch in detail has told.
        """
        state, phase = self.control.shown, self.control.phase
        self.progress.slides = self.control.allows("walk")
        self.progress.show(state, phase)
        self.tab.show_often(state)
        due = everything or time.monotonic() >= self._due
        if (due or each_batch) and isinstance(self.tab, WeightsTab) and not self.control.looking_back:
            self.control.ask_for_weights()
        if not due:
            if each_batch:
                self.tab.show_batch(state)
            return
        self._due = time.monotonic() + self.tab.seconds
        self.notice.show(state)
        self.header.low = self.size.height < TALL
        self.header.show(state, phase)
        self.tab.show(state)
        self.tab_bar.name_examples(f"{state.data.noun.capitalize()}s")
        self.tab_bar.note = self.tab.note
