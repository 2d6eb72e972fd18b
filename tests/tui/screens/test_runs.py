"""The list of runs to compare with: what it reads of a folder, what it shows, and what the keys do."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from mlp_tui.config import TrainingConfig
from mlp_tui.events import Event, Reason
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.listing import list_runs
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.screens import runs as run_picker
from mlp_tui.tui.screens.runs import RunPicker, ago

from ... import made_up
from ...made_up import MadeUpSession
from ...runs.test_listing import branch, end, epoch, made

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)


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
        await listed(pilot, app.picker)
        yield pilot


async def listed(pilot: Pilot[None], picker: RunPicker) -> None:
    """Waits until the list is read."""
    while picker.reading:
        await pilot.pause(0.01)
    await pilot.pause()


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


async def test_a_branch_stands_below_its_parent_and_has_what_its_name_adds(tmp_path: Path) -> None:
    made(tmp_path / "mnist-1", minutes=9)
    for name, parent, minutes in (("mnist-1-e2b3", "mnist-1", 8), ("mnist-1-e2b3-e3b1", "mnist-1-e2b3", 7)):
        branch(tmp_path, name, parent, minutes)
    app = Host(tmp_path)
    async with opened(app) as pilot:
        assert [row[:20].rstrip() for row in rows(app)] == [
            "  mnist-1",
            f"    {UNICODE.ellipsis}-e2b3",
            f"      {UNICODE.ellipsis}-e3b1",
        ]
        await pilot.press("down", "enter")
        assert [folder and folder.name for folder in app.given] == ["mnist-1-e2b3"]


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
        {"hidden_sizes": (800,), "batch_size": 128, "learning_rate": 0.003, "schedule": "one-cycle", "epochs": 15},
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
    while app.control.phase == "loading":
        await pilot.pause(0.02)
    compared = list_runs(Path("runs"), 2)[0][1].folder
    picker = RunPicker(Path("runs"), "", compared, app.glyphs)
    app.push_screen(picker)
    await pilot.pause()
    await listed(pilot, picker)
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
