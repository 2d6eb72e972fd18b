"""Pictures of the dashboard, compared with those that are stored; the README shows one of them.

`pytest --snapshot-update` draws them anew.
"""

import dataclasses
import threading
from collections.abc import Callable, Generator
from itertools import islice
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mlp_tui.events import Event, LearningRateChanged, Past, RunFinished, Watched
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.watch import WatchedRun
from mlp_tui.tui.app import TrainingApp

from .. import made_up
from ..made_up import MadeUpSession

Compare = Callable[..., bool]

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)


def training() -> MadeUpSession:
    """A run in its third epoch, which goes no further."""
    events = [*made_up.opening(), *made_up.epoch(1), *made_up.epoch(2), *islice(made_up.epoch(3), 400)]
    return MadeUpSession(events, hold=True)


async def start(pilot: Pilot[None]) -> None:
    """Starts the run, and draws all that it told."""
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while app.control.state.batch is None or (app.control.state.batch.epoch, app.control.state.batch.batch) != (3, 400):
        await pilot.pause(0.02)
    app.draw()
    await pilot.pause()


async def finish(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while app.control.state.finished is None:
        await pilot.pause(0.02)
    await pilot.pause()


async def load(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    while app.control.phase == "loading":
        await pilot.pause(0.02)
    await pilot.pause()


@SIZES
def test_training(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(training()), terminal_size=size, run_before=start)


@SIZES
def test_training_in_ascii(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(training()), terminal_size=size, run_before=start)


def test_training_in_16_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert snap_compare(TrainingApp(training()), terminal_size=(80, 24), run_before=start)


@SIZES
def test_ready(snap_compare: Compare, size: tuple[int, int]) -> None:
    session = MadeUpSession(made_up.opening(notice="These are the program's own built-in digits, not MNIST."))
    assert snap_compare(TrainingApp(session), terminal_size=size, run_before=load)


@SIZES
def test_the_end(snap_compare: Compare, size: tuple[int, int]) -> None:
    end = RunFinished("completed", 2, 0.12, 0.94, 1.6)
    events = [*made_up.opening(2), *made_up.epoch(1, 2), *made_up.epoch(2, 2), *made_up.mistakes(2)]
    assert snap_compare(TrainingApp(MadeUpSession(events, end)), terminal_size=size, run_before=finish)


def test_a_failure(snap_compare: Compare) -> None:
    end = RunFinished("failed", 0, None, None, 0.0, "There is no MNIST here: name a folder with it with --data-dir.")
    assert snap_compare(TrainingApp(MadeUpSession([], end)), terminal_size=(80, 24), run_before=finish)


def test_the_keys(snap_compare: Compare) -> None:
    async def open_keys(pilot: Pilot[None]) -> None:
        await load(pilot)
        await pilot.press("question_mark")

    session = MadeUpSession(made_up.opening())
    assert snap_compare(TrainingApp(session), terminal_size=(80, 24), run_before=open_keys)


def test_the_question_before_quitting(snap_compare: Compare) -> None:
    async def ask(pilot: Pilot[None]) -> None:
        await start(pilot)
        await pilot.press("q")

    assert snap_compare(TrainingApp(training()), terminal_size=(80, 24), run_before=ask)


def test_a_resumed_run(snap_compare: Compare) -> None:
    past = Past((made_up.run_started(), made_up.preview(), *made_up.epoch(1), *islice(made_up.epoch(2), 300)))
    started = dataclasses.replace(made_up.run_started(), resumed_from="epoch 2, batch 300")
    rest = [*islice(made_up.epoch(2), 300, None), *islice(made_up.epoch(3), 400)]
    session = MadeUpSession([past, started, made_up.preview(), made_up.predictions(3), *rest], hold=True)
    assert snap_compare(TrainingApp(session), terminal_size=(120, 40), run_before=start)


def test_a_watched_run(snap_compare: Compare, tmp_path: Path) -> None:
    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TrainingApp)
        while app.control.phase == "loading":
            await pilot.pause(0.02)
        await pilot.pause()

    class Seen(WatchedRun):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            end = RunFinished("stopped", 1, 0.24, 0.91, 1.1)
            yield Past((*made_up.opening()[1:], *made_up.epoch(1), *islice(made_up.epoch(2), 300), end))
            yield Watched(live=False, age=3723.0)
            stop.wait()

    assert snap_compare(TrainingApp(Seen(RunFolder(tmp_path))), terminal_size=(80, 24), run_before=look)


class Opened(MadeUpSession):
    """Ready; the next batch is told with all its steps."""

    def __init__(self) -> None:
        super().__init__([*made_up.opening(), made_up.step_taken(), made_up.batch(1, 1, 938, 0.5)], hold=True)


async def step(pilot: Pilot[None]) -> None:
    await load(pilot)
    await pilot.press("n")
    app = pilot.app
    assert isinstance(app, TrainingApp)
    while app.control.state.step is None:
        await pilot.pause(0.02)
    await pilot.pause()


@SIZES
@pytest.mark.parametrize("ascii", [False, True], ids=["colour", "ascii"])
def test_a_step(snap_compare: Compare, size: tuple[int, int], ascii: bool) -> None:
    assert snap_compare(TrainingApp(Opened(), ascii=ascii), terminal_size=size, run_before=step)


def test_training_in_light_colours(snap_compare: Compare) -> None:
    async def lighten(pilot: Pilot[None]) -> None:
        await start(pilot)
        await pilot.press("t")
        await pilot.pause(0.1)

    assert snap_compare(TrainingApp(training()), terminal_size=(120, 40), run_before=lighten)


def test_the_chart_with_another_run_marks_and_the_cursor(snap_compare: Compare) -> None:
    async def compare(pilot: Pilot[None]) -> None:
        await start(pilot)
        app = pilot.app
        assert isinstance(app, TrainingApp)
        app.train.chart.other = (
            "mnist-before",
            [(i / 20, 1.5 / (1 + i / 8)) for i in range(1, 100)],
            [(1.0, 0.4), (2.0, 0.3)],
        )
        app.control.state.add(LearningRateChanged(2, 469, 0.005))
        app.train.chart.cursor = 1.2
        app.draw()
        await pilot.pause()

    assert snap_compare(TrainingApp(training()), terminal_size=(120, 40), run_before=compare)


def test_a_rough_chart_of_the_last_batches_on_an_even_axis(snap_compare: Compare) -> None:
    async def change(pilot: Pilot[None]) -> None:
        await start(pilot)
        await pilot.press("e", "l", "h")
        await pilot.pause()

    assert snap_compare(TrainingApp(training()), terminal_size=(120, 40), run_before=change)
