"""The list of runs to compare with: what it reads of a folder, what it shows, and what the keys do."""

import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, Reason, RunFinished, to_json
from mlp_tui.runs.folder import TAIL, RunFolder
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.screens import runs as run_picker
from mlp_tui.tui.screens.runs import POINTS, RunPicker, ago, loss_curve, read_run, runs_in

from ... import made_up
from ...made_up import MadeUpSession

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)


def made(folder: Path, events: Iterable[Event] = (), minutes: float = 0, **settings: Any) -> RunFolder:
    """A run's folder, begun so many minutes ago."""
    run = RunFolder(folder)
    run.create(TrainingConfig(**settings).as_dict())
    run.events.write_text("".join(to_json(event) + "\n" for event in events))
    begun = time.time() - 60 * minutes - 1
    os.utime(run.config, (begun, begun))
    return run


def epoch(number: int, accuracy: float = 0.9, epochs: int = 5) -> EpochFinished:
    return EpochFinished(number, epochs, 0.3, accuracy - 0.01, 0.2 / number, accuracy, 0.7, 0.1)


def end(reason: Reason, epochs: int, accuracy: float | None = None) -> RunFinished:
    return RunFinished(reason, epochs, None if accuracy is None else 0.1, accuracy, 4.0)


# What is read


def test_the_newest_runs_come_first_without_the_current_one(tmp_path: Path) -> None:
    for number, name in enumerate(("c", "a", "d", "b")):
        made(tmp_path / name, minutes=10 * number)
    (tmp_path / "not a run").mkdir()
    assert [run.name for run in runs_in(tmp_path, "d")] == ["c", "a", "b"]
    assert runs_in(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], ("killed", 0, None)),
        ([epoch(1), epoch(2, 0.93)], ("killed", 2, 0.93)),
        ([epoch(1), epoch(2, 0.93), end("stopped", 2, 0.93)], ("stopped", 2, 0.93)),
        ([end("diverged", 0)], ("diverged", 0, None)),
    ],
)
def test_the_end_of_a_log_tells_how_a_run_stands(
    tmp_path: Path, events: list[Event], told: tuple[str, int, float | None]
) -> None:
    run = read_run(made(tmp_path / "run", events))
    assert run is not None
    assert (run.phase, run.epochs, run.accuracy) == told


def test_a_run_that_a_process_trains_is_live(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(1)])
    folder.lock()
    run = read_run(RunFolder(folder.path))
    folder.unlock()
    assert run is not None
    assert run.phase == "live"


def test_a_result_is_found_however_much_is_logged_behind_it(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(3, 0.95), *made_up.mistakes(1)])
    assert folder.events.stat().st_size > TAIL
    run = read_run(folder)
    assert run is not None
    assert (run.epochs, run.accuracy) == (3, 0.95)


def test_the_settings_that_differ_are_named_where_they_matter_to_what_is_learnt(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", hidden_size=800, learning_rate=0.005, threads=2, epochs=9, dataset="mnist")
    run = read_run(folder)
    assert run is not None
    assert run.settings == "learning-rate 0.005, hidden-size 800"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epochs": "five"}', '{"epochs": 0}', '{"data_dir": 3}'])
def test_a_damaged_folder_is_left_out(tmp_path: Path, text: str) -> None:
    folder = made(tmp_path / "run")
    folder.config.write_text(text)
    assert read_run(folder) is None


def test_a_damaged_log_hides_no_run(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(1, 0.91)])
    with open(folder.events, "ab") as log:
        log.write(b'{"event": "epoch_finished", "epoch": 2\n{"event": "run_fini\xff\n\0\0\n[]\nhalf a li')
    run = read_run(folder)
    assert run is not None
    assert (run.epochs, run.accuracy) == (1, 0.91)
    folder.events.unlink()
    run = read_run(folder)
    assert run is not None
    assert run.epochs == 0
    assert loss_curve(folder) == ([], [])


# The loss curve


def batches(losses: list[float], number: int, logged: Iterable[int]) -> list[Event]:
    """The batches of an epoch that a log kept."""
    return [
        BatchFinished(number, i, len(losses), losses[i - 1], sum(losses[:i]) / i, 0.9, 80_000.0, 0.1) for i in logged
    ]


