"""Branches and the tripwire in the dashboard: the forms, what the keys do, and the pictures."""

import dataclasses
import math
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Generator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import (
    BatchFinished,
    EpochFinished,
    Event,
    Forked,
    LearningRateChanged,
    Moment,
    NoAnswer,
    Past,
    RunFinished,
    Tripped,
    to_json,
)
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.source import GoOn, Interrupted
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.screens.branch import CHANGEABLE, BranchScreen
from mlp_tui.tui.screens.tripwire import TripwireScreen

from .. import made_up
from ..made_up import MadeUpSession
from ..terminal import Terminal

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)

MESSAGE = (
    "The loss rose tenfold in epoch 2, batch 302, and stayed there for 20 batches, at learning rate 5. "
    "The run is saved as it was at epoch 2, batch 300: mlp-tui --resume runs/mnist-20260101-120000 "
    "--learning-rate 2.5 goes on from there."
)


class Past2876:
    """Walks through a run of which 2,876 batches were trained."""

    first, last = 0, 2876

    def go(self, step: int, wanted: Collection[str] = ()) -> Event:
        epoch, batch = divmod(step - 1, 938)
        return Moment(step, 0, self.last, (made_up.batch(epoch + 1, batch + 1, 938, 0.2), made_up.predictions(3)))

    def leave(self) -> None:
        return

    def settings_at(self, step: int) -> TrainingConfig:
        return TrainingConfig(learning_rate=0.005)

    def flips(self, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        return None

    def find_flip(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        return None

    influences = find_flip


class Lost(Past2876):
    """Cannot say what the settings were."""

    def settings_at(self, step: int) -> TrainingConfig:
        raise UserError("The snapshots are gone.")


class Branching(MadeUpSession):
    """A run that is over, and what is asked of it."""

    def __init__(self, events: list[Event], end: RunFinished | None = None, tripped: Tripped | None = None) -> None:
        found: list[Event] = [made_up.step_taken(), tripped] if tripped else []
        super().__init__([*events, *found], end)
        self.past: Past2876 | None = None
        self.asked: list[object] = []
        self.answer: Event = Forked("mnist-20260101-120000", 4, 62)
        self._diverges = tripped is not None

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        for event in super().events(stop):
            if isinstance(event, RunFinished):
                self.past = Past2876()
                self.tripped = RunFolder(Path("runs/mnist-20260101-120000")) if self._diverges else None
            yield event

    def branch(self, step: int, config: TrainingConfig) -> Event:
        self.asked.append((step, config))
        return self.answer

    def go_on_next(self, how: GoOn) -> None:
        self.asked.append(how)


def diverged(by_data: bool = False) -> Branching:
    events = [*made_up.opening(), *made_up.epoch(1), *islice(made_up.epoch(2), 300)]
    where = "in layer output, whose largest output became 109 times as large"
    end = RunFinished("diverged", 1, 0.24, 0.91, 1.1, MESSAGE)
    return Branching(events, end, Tripped(2, 301, where, by_data))


def over() -> Branching:
    return Branching([*made_up.opening(), *(event for number in (1, 2, 3) for event in made_up.epoch(number))])


@asynccontextmanager
async def finished(session: Branching, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[Pilot[None], Any]]:
    app = TrainingApp(session)
    async with app.run_test(size=size) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: app.control.state.finished)
        yield pilot, app


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await pilot.pause(0.01)
    await pilot.pause()


# A branch


async def test_b_asks_for_the_settings_of_the_moment_on_show_and_begins_a_run() -> None:
    session = over()
    async with finished(session) as (pilot, app):
        await pilot.press("less_than_sign")
        await until(pilot, lambda: app.control.shown.moment)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, BranchScreen))
        form = app.screen
        assert form.heading == "A branch from epoch 3, batch 62"
        assert form.fields.keys() == CHANGEABLE
        assert form.fields["learning_rate"].value == "0.005"
        form.fields["epochs"].value = "2"
        await pilot.press("enter")
        assert isinstance(app.screen, BranchScreen)  # it says what is wrong
        assert (
            str(form.about.content) == "--epochs must be more than the 2 that are done then. Was 5."[: -len(" Was 5.")]
        )
        form.fields["epochs"].value = "9"
        await pilot.press("enter")
        await until(pilot, lambda: session.runs == 2)
        assert session.asked == [(1938, TrainingConfig(learning_rate=0.005, epochs=9))]
        await until(pilot, lambda: app.control.phase == "completed")


