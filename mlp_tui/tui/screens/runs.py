"""The runs of a folder to pick one from, whose losses stand behind those of the run on the screen."""

import math
import time
from dataclasses import dataclass, fields
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from ...config import TrainingConfig
from ...errors import UserError
from ...events import BatchFinished, EpochFinished, Event, RunFinished
from ...runs.folder import RunFolder
from ...runs.log import BATCH, TAIL, beginning, parsed
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..run_state import Phase
from ..widgets.status_lines import STATUS

MOST_RUNS = 100
"""The list ends after so many."""

ABOUT = 4
"""Lines at the bottom, the first of them empty: room for all of a run's settings on the narrowest screen."""

POINTS = 200
"""At most so many points make a loss curve."""

SAME_RESULT = {
    "epochs",
    "test_batch_size",
    "dataset",
    "data_dir",
    "device",
    "threads",
    "runs_dir",
    "checkpoint_seconds",
}
"""Settings that say nothing of how a run learns, or that have a column of their own."""

USUAL = TrainingConfig()


EPOCH = beginning(EpochFinished(0, 0, 0, 0, 0, 0, 0, 0))
END = beginning(RunFinished("completed", 0, None, None, 0))


@dataclass(frozen=True)
class Run:
    """What the list says of a run."""

    folder: RunFolder
    config: TrainingConfig
    started: float
    """Seconds since 1970."""
    phase: Phase
    epochs: int
    """Epochs that are done."""
    accuracy: float | None
    """The last test's, a fraction."""

    @property
    def settings(self) -> str:
        """The settings that differ from the defaults, of those that matter to what is learnt."""
        names = (field.name for field in fields(TrainingConfig) if field.name not in SAME_RESULT)
        differ = {name: value for name in names if (value := getattr(self.config, name)) != getattr(USUAL, name)}
        return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in differ.items())


def runs_in(runs_dir: Path, current: str = "") -> list[RunFolder]:
    """The runs of a folder, newest first, without the current one."""
    started = {}
    for config in runs_dir.glob("*/config.json"):
        try:
            started[config.parent] = config.stat().st_mtime_ns
        except OSError:  # taken away in between
            continue
    newest = sorted(started, key=lambda path: (started[path], path.name), reverse=True)
    return [RunFolder(path) for path in newest if path.name != current]


def read_run(folder: RunFolder) -> Run | None:
    """What the settings and the end of the log tell; None where the folder is damaged."""
    try:
        config = TrainingConfig.from_dict(folder.read_config())
        started = folder.config.stat().st_mtime
        last = last_result(folder)
    except (UserError, OSError, TypeError):
        return None
    phase: Phase = "live" if folder.lock.is_held() else "killed"
    epochs, accuracy = 0, None
    if isinstance(last, EpochFinished):
        epochs, accuracy = last.epoch, last.test_accuracy
    elif isinstance(last, RunFinished):
        epochs, accuracy = last.epochs, last.test_accuracy
        if phase != "live" and last.reason in STATUS:
            phase = last.reason
    return Run(folder, config, started, phase, epochs, accuracy)


def last_result(folder: RunFolder) -> Event | None:
    """The last EpochFinished or RunFinished of a log, looked for from its end."""
    size = folder.events.stat().st_size if folder.events.exists() else 0
    length = TAIL
    while True:
        lines = folder.read_log(max(0, size - length))[0].splitlines()
        for line in reversed(lines):
            if line.startswith((EPOCH, END)) and (event := parsed(line)):
                return event
        if length >= size:
            return None
        length *= 8


Curve = list[tuple[float, float]]


def loss_curve(folder: RunFolder) -> tuple[Curve, Curve]:
    """The train curve of a run, (epochs trained, loss) at no more than 200 points, and its tests, (epoch, loss).

    Each point of the train curve is the mean over all batches from the point before, however few were logged: it
    follows from the means over the epoch so far.
    """
    lines = folder.read_log(0)[0].splitlines()
    batches = [line for line in lines if line.startswith(BATCH)]
    every = max(1, -(-len(batches) // POINTS))
    train: Curve = []
    epoch, number, total = 0, 0, 0.0
    for line in batches[::-every][::-1]:
        event = parsed(line)
        if not isinstance(event, BatchFinished):
            continue
        if event.epoch != epoch or event.batch <= number:
            epoch, number, total = event.epoch, 0, 0.0
        loss = (event.running_loss * event.batch - total) / (event.batch - number)
        if math.isfinite(loss):
            train.append((epoch - 1 + (number + event.batch) / 2 / event.batches, loss))
        number, total = event.batch, event.running_loss * event.batch
    tests = {
        float(event.epoch): event.test_loss
        for line in lines
        if line.startswith(EPOCH) and isinstance(event := parsed(line), EpochFinished)
    }
    return train, [(epochs, loss) for epochs, loss in tests.items() if math.isfinite(loss)]


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

    def __init__(self, rows: list[Run | None], compared: Path | None, glyphs: Glyphs) -> None:
        super().__init__(compact=True)
        self.styles.height = len(rows)
        self.rows = rows
        self._compared = compared
        self._glyphs = glyphs
        self.width = -1
        """Columns of a row, beside the scrollbar."""

    def on_resize(self) -> None:
        if self.width == self.scrollable_content_region.width:
            return
        self.width = self.scrollable_content_region.width
        highlighted = self.highlighted
        self.set_options(Content(self.text(row)) for row in self.rows)
        if highlighted is None:
            paths = [row.folder.path if row else None for row in self.rows]
            highlighted = paths.index(self._compared) if self._compared in paths else 0
        self.highlighted = highlighted

    def text(self, row: Run | None) -> str:
        """What stands in a row."""
        if row is None:
            return "  no comparison"
        return line(
            self.width,
            f"{self._glyphs.bullet if row.folder.path == self._compared else ' '} {row.folder.name}",
            f"{row.epochs}/{row.config.epochs}",
            "-" if row.accuracy is None else f"{row.accuracy:.2%}",
            f"{self._glyphs.status[row.phase]} {STATUS[row.phase]}",
            ago(time.time() - row.started),
            row.settings,
            self._glyphs.ellipsis,
        )


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
        self._compared = compared
        self._glyphs = glyphs
        folders = runs_in(runs_dir, current)
        runs = [run for folder in folders[:MOST_RUNS] if (run := read_run(folder))]
        self.list = RunList([*([None] if compared else []), *runs], compared.path if compared else None, glyphs)
        self.head = Static(id="head", markup=False)
        self.about = Static(id="about", markup=False)
        self.about.styles.height = ABOUT
        self.box = Vertical()
        self.box.border_title = "Compare with a run"
        if len(folders) > MOST_RUNS:
            self.box.border_title += f": the newest {MOST_RUNS} of {len(folders)}"

    def compose(self) -> ComposeResult:
        with self.box:
            if self.list.rows:
                yield self.head
                yield self.list
                yield self.about
            else:
                text = f"There is no other run in {self._runs_dir} yet: each run gets a folder there when it trains."
                yield Static(text, id="empty", markup=False)

    def on_mount(self) -> None:
        self.set_class(self._glyphs is ASCII, "-ascii")
        keys = ["Arrows choose", "Enter compares", "Esc closes"] if self.list.rows else ["Esc closes"]
        self.box.border_subtitle = f" {self._glyphs.dot} ".join(keys)

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
    return (
        f"Dataset {run.config.dataset}, begun {ago(time.time() - run.started)}, "
        f"with {run.settings or 'the default settings'}."
    )