def test_a_point_is_the_mean_of_all_batches_since_the_one_before(tmp_path: Path) -> None:
    random.seed(0)
    first, second = ([random.uniform(0.1, 2) for _ in range(100)] for _ in range(2))
    events = [*batches(first, 1, (20, 60)), epoch(1), *batches(second, 2, (40, 100)), epoch(2)]
    train, tests = loss_curve(made(tmp_path / "run", events))
    assert [x for x, _ in train] == pytest.approx([0.1, 0.4, 1.2, 1.7])
    assert [loss for _, loss in train] == pytest.approx(
        [sum(first[:20]) / 20, sum(first[20:60]) / 40, sum(second[:40]) / 40, sum(second[40:]) / 60]
    )
    assert tests == [(1.0, 0.2), (2.0, 0.1)]


def test_a_long_log_makes_a_curve_of_few_points_to_its_very_end(tmp_path: Path) -> None:
    events = [event for number in range(1, 8) for event in batches([0.5] * 100, number, range(1, 101))]
    train, _ = loss_curve(made(tmp_path / "run", events))
    assert POINTS / 2 < len(train) <= POINTS
    assert all(loss == pytest.approx(0.5) for _, loss in train)
    assert train[-1][0] == pytest.approx(7, abs=0.05)
    assert train == sorted(train)


def test_a_loss_that_is_not_finite_is_no_part_of_the_curve(tmp_path: Path) -> None:
    events = [
        *batches([1.0, 2.0, float("nan"), 1.0], 1, (1, 2, 3, 4)),
        EpochFinished(1, 5, 1, 0, float("inf"), 0, 1, 1),
    ]
    assert loss_curve(made(tmp_path / "run", events)) == ([(0.125, 1.0), (0.375, 2.0)], [])


# What is shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "just now"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (29 * 86400, "29 days ago"),
        (364 * 86400, "12 months ago"),
        (800 * 86400, "2 years ago"),
    ],
)
def test_a_time_past_is_told_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words
    assert len(words) <= 13


@pytest.mark.parametrize("width", [0, 5, 30, 57, 71, 72, 100, 150])
def test_a_row_is_never_wider_than_the_list(width: int) -> None:
    head = run_picker.line(width, "  run", "epochs", "test acc.", "state", "begun", "settings", "...")
    row = run_picker.line(width, "x" * 40, "15/15", "98.12%", "v done", "2 days ago", "hidden-size 800, " * 9, "...")
    assert len(head) <= width and len(row) <= width
    if width >= 57:
        assert head.index("state") == row.index("v done")
        assert head.index("test acc.") + len("test acc.") == row.index("98.12%") + len("98.12%")
    assert ("begun" in head) == (width >= 72)
    assert ("settings" in head) == (width >= 100)


class Host(App[None]):
    """Opens the list, and keeps what it gives."""

    def __init__(self, runs_dir: Path, current: str = "", compared: RunFolder | None = None) -> None:
        super().__init__()
        self.arguments = (runs_dir, current, compared)
        self.given: list[RunFolder | None] = []

    def on_mount(self) -> None:
        self.picker = RunPicker(*self.arguments)
        self.push_screen(self.picker, self.given.append)