async def test_escape_begins_nothing() -> None:
    session = over()
    async with finished(session) as (pilot, app):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, BranchScreen))
        assert app.screen.heading == "A branch from epoch 4, batch 62"
        await pilot.press("escape")
        assert session.asked == [] and session.runs == 1


async def test_why_there_is_no_branch_is_said() -> None:
    session = over()
    session.answer = NoAnswer("The disk is full.")
    async with finished(session) as (pilot, app):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, BranchScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.control.state.lost)
        assert str(app.notice.content) == "The disk is full." and session.runs == 1
        session.past = Lost()
        await pilot.press("b")
        await until(pilot, lambda: str(app.notice.content) == "The snapshots are gone.")


def parent_folder(runs_dir: Path) -> RunFolder:
    """The folder of a run that was trained longer, and worse."""
    folder = RunFolder(runs_dir / "mnist-20260101-110000")
    folder.write_config(TrainingConfig().as_dict())
    events = [event for number in range(1, 6) for event in made_up.epoch(number)]
    worse = [
        dataclasses.replace(event, running_loss=event.running_loss + 0.05)
        for event in events
        if isinstance(event, BatchFinished) and event.batch % 40 == 0
    ]
    tests = [event for event in events if isinstance(event, EpochFinished)]
    both: list[BatchFinished | EpochFinished] = [*worse, *tests]
    lines = sorted(both, key=lambda event: (event.epoch, isinstance(event, EpochFinished)))
    folder.events.write_text("".join(to_json(event) + "\n" for event in lines))
    return folder


def a_branch() -> MadeUpSession:
    """A branch in its fourth epoch, which goes no further."""
    before = [*made_up.epoch(1), *made_up.epoch(2), *islice(made_up.epoch(3), 313)]
    past = Past((made_up.run_started(), made_up.preview(), *before, Forked("mnist-20260101-110000", 3, 313)))
    started = dataclasses.replace(made_up.run_started(), run="mnist-20260101-110000-e3b313", resumed_from="epoch 3")
    rest = [*islice(made_up.epoch(3), 313, None), *islice(made_up.epoch(4), 400)]
    return MadeUpSession([past, started, made_up.preview(), made_up.predictions(3), *rest], hold=True)


async def draw_branch(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    await pilot.press("s")
    await until(pilot, lambda: app.control.state.batch and app.control.state.trained > 3.42 and app.train.chart.other)
    app.draw()
    await pilot.pause()


async def test_the_parent_stands_behind_its_branch_from_where_they_part() -> None:
    parent = parent_folder(Path("runs"))
    app: Any = TrainingApp(a_branch())
    async with app.run_test(size=(120, 40)) as pilot:
        await draw_branch(pilot)
        name, train, tests = app.train.chart.other
        assert name == parent.name
        assert min(train)[0] >= 2 + 313 / 938 and max(train)[0] > 4.9
        assert [at for at, _ in tests] == [3, 4, 5]
        assert "A branch of mnist-20260101-110000, from epoch 3, batch 313 on." in app.train.messages._messages
        # Behind the next run, which is none, there is nothing.
        app.control.source._events = made_up.opening()
        await pilot.press("r")
        await until(pilot, lambda: app.train.chart.other is None)


async def test_a_parent_that_is_gone_is_missed_by_nobody() -> None:
    app: Any = TrainingApp(a_branch())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: app.control.state.batch and app.control.state.trained > 3.42)
        assert app.train.compared is None


def test_batches_of_another_size_go_on_where_the_others_end() -> None:
    state = RunState()
    state.add(made_up.run_started())
    for number in range(1, 101):
        state.add(made_up.batch(1, number, 100, 1.0))
    state.add(LearningRateChanged(1, 100, 0.1))
    state.add(Forked("run", 1, 100))
    for number in range(1, 11):
        state.add(made_up.batch(2, number, 20, 3.0))
    assert (state.fork, state.changes, state.trained) == (1.0, [1.0], 1.5)
    assert state.history.batches == 30
    points = state.history.points
    assert points[:20] == [1.0] * 20 and points[20:30] == [3.0] * 10
    assert list(state.recent) == [(number, 3.0) for number in range(21, 31)]


# The tripwire


@pytest.mark.parametrize(("key", "how"), [("h", "halve"), ("k", "skip")])
async def test_a_run_that_has_diverged_asks_how_to_go_on(key: str, how: GoOn) -> None:
    session = diverged()
    async with finished(session) as (pilot, app):
        await until(pilot, lambda: isinstance(app.screen, TripwireScreen))
        await pilot.press("escape")
        assert not isinstance(app.screen, TripwireScreen) and session.asked == []
        await pilot.press("s")  # asks again
        assert isinstance(app.screen, TripwireScreen)
        await pilot.press(key)
        await until(pilot, lambda: session.runs == 2)
        assert session.asked == [how]


