"""The settings of the next run as a form: every field of TrainingConfig, checked as it is typed."""

import dataclasses
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Grid, Vertical
from textual.events import Click
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static
from typing_extensions import Doc

from ...config import TrainingConfig, as_text
from ...errors import UserError
from ..pictures.glyphs import ASCII, UNICODE, Glyphs

LONGEST = 24
"""Characters of a number: enough for any seed, and for a learning rate to its last digit."""

ABOUT = 5
"""Lines at the bottom, the first of them empty; more where the longest help needs them."""

MARGIN = 7
"""Columns that the help at the bottom does not have."""

COMPACT, WIDE, TALL = 80, 116, 36
"""The width of the form without the helps, and the size of a screen from which they stand beside the settings."""


@dataclass(frozen=True)
class Setting:
    """One field of TrainingConfig: its name, its type, the words to choose from where there are some, its help."""

    name: str
    kind: Any
    choices: tuple[str, ...]
    help: str

    @property
    def option(self) -> str:
        """How the setting is spelt on the command line, without the dashes before it."""
        return self.name.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first sentence of the help."""
        return self.help.split(". ")[0].removesuffix(".") + "."

    @property
    def more(self) -> str:
        """The rest of the help, or nothing."""
        return self.help.partition(". ")[2]

    def parse(self, text: str) -> Any:
        """The value that was typed. Raises UserError."""
        text = text.strip()
        if self.choices:
            return text
        if self.kind is Path:
            if not text:
                raise UserError(f"--{self.option} must name a folder.")
            return Path(os.path.expanduser(text))  # there is no shell that would do so
        try:
            if self.kind is str:
                return text
            if get_origin(self.kind) is tuple:
                return tuple(int(number) for number in text.replace(",", " ").split())
            return self.kind(text)
        except ValueError:
            what = "a number" if self.kind is float else "a whole number" if self.kind is int else "whole numbers"
            raise UserError(f"--{self.option} must be {what}{f', not {text!r}' if text else ''}.") from None


def read_settings() -> list[Setting]:
    """Every field of TrainingConfig, in its order."""
    settings = []
    for name, hint in get_type_hints(TrainingConfig, include_extras=True).items():
        kind, *notes = get_args(hint)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        settings.append(
            Setting(name, kind, choices, next(note.documentation for note in notes if isinstance(note, Doc)))
        )
    return settings


SETTINGS = read_settings()


def filled_in(config: TrainingConfig, texts: Mapping[str, str]) -> tuple[TrainingConfig, dict[str, str]]:
    """The settings with what was typed in place of their own, and what is wrong with it, by the setting's name."""
    complaints = {}
    for setting in SETTINGS:
        if setting.name in texts:
            try:
                config = dataclasses.replace(config, **{setting.name: setting.parse(texts[setting.name])})
            except UserError as error:
                complaints[setting.name] = str(error)
    return config, complaints