@asynccontextmanager
async def opened(app: Host, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


def rows(app: Host) -> list[str]:
    return [str(option.prompt) for option in app.picker.list.options]


async def test_the_arrows_and_enter_pick_a_run(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        made(tmp_path / name, minutes=number)
    app = Host(tmp_path, current="a")
    async with opened(app) as pilot:
        assert [row.split()[0] for row in rows(app)] == ["b", "c"]
        await pilot.press("down", "enter")
        assert [folder and folder.name for folder in app.given] == ["c"]


async def test_a_click_picks_a_run(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        made(tmp_path / name, minutes=number)
    app = Host(tmp_path)
    async with opened(app) as pilot:
        await pilot.click(app.picker.list, offset=(4, 1))
        assert [folder and folder.name for folder in app.given] == ["b"]


@pytest.mark.parametrize("key", ["escape", "c", "ctrl+c"])
async def test_escape_leaves_the_comparison_as_it_was(tmp_path: Path, key: str) -> None:
    compared = made(tmp_path / "b", minutes=1)
    made(tmp_path / "a")
    for was in (compared, None):
        app = Host(tmp_path, compared=was)
        async with opened(app) as pilot:
            await pilot.press("down", key)
            assert app.given == [was]


async def test_the_run_compared_with_is_marked_and_can_be_taken_away(tmp_path: Path) -> None:
    compared = made(tmp_path / "b", minutes=1)
    made(tmp_path / "a")
    app = Host(tmp_path, compared=compared)
    async with opened(app) as pilot:
        assert [row.split()[:2] for row in rows(app)[::2]] == [["no", "comparison"], [UNICODE.bullet, "b"]]
        assert app.picker.list.highlighted == 2
        await pilot.press("home", "enter")
        assert app.given == [None]


async def test_of_many_runs_the_newest_are_listed_and_the_title_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_picker, "MOST_RUNS", 5)
    for number in range(8):
        made(tmp_path / f"run-{number}", minutes=number)
    app = Host(tmp_path)
    async with opened(app):
        assert [row.split()[0] for row in rows(app)] == [f"run-{number}" for number in range(5)]
        assert app.picker.box.border_title == "Compare with a run: the newest 5 of 8"


async def test_an_empty_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    app = Host(tmp_path, current="a")
    made(tmp_path / "a")
    async with opened(app) as pilot:
        text = str(app.picker.query_one("#empty", Static).content)
        assert text.startswith("There is no other run in") and text.endswith(".")
        await pilot.press("enter", "down", "escape")
        assert app.given == [None]


@pytest.mark.parametrize("size", [(1, 1), (20, 3), (200, 5)])
async def test_any_size_will_do(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = made(tmp_path / "run")
    app = Host(tmp_path)
    async with opened(app, size) as pilot:
        await pilot.resize_terminal(90, 30)
        await pilot.resize_terminal(*size)
        await pilot.press("enter")
        assert [given and given.path for given in app.given] == [folder.path]


# Pictures

Compare = Callable[..., bool]


def many_runs(runs_dir: Path) -> None:
    """Thirty runs of all kinds, the oldest a year ago."""
    endings: list[Reason | None] = ["completed", "stopped", "completed", "diverged", None, "completed", "failed"]
    settings: list[dict[str, Any]] = [
        {},
        {"learning_rate": 0.005, "schedule": "one-cycle"},
        {"hidden_size": 800, "batch_size": 128, "learning_rate": 0.003, "schedule": "one-cycle", "epochs": 15},
        {"seed": 3},
    ]
    for number in range(30):
        config = TrainingConfig(**settings[number % 4])
        reason = endings[number % 7]
        done = config.epochs if reason == "completed" else (number * 5) % config.epochs
        accuracy = 0.93 + done * 0.003 + number * 0.0002
        events: list[Event] = [epoch(done, accuracy, config.epochs)] if done else []
        if reason:
            events.append(end(reason, done, accuracy if done else None))
        dataset = "synthetic" if number % 3 == 1 else "mnist"
        name = f"{dataset}-202601{28 - number // 2:02}-{20 - number % 2 * 7}{number + 10}00"
        made(runs_dir / name, events, minutes=2.5 + number**4, **settings[number % 4], dataset=dataset)


async def open_list(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    while app.phase == "loading":
        await pilot.pause(0.02)
    app.push_screen(RunPicker(Path("runs"), "", runs_in(Path("runs"))[1], app.glyphs))
    await pilot.pause()
    await pilot.press("down")
    await pilot.pause()


@SIZES
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    many_runs(Path("runs"))
    app = TrainingApp(MadeUpSession(made_up.opening()))
    assert snap_compare(app, terminal_size=size, run_before=open_list)


@SIZES
def test_picture_in_ascii(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    many_runs(Path("runs"))
    app = TrainingApp(MadeUpSession(made_up.opening()))
    assert app.glyphs is ASCII
    assert snap_compare(app, terminal_size=size, run_before=open_list)
