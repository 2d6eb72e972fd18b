"""The runs of a folder to pick one from, whose losses stand behind those of the run on the screen."""

import threading
import time
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from ...headless.data import printable
from ...runs.folder import RunFolder
from ...runs.listing import Run, list_runs
from ..phases import PHASES
from ..pictures.glyphs import ASCII, UNICODE, Glyphs

MOST_RUNS = 100
"""The list ends after so many."""

ABOUT = 4
"""Lines at the bottom, the first of them empty: room for all of a run's settings on the narrowest screen."""


def ago(seconds: float) -> str:
    """A time past in words, at most 13 characters."""
    units = ((31536000, "year"), (2592000, "month"), (86400, "day"), (3600, "h"), (60, "min"))
    for size, unit in units:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 and unit not in ('h', 'min') else ''} ago"
    return "just now"


def line(width: int, name: str, done: str, test: str, state: str, begun: str, settings: str, ellipsis: str) -> str:
    """A row of the list, or its head, for a list of that width: the last columns give way first."""

    def cut(text: str, room: int) -> str:
        return (text if len(text) <= room else text[: max(0, room - len(ellipsis))] + ellipsis)[:room].ljust(room)

    results = f"{done:>8}{test:>10}  {state:<10}"
    if width >= 72:
        results += f"  {begun:<13}"
    room = max(0, width - len(results))
    names = min(32, room)
    rest = room - names - 2
    return (cut(name, names) + results + (f"  {cut(settings, rest)}" if rest >= 20 else ""))[: max(0, width)]


class RunList(OptionList):
    """A row a run, in columns; a row of None takes the comparison away."""

    DEFAULT_CSS = """
    RunList {
        background: $surface;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable;
        &:focus { background-tint: $surface 0%; }
    }
    """

    def __init__(self, compared: Path | None, glyphs: Glyphs) -> None:
        super().__init__(compact=True)
        self.rows: list[Run | None] = []
        self._compared = compared
        self._glyphs = glyphs
        self.width = -1
        """Columns of a row, beside the scrollbar."""

    def show(self, rows: list[Run | None]) -> None:
        """Shows these rows."""
        self.rows = rows
        self.styles.height = len(rows)
        self._write()

    def on_resize(self) -> None:
        if self.width != self.scrollable_content_region.width:
            self.width = self.scrollable_content_region.width
            self._write()

    def _write(self) -> None:
        highlighted = self.highlighted
        self.set_options(Content(self.text(row)) for row in self.rows)
        if highlighted is None and self.rows:
            paths = [row.folder.path if row else None for row in self.rows]
            highlighted = paths.index(self._compared) if self._compared in paths else 0
        self.highlighted = highlighted

    def text(self, row: Run | None) -> str:
        """What stands in a row."""
        if row is None:
            return "  no comparison"
        return line(
            self.width,
            f"{self._glyphs.bullet if row.folder.path == self._compared else ' '} {self._words(row)}",
            f"{row.epochs}/{row.config.epochs}",
            "-" if row.accuracy is None else f"{row.accuracy:.2%}",
            PHASES[row.standing].label(self._glyphs),
            ago(time.time() - row.started),
            row.settings,
            self._glyphs.ellipsis,
        )

    def _words(self, run: Run) -> str:
        """A run's name; of a branch below its parent, what it adds to that one's."""
        name, own = run.folder.name, run.folder.name.removeprefix(run.parent)
        return "  " * run.depth + (self._glyphs.ellipsis + own if run.depth and own != name else name)


class RunPicker(ModalScreen[RunFolder | None]):
    """Asks which run to compare with.

    It is dismissed with the run to compare with from now on, None where that is none: after Esc, the one that it
    was opened with.
    """

    DEFAULT_CSS = """
    RunPicker {
        align: center middle;
        & > Vertical {
            width: 100%; height: auto; max-width: 156; max-height: 100%;
            background: $surface; border: round $primary; border-title-color: $text;
            border-subtitle-color: $text-muted;
        }
        &.-ascii > Vertical { border: ascii $primary; }
        &.-ascii RunList { scrollbar-size-vertical: 0; padding-right: 1; }  /* it is drawn with blocks */
        & Static { height: auto; color: $text-muted; }
        & #head { height: 1; }
        & #about { padding: 1 1 0 2; }
        & #empty { padding: 1 2; }
    }
    RunPicker.-tall > Vertical { padding: 1; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-tall")]
    BINDINGS = [Binding("escape,c,ctrl+c", "keep", "Close", tooltip="close the list, and compare as before")]

    def __init__(
        self, runs_dir: Path, current: str = "", compared: RunFolder | None = None, glyphs: Glyphs = UNICODE
    ) -> None:
        super().__init__()
        self._runs_dir = runs_dir
        self._current = current
        self._compared = compared
        self._glyphs = glyphs
        self.list = RunList(compared.path if compared else None, glyphs)
        self.head = Static(id="head", markup=False)
        self.about = Static(id="about", markup=False)
        self.about.styles.height = ABOUT
        self.empty = Static(f"Reading the runs in {runs_dir}{glyphs.ellipsis}", id="empty", markup=False)
        self.box = Vertical()
        self.box.border_title = "Compare with a run"
        self.box.border_subtitle = "Esc closes"
        self.reading = True

    def compose(self) -> ComposeResult:
        with self.box:
            yield self.head
            yield self.list
            yield self.about
            yield self.empty

    def on_mount(self) -> None:
        self.set_class(self._glyphs is ASCII, "-ascii")
        self._show_list(False)
        # A hundred logs, on a disk that may be slow: not on the thread that draws.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        runs, count = list_runs(self._runs_dir, MOST_RUNS, without=self._current)
        self.call_later(self._show_runs, runs, count)

    def _show_runs(self, runs: list[Run], count: int) -> None:
        self.reading = False
        if count > MOST_RUNS:
            self.box.border_title = f"Compare with a run: the newest {MOST_RUNS} of {count}"
        rows: list[Run | None] = [*([None] if self._compared else []), *runs]
        if rows:
            self._show_list(True)
            self.list.show(rows)
            self.list.focus()
            self.box.border_subtitle = f" {self._glyphs.dot} ".join(["Arrows choose", "Enter compares", "Esc closes"])
        else:
            self.empty.update(
                f"There is no other run in {self._runs_dir} yet: each run gets a folder there when it trains."
            )

    def _show_list(self, shown: bool) -> None:
        self.head.display = self.list.display = self.about.display = shown
        self.empty.display = not shown

    def on_resize(self) -> None:
        self.list.styles.max_height = max(1, self.size.height - self.box.gutter.height - 1 - ABOUT)

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        row = self.list.rows[message.option_index]
        head = ("  run", "epochs", "test acc.", "state", "begun", "settings", self._glyphs.ellipsis)
        self.head.update(line(self.list.width, *head))
        self.about.update(describe(row) if row else "The loss chart shows this run alone.")

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        row = self.list.rows[message.option_index]
        self.dismiss(row.folder if row else None)

    def action_keep(self) -> None:
        self.dismiss(self._compared)


def describe(run: Run) -> str:
    """What the columns may have no room for."""
    origin = f"A branch of {printable(run.parent)}. " if run.parent else ""
    return (
        f"{origin}Dataset {run.config.dataset}, begun {ago(time.time() - run.started)}, "
        f"with {run.settings or 'the default settings'}."
    )