async def test_without_a_moment_to_go_back_to_nothing_is_asked() -> None:
    session = Branching(made_up.opening(), RunFinished("diverged", 0, None, None, 0.1, "The loss became nan."))
    async with finished(session) as (pilot, app):
        await pilot.press("s", "space")
        assert not isinstance(app.screen, TripwireScreen) and session.runs == 1


def text_of(app: Any) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in app.screen.view.lines(110, 30))


async def test_it_says_which_batch_is_to_blame_and_where_it_began() -> None:
    async with finished(diverged(by_data=True)) as (pilot, app):
        await until(pilot, lambda: isinstance(app.screen, TripwireScreen))
        text = text_of(app)
        assert "The loss rose tenfold in epoch 2, batch 302, and stayed there for 20 batches" in text
        assert "The run is back before batch 301 of epoch 2, whose examples alone are to blame." in text
        assert "It began in layer output, whose largest output became 109 times as large." in text
        assert "56 of its 64 digits were read right" in text
        nothing = dataclasses.replace(made_up.step_taken(), loss=math.nan, logits=((math.nan,) * 10,) * 64)
        app.control.state.add(nothing)
        assert "Loss nan" in text_of(app)


# Pictures

Compare = Callable[..., bool]


async def ask_for_branch(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    await pilot.press("s")
    await until(pilot, lambda: app.control.state.finished)
    await pilot.press("b")
    await until(pilot, lambda: isinstance(app.screen, BranchScreen))
    await pilot.press("down", "down")
    await pilot.pause()


async def diverge(pilot: Pilot[None]) -> None:
    app: Any = pilot.app
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, TripwireScreen))


@SIZES
def test_the_form_of_a_branch(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(over()), terminal_size=size, run_before=ask_for_branch)


@SIZES
def test_a_branch_before_its_parent(snap_compare: Compare, size: tuple[int, int]) -> None:
    parent_folder(Path("runs"))
    assert snap_compare(TrainingApp(a_branch()), terminal_size=size, run_before=draw_branch)


@SIZES
def test_a_run_that_has_diverged(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(diverged()), terminal_size=size, run_before=diverge)


def test_a_run_that_has_diverged_in_ascii(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(diverged(by_data=True)), terminal_size=(80, 24), run_before=diverge)


# The program


def program(terminal: Callable[..., Terminal], *arguments: object) -> Terminal:
    return terminal([sys.executable, "-m", "mlp_tui", *map(str, arguments)], 120, 40)


def test_a_branch_in_a_terminal(terminal: Callable[..., Terminal], small_mnist: Path) -> None:
    screen = program(terminal, "--data-dir", small_mnist, "--epochs", 3)
    screen.wait_for("ready")
    screen.type("s")
    screen.wait_for("✓ done")
    screen.type("<")
    screen.wait_for("looking back")
    screen.type("b")
    screen.wait_for("A branch from the end of epoch 2")
    screen.type("\x1b[B\x1b[B\x1b[F\x15")  # down to the learning rate, which is deleted from its end
    screen.wait_for("✗ learning-rate")
    screen.type("0.05")
    screen.wait_for("• learning-rate +0.05")
    screen.type("\r")
    screen.wait_for(r"Adam 0\.05(?s:.)*✓ done")
    screen.type("q")
    assert screen.wait() == 0
    (name,) = (path.name for path in Path("runs").iterdir() if path.name.endswith("-e2b10"))
    assert RunFolder(Path("runs") / name).read_config()["learning_rate"] == 0.05


def test_a_run_that_diverges_in_a_terminal(terminal: Callable[..., Terminal], small_mnist: Path) -> None:
    screen = program(terminal, "--data-dir", small_mnist, "--batch-size", 16, "--learning-rate", "1e36")
    screen.wait_for("ready")
    screen.type("s")
    screen.wait_for("The run has diverged(?s:.)*It began in layer")
    screen.type("h")
    screen.wait_for("at learning rate 5e\\+35")
    screen.type("\x1b")
    screen.wait_for("✗ diverged")
    time.sleep(0.2)
    screen.type("q")
    assert screen.wait() == 1
    (folder,) = Path("runs").iterdir()
    assert [event.learning_rate for event in RunFolder(folder).read_events() if isinstance(event, LearningRateChanged)]