class Choice(Widget, can_focus=True):
    """A few words, of which one is picked: with the arrows, or by a click.

    Textual's RadioSet takes 8.5 ms for each pick and 22 to mount, where this takes 1.7 and 8. It draws its buttons and
    frame in characters that ASCII lacks, and it takes the up and down keys, which go from setting to setting here.
    """

    DEFAULT_CSS = """
    Choice {
        height: 1;
        color: $text-muted;
        & > .choice--mark { color: $text-muted; }
        & > .choice--picked { color: $foreground; }
        &:focus > .choice--picked { text-style: reverse; }
    }
    """
    COMPONENT_CLASSES = {"choice--mark", "choice--picked"}
    BINDINGS = [
        Binding("left", "move(-1)", "Choose", key_display="left, right", tooltip="choose another word"),
        Binding("right", "move(1)", "Choose", show=False),
    ]

    class Changed(Message):
        """Another word was picked."""

    def __init__(self, words: tuple[str, ...], value: str, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.value = value
        self._words = words
        self._glyphs = glyphs

    def shown(self) -> list[tuple[str, str]]:
        """The words on show, each behind its mark: all of them, or where there is no room the one that is picked."""
        marks = (self._glyphs.unpicked, self._glyphs.picked)
        shown = [(f"{marks[word == self.value]} ", word) for word in self._words]
        if sum(len(mark + word) + 2 for mark, word in shown) - 2 > self.size.width:
            return [(f"{self._glyphs.picked} ", self.value), (f"{self._glyphs.unpicked} ", self._glyphs.ellipsis)]
        return shown

    def render_line(self, y: int) -> Strip:
        segments = []
        for mark, word in self.shown():
            part = "choice--picked" if word == self.value else "choice--mark"
            segments += [
                Segment(mark, self.get_component_rich_style("choice--mark")),
                Segment(word, self.get_component_rich_style(part)),
                Segment("  ", self.rich_style),
            ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def action_move(self, step: int) -> None:
        place = self._words.index(self.value) + step
        self.pick(self._words[max(0, min(len(self._words) - 1, place))])

    def on_click(self, event: Click) -> None:
        end = 0
        for mark, word in self.shown():
            end += len(mark + word) + 2
            if event.x < end and word in self._words:
                self.pick(word)
                return

    def pick(self, word: str) -> None:
        if word != self.value:
            self.value = word
            self.refresh()
            self.post_message(self.Changed())


class SettingsScreen(ModalScreen[TrainingConfig | None]):
    """Asks for the settings of the next run, from those given. Enter dismisses it with the new ones, Esc with None."""

    DEFAULT_CSS = """
    SettingsScreen {
        align: center middle;
        & > Vertical {
            width: 100%; height: auto; max-height: 100%;
            background: $surface; border: round $primary; border-title-color: $text;
            border-subtitle-color: $text-muted;
        }
        &.-ascii > Vertical { border: ascii $primary; }
        & Grid {
            height: auto; overflow-y: auto; scrollbar-size-vertical: 1;
            grid-size: 2; grid-columns: 20 1fr; grid-rows: auto; grid-gutter: 0 1;
        }
        &.-ascii Grid { scrollbar-size-vertical: 0; }  /* it is drawn with blocks */
        & Static { height: auto; }
        & .-focused { text-style: bold; }
        & .-changed { color: $primary; }
        & .-wrong { color: $error; }
        & .help { display: none; color: $text-muted; }
        & Input { background: $panel; &:focus { background: $panel-lighten-2; } }
        & #about { padding: 1 1 0 2; color: $text-muted; &.-wrong { color: $error; } }
    }
    SettingsScreen.-compact, SettingsScreen.-wide {
        & > Vertical { max-width: 80; padding: 0 1; }
        & Grid { grid-size: 2; grid-columns: 20 36; }
    }
    SettingsScreen.-tall Grid { grid-gutter: 1 2; }
    SettingsScreen.-wide.-tall {
        & > Vertical { max-width: 140; padding: 1; }
        & Grid { grid-size: 3; grid-columns: 20 36 1fr; }
        & .help { display: block; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-compact"), (WIDE, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (TALL, "-tall")]
    BINDINGS = [
        Binding("enter", "take", "Take", tooltip="take these settings for the next run", priority=True),
        Binding("escape,ctrl+c", "dismiss", "Close", tooltip="leave the settings as they were", priority=True),
        Binding("up", "app.focus_previous", "Move", key_display="up, down", tooltip="go to another setting"),
        Binding("down", "app.focus_next", "Move", show=False),
    ]

    settings = SETTINGS
    heading = "Settings of the next run"
    enter_does = "Enter takes these"

    def __init__(self, config: TrainingConfig, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.config = config
        self._glyphs = glyphs
        texts = {setting.name: as_text(getattr(config, setting.name)) for setting in self.settings}
        self._filled_in, self._complaints = self.fill_in(texts)
        self.fields: dict[str, Input | Choice] = {
            setting.name: Choice(setting.choices, texts[setting.name], glyphs)
            if setting.choices
            else Input(texts[setting.name], compact=True, max_length=LONGEST if setting.kind in (int, float) else 0)
            for setting in self.settings
        }
        self.names = {setting.name: Static(f"  {setting.option}", markup=False) for setting in self.settings}
        self.helps = {setting.name: Static(setting.summary, classes="help", markup=False) for setting in self.settings}
        self.grid = Grid()
        self.about = Static(id="about", markup=False)
        self.box = Vertical()

    def compose(self) -> ComposeResult:
        with self.box:
            with self.grid:
                for setting in self.settings:
                    yield self.names[setting.name]
                    yield self.fields[setting.name]
                    yield self.helps[setting.name]
            yield self.about

    def on_mount(self) -> None:
        self.set_class(self._glyphs is ASCII, "-ascii")
        self.box.border_title = self.heading
        self.show()

    def on_resize(self) -> None:
        helps = (
            textwrap.wrap(setting.help, max(1, min(self.size.width, COMPACT) - MARGIN)) for setting in self.settings
        )
        about = min(max(ABOUT, 1 + max(map(len, helps))), max(ABOUT, self.size.height // 2))
        self.about.styles.height = about
        self.grid.styles.max_height = max(1, self.size.height - self.box.gutter.height - about)
        self.show()

    def on_input_changed(self) -> None:
        self.show()

    def on_choice_changed(self) -> None:
        self.show()

    def on_descendant_focus(self) -> None:
        self.show()

    def action_take(self) -> None:
        self.show()  # a change may not have come here yet
        if self._complaints:
            self.fields[next(iter(self._complaints))].focus()
        else:
            self.dismiss(self._filled_in)

    def fill_in(self, texts: Mapping[str, str]) -> tuple[TrainingConfig, dict[str, str]]:
        """The settings, and what is wrong with them, as `filled_in` says."""
        return filled_in(self.config, texts)

    def show(self) -> None:
        """Says what is changed and what is wrong, and what the setting is for that has the focus."""
        texts = {name: field.value for name, field in self.fields.items()}
        self._filled_in, self._complaints = self.fill_in(texts)
        beside = self.size.width >= WIDE and self.size.height >= TALL
        for setting in self.settings:
            name, focused = setting.name, self.fields[setting.name].has_focus
            complaint = self._complaints.get(name)
            changed = complaint is not None or getattr(self._filled_in, name) != getattr(self.config, name)
            mark = self._glyphs.wrong if complaint else self._glyphs.bullet if changed else " "
            say(self.names[name], f"{mark} {setting.option}")
            self.names[name].set_class(complaint is not None, "-wrong")
            self.names[name].set_class(changed, "-changed")
            self.names[name].set_class(focused, "-focused")
            if focused:
                self.about.set_class(complaint is not None, "-wrong")
                was = f"Was {as_text(getattr(self.config, name)) or 'empty'}." if changed else ""
                say(self.about, complaint or f"{setting.more if beside else setting.help} {was}".strip())
        wrong = len(self._complaints)
        enter = f"{self._glyphs.wrong} {wrong} wrong" if wrong else self.enter_does
        self.box.border_subtitle = f" {self._glyphs.dot} ".join(["Arrows choose", enter, "Esc closes"])


def say(static: Static, text: str) -> None:
    """Changes a text; only where it differs, since it costs drawing it."""
    if static.content != text:
        static.update(text)
