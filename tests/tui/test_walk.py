"""Walking through a run: what the keys, the mouse and the pace do to the moment on show; the run stays as it is."""

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import cast

import pytest
import torch
from textual.message import Message
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, Mistakes, Moment, Predictions, RunFinished
from mlp_tui.runs.source import PACES, Walkable
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.control import RunControl
from mlp_tui.tui.phases import Phase
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.screens.step import StepScreen
from mlp_tui.tui.tabs.draw import DrawTab
from mlp_tui.tui.walk import WHOLE_RUN, stride
from mlp_tui.tui.worker import Emitted

from .. import made_up
from ..made_up import MadeUpPast, MadeUpSession
from .test_app import app_of, footer, reach, running
from .test_knobs import screen_text
from .test_pictures import SIZES, Compare

TIP = 2 * 938 + 400
"""Where the made-up run is: its third epoch."""


def made_up_past(last: int) -> Walkable:
    return cast(Walkable, MadeUpPast(last))  # what finds flips is not there


def phase_of(app: TrainingApp) -> Phase:
    return app.control.phase


def paused_run() -> MadeUpSession:
    """A run in its third epoch, any moment of which can be had again."""
    events = [*made_up.opening(), *made_up.epoch(1), *made_up.epoch(2), *islice(made_up.epoch(3), 400)]
    session = MadeUpSession(events, hold=True)
    session.past = made_up_past(TIP)
    return session


def past_of(pilot: Pilot[None]) -> MadeUpPast:
    past = app_of(pilot).control.source.past
    assert isinstance(past, MadeUpPast)
    return past


async def until(pilot: Pilot[None], true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        await pilot.pause(0.01)
    await pilot.pause()


async def pause_at_the_tip(pilot: Pilot[None]) -> TrainingApp:
    app = await reach(pilot, "ready")
    await pilot.press("s")
    await until(pilot, lambda: (batch := app.control.state.batch) and (batch.epoch, batch.batch) == (3, 400))
    await pilot.press("s")
    return await reach(pilot, "paused")


async def at(pilot: Pilot[None], step: int) -> RunState:
    """Waits for that moment; the state on show then."""
    control = app_of(pilot).control
    await until(pilot, lambda: control.shown.moment and control.shown.moment.step == step)
    return control.shown


# The keys


async def test_each_press_counts_however_quickly_they_come() -> None:
    async with running(paused_run()) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press(*["comma", "comma", "comma", "comma"])
        await at(pilot, TIP - 4)
        assert app.control.phase == "replay"
        await pilot.press("full_stop", "less_than_sign", "less_than_sign", "greater_than_sign")
        await at(pilot, TIP - 3 - 938)
        await pilot.press("home", "full_stop")
        await at(pilot, 1)
        await pilot.press("comma", "comma")  # there is nothing before the beginning
        await at(pilot, 0)
        assert "Before the first batch" in screen_text(pilot)


async def test_what_was_passed_over_is_not_asked_for_while_an_answer_is_on_its_way() -> None:
    session = paused_run()
    past = session.past
    assert isinstance(past, MadeUpPast)
    answer, answering = past.go, threading.Event()

    def slowly(step: int, wanted: frozenset[str]) -> Event:
        moment = answer(step, wanted)
        answering.wait(10)
        return moment

    past.go = slowly
    async with running(session) as pilot:
        await pause_at_the_tip(pilot)
        await pilot.press(*["comma"] * 30)
        answering.set()
        await at(pilot, TIP - 30)
        assert [step for step, _ in past.asked] == [TIP - 1, TIP - 30]


async def test_at_the_tip_the_paused_run_is_back_and_trains_on() -> None:
    async with running(paused_run()) as pilot:
        app = await pause_at_the_tip(pilot)
        assert footer(app)["comma"] == "Walk"
        await pilot.press("full_stop")  # there is nothing behind the tip
        assert app.control.phase == "paused"
        await pilot.press("home")
        await at(pilot, 0)
        assert (footer(app)["s"], "N" in footer(app), "x" in footer(app)) == ("Play", False, False)
        await pilot.press("end")
        await reach(pilot, "paused")
        assert app.control.shown is app.control.state
        assert footer(app)["s"] == "Continue"
        await pilot.press("s")
        await reach(pilot, "training")
        assert "comma" not in footer(app)
        await pilot.press("comma")
        assert phase_of(app) == "training"


async def test_a_run_that_cannot_be_walked_through_has_no_such_keys() -> None:
    session = paused_run()
    session.past = None
    async with running(session) as pilot:
        app = await pause_at_the_tip(pilot)
        assert "comma" not in footer(app) and not app.progress.slides
        await pilot.press("comma", "home")
        assert app.control.phase == "paused"


@pytest.mark.parametrize("reason", ["completed", "stopped", "diverged"])
async def test_a_run_that_is_over_can_be_walked_through_and_goes_back_to_its_end(reason: Phase) -> None:
    session = MadeUpSession(
        [*made_up.opening(1), *made_up.epoch(1, 1)],
        RunFinished(reason, 1, 0.2, 0.9, 1.0),  # type: ignore[arg-type]
    )
    session.past = made_up_past(938)
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        await reach(pilot, reason)
        await pilot.press("comma")
        await at(pilot, 937)
        assert "batch 937/938" in screen_text(pilot)
        await pilot.press("full_stop")
        await reach(pilot, reason)
        assert "1 epoch in 0:01" in screen_text(pilot)
        await pilot.press("comma")
        await at(pilot, 937)
        await pilot.press("r")
        await until(pilot, lambda: session.runs == 2)
        await reach(pilot, reason)
        assert app.control.shown is app.control.state


async def test_a_restart_and_a_stop_from_a_past_moment_leave_it() -> None:
    session = paused_run()
    async with running(session) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press("home")
        await at(pilot, 0)
        await pilot.press("q")
        await pilot.pause()
        assert "Quit?" in screen_text(pilot)  # the run is under way
        await pilot.press("escape", "r")
        await reach(pilot, "training")
        assert app.control.shown is app.control.state
        await until(pilot, lambda: session.past.left)  # type: ignore[union-attr]


# The moment


async def test_every_tab_shows_the_moment_and_asks_for_what_it_needs() -> None:
    async with running(paused_run(), (160, 48)) as pilot:
        app = await pause_at_the_tip(pilot)
        past, live = past_of(pilot), app.control.state
        before = list(live.history.points), list(live.recent), list(live.prediction_snapshots), list(live.rows)
        live_predictions = live.predictions
        await pilot.press("less_than_sign")
        shown = await at(pilot, TIP - 938)
        assert shown.predictions is not None and shown.predictions is not live_predictions
        right = 20 - (1 + (TIP - 938) % 7)
        assert f"Test digits: {right} of 20 right" in screen_text(pilot)
        assert "This batch: 56 of 64 right" in screen_text(pilot)
        assert f"Epoch 2, batch 400: loss {0.3 + (TIP - 938) / 10_000:.4f}" in screen_text(pilot)
        assert past.asked[-1][1] == {"step"}
        await pilot.press("3")
        confusion = next(event.confusion for event in made_up.mistakes(2) if isinstance(event, Mistakes))
        count = sum(map(sum, confusion)) - sum(row[i] for i, row in enumerate(confusion))
        await until(pilot, lambda: f"Epoch 2, batch 400: {count} errors" in screen_text(pilot))
        await pilot.press("4")
        await until(pilot, lambda: "epoch 2, batch 400" in screen_text(pilot))
        assert [wanted for _, wanted in past.asked[-2:]] == [{"step", "mistakes"}, {"step", "weights"}]
        await pilot.press("2")
        assert len(past.asked) == 3  # the Digits tab needs no more than each moment has
        assert before == (
            list(live.history.points),
            list(live.recent),
            list(live.prediction_snapshots),
            list(live.rows),
        )
        assert [time for time, _ in app.control.shown.prediction_snapshots][-1] == (TIP - 938) / 938
        await pilot.press("1", "end")
        await reach(pilot, "paused")
        assert app.control.state.mistakes is None and app.control.state.step_on_show is not None


async def test_n_shows_the_six_steps_of_the_moments_batch_and_the_walk_goes_on_from_there() -> None:
    async with running(paused_run()) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press("comma", "comma", "comma")
        await at(pilot, TIP - 3)
        await pilot.press("n")
        await until(pilot, lambda: "One step of training: epoch 3, batch 397" in screen_text(pilot))
        assert app.control.worker.paused and "continue" not in screen_text(pilot)
        await pilot.press("n")
        await until(pilot, lambda: "One step of training: epoch 3, batch 398" in screen_text(pilot))
        await pilot.press("comma", "s", "N")  # what trains does nothing here
        await until(pilot, lambda: "One step of training: epoch 3, batch 397" in screen_text(pilot))
        assert isinstance(app.screen, StepScreen) and app.control.phase == "replay"


async def test_a_drawing_is_read_anew_by_the_model_of_each_moment_and_the_presents_answer_comes_back() -> None:
    session = paused_run()
    answers = cycle((7, 0, 5, 1))
    session.read_drawing = lambda pixels: made_up.drawing(next(answers))  # type: ignore[method-assign]
    async with running(session, (160, 48)) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press("5", "space", "right", "right", "down")
        await until(pilot, lambda: app.control.state.drawing)
        tab = app.tab
        assert isinstance(tab, DrawTab)
        await pilot.pause(0.3)
        now = app.control.state.drawing
        await pilot.press("comma")
        await at(pilot, TIP - 1)
        await until(pilot, lambda: app.control.shown.drawing is not now)
        await pilot.press("end")
        await reach(pilot, "paused")
        assert app.control.shown.drawing is now


async def test_a_moment_that_cannot_be_had_is_a_sentence_and_the_one_before_stays() -> None:
    session = paused_run()
    past = session.past
    assert isinstance(past, MadeUpPast)
    answer = past.go

    def failing(step: int, wanted: frozenset[str]) -> Event:
        return answer(step, wanted) if step > 100 else Moment(step, 0, TIP, error="The snapshots of this run are gone.")

    past.go = failing
    async with running(session) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press("home")
        await until(pilot, lambda: "The snapshots of this run are gone." in screen_text(pilot))
        assert (app.control.phase, app.control.shown.moment) == ("paused", None)
        await pilot.press("comma")
        await at(pilot, TIP - 1)
        assert "The snapshots" not in screen_text(pilot)
        await pilot.press("home")
        await until(pilot, lambda: "The snapshots of this run are gone." in screen_text(pilot))
        await at(pilot, TIP - 1)
        await pilot.press("comma")
        await at(pilot, TIP - 2)


# The slider


async def test_the_mouse_goes_to_any_moment_on_the_bar_and_no_further_than_the_run_is() -> None:
    async with running(paused_run()) as pilot:
        app = await pause_at_the_tip(pilot)
        start, width = app.progress._track
        await pilot.mouse_down("#progress", offset=(start, 0))
        await at(pilot, 0)
        start, width = app.progress._track
        place = width // 4
        await pilot.hover("#progress", offset=(start + place, 0))
        await at(pilot, round(place / (width - 1) * 5 * 938))
        line = "".join(segment.text for segment in app.progress.render_line(0))
        assert line[start + place] == app.glyphs.test_marker
        await pilot.hover("#progress", offset=(start + width - 1, 0))
        await reach(pilot, "paused")
        await pilot.mouse_up("#progress", offset=(start + width - 1, 0))
        await pilot.hover("#progress", offset=(start, 0))
        await pilot.pause(0.1)
        assert app.control.phase == "paused"  # the button is up
        await pilot.press("s")
        await pilot.mouse_down("#progress", offset=(start + 3, 0))
        await pilot.pause(0.1)
        assert phase_of(app) == "training"


# Playing


@pytest.mark.parametrize("pace", PACES)
def test_a_run_is_played_at_the_pace_or_in_ten_seconds_at_ten_moments_a_second(pace: int) -> None:
    count, seconds = stride(pace, 4690)
    assert count / seconds == pytest.approx(pace or 4690 / WHOLE_RUN, rel=0.01)
    assert count == 1 if 0 < pace <= 30 else seconds == pytest.approx(0.1)
    assert stride(0, 3) == (1, 0.1)


async def test_space_plays_to_the_tip_and_space_stops_it() -> None:
    async with running(paused_run()) as pilot:
        app = await pause_at_the_tip(pilot)
        await pilot.press("home")
        await at(pilot, 0)
        await pilot.press("minus", "space")
        assert app.control.phase == "playing" and app.control.state.pace == 300
        await until(pilot, lambda: app.control.shown.moment and app.control.shown.moment.step > 60)
        await pilot.press("space")
        assert phase_of(app) == "replay"
        await pilot.pause(0.3)
        shown = app.control.shown.moment
        assert shown and 60 < shown.step < TIP - 40 and shown.step % 30 == 0
        await pilot.pause(0.3)
        assert app.control.shown.moment is shown
        app.control.walk.go(TIP - 40)
        await at(pilot, TIP - 40)
        await pilot.press("space")
        await reach(pilot, "paused")


# A real run


def control_of(session: Session) -> tuple[RunControl, list[Event]]:
    """A control whose messages are taken and drawn at once, and all that it takes."""
    control = RunControl(session, lambda message: None)
    events: list[Event] = []

    def post(message: Message) -> None:
        assert isinstance(message, Emitted)
        events.extend(message.events)
        control.take(message)
        control.drawn()

    control.worker._post = post
    return control, events


@contextmanager
def controlled(session: Session) -> Iterator[tuple[RunControl, list[Event]]]:
    control, events = control_of(session)
    control.begin()
    try:
        yield control, events
    finally:
        control.worker.close()
        assert control.worker.join(10)


def wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def settings(small_mnist: Path) -> TrainingConfig:
    return TrainingConfig(epochs=3, data_dir=small_mnist, dataset="mnist", device="cpu", dropout=0.2)


def weights_of(session: Session) -> dict[str, torch.Tensor]:
    assert session.folder
    return dict(torch.load(session.folder.model))


def recorded(config: TrainingConfig) -> tuple[dict[int, Predictions], dict[str, torch.Tensor]]:
    """The predictions after each batch of a run, by how many there were, and the run's last weights."""
    session, steps, latest = Session(config), {}, None
    for event in session.events(threading.Event()):
        session.set_detail("steps")
        if isinstance(event, Predictions):
            latest = event
        if isinstance(event, BatchFinished) and latest is not None:
            steps[(event.epoch - 1) * event.batches + event.batch] = latest
    return steps, weights_of(session)


def test_walking_shows_what_was_and_changes_nothing_of_the_run(small_mnist: Path) -> None:
    was, ends = recorded(settings(small_mnist))
    session = Session(settings(small_mnist))
    with controlled(session) as (control, _):
        wait(lambda: control.phase == "ready")
        for _ in range(2):  # in the first epoch, and in the second
            control.step()
            wait(lambda: control.worker.paused and control.state.step_on_show)
            control.walk.to_end(-1)
            wait(lambda: control.shown.moment and control.shown.moment.step == 0)
            for expected in range(1, session.past.last):  # type: ignore[union-attr]
                control.walk.batches(1)
                wait(lambda: control.shown.moment and control.shown.moment.step == expected)  # noqa: B023
                assert control.shown.predictions == was[expected]
            control.walk.to_end(1)
            wait(lambda: control.phase == "paused")
            control.epoch()
            wait(lambda: control.phase == "paused" and control.worker.paused)
        control.unpause()
        wait(lambda: control.phase == "completed")
        control.walk.batches(-13)
        wait(lambda: control.shown.moment and control.shown.moment.step == 17)
        assert control.shown.predictions == was[17]
    ours = weights_of(session)
    assert all(torch.equal(value, ours[name]) for name, value in ends.items())


def test_at_any_pace_the_bits_are_the_same(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, ends = recorded(settings(small_mnist))
    monkeypatch.setattr("mlp_tui.tui.worker.FOLLOWED", 1000)
    session = Session(settings(small_mnist))
    with controlled(session) as (control, events):
        control.start()
        paces = iter([300, 100, 30, 300, 0])
        seen = 0
        while (pace := next(paces, None)) is not None:
            control.state.pace = pace
            control.worker.set_pace(pace)
            wait(lambda: control.phase == "completed" or sum(isinstance(e, BatchFinished) for e in events) >= seen + 5)  # noqa: B023
            seen = sum(isinstance(event, BatchFinished) for event in events)
        wait(lambda: control.phase == "completed")
    ours = weights_of(session)
    assert all(torch.equal(value, ours[name]) for name, value in ends.items())
    assert sum(isinstance(event, EpochFinished) for event in events) == 3


async def test_a_finished_run_is_opened_at_its_end_and_walked_through(small_mnist: Path) -> None:
    config = settings(small_mnist)
    session = Session(config)
    for _ in session.events(threading.Event()):
        pass
    assert session.folder
    app = TrainingApp(Session(config, session.folder, replay=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await reach(pilot, "completed")
        await pilot.pause()
        assert "s" not in footer(app) and {"comma", "r"} <= set(footer(app))
        await pilot.press("less_than_sign", "comma")
        shown = await at(pilot, 19)
        assert shown.batch and (shown.batch.epoch, shown.batch.batch) == (2, 9)
        await pilot.press("end")
        await reach(pilot, "completed")
        app.control.worker.close()
        assert app.control.worker.join(10)


async def test_a_stopped_run_is_walked_through_and_then_resumed(small_mnist: Path) -> None:
    config = settings(small_mnist)
    session, stop = Session(config), threading.Event()
    for event in session.events(stop):
        if isinstance(event, BatchFinished) and event.epoch == 2:
            stop.set()
    assert session.unfinished
    app = TrainingApp(Session(config, session.unfinished, replay=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await reach(pilot, "stopped")
        await pilot.press("home")
        await at(pilot, 0)
        assert footer(app)["s"] == "Play"
        await pilot.press("end")
        await reach(pilot, "stopped")
        assert footer(app)["s"] == "Resume"
        await pilot.press("s")
        await reach(pilot, "completed")
        assert [row.epoch for row in app.control.state.rows] == [1, 2, 3]
        app.control.worker.close()
        assert app.control.worker.join(10)


# What it looks like


def test_a_moment_of_the_beginning_has_no_batch_and_leaves_the_run_as_it_is() -> None:
    state = RunState()
    for event in [*made_up.opening(), *made_up.epoch(1), *made_up.mistakes(1)]:
        state.add(event)
    then = state.at(Moment(0, 0, 938, (made_up.predictions(19),)))
    assert then.batch is None and then.mistakes is None and then.trained == 0
    assert state.batch is not None and state.mistakes is not None and len(state.errors) == 1
    assert then.rows is state.rows and then.history is state.history


def test_predictions_that_come_with_each_batch_do_not_crowd_out_those_of_before() -> None:
    state = RunState()
    for event in [*made_up.opening(), *made_up.epoch(1)]:
        state.add(event)
        if isinstance(event, BatchFinished) and event.batch % 10 == 0:
            state.add(made_up.predictions(5))
    for event in made_up.epoch(2):
        state.add(event)
        if isinstance(event, BatchFinished):
            state.add(made_up.predictions(5))
    times = [at for at, _ in state.prediction_snapshots]
    assert len(times) <= 96 and times == sorted(times)
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) < 4 * sorted(gaps)[len(gaps) // 2]
    assert math.isclose(times[-1], 2.0, abs_tol=0.1)


async def look_back(pilot: Pilot[None]) -> None:
    await pause_at_the_tip(pilot)
    await pilot.press("less_than_sign", "comma", "comma")
    await at(pilot, TIP - 940)


@SIZES
@pytest.mark.parametrize("ascii", [False, True], ids=["colour", "ascii"])
def test_a_past_moment(snap_compare: Compare, size: tuple[int, int], ascii: bool) -> None:
    assert snap_compare(TrainingApp(paused_run(), ascii=ascii), terminal_size=size, run_before=look_back)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_slider_at_the_end_of_a_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def finish(pilot: Pilot[None]) -> None:
        await reach(pilot, "ready")
        await pilot.press("s")
        await reach(pilot, "completed")
        await pilot.pause()

    end = RunFinished("completed", 2, 0.12, 0.94, 1.6)
    events = [*made_up.opening(2), *made_up.epoch(1, 2), *made_up.epoch(2, 2), *made_up.mistakes(2)]
    session = MadeUpSession(events, end)
    session.past = made_up_past(2 * 938)
    assert snap_compare(TrainingApp(session), terminal_size=size, run_before=finish)


@SIZES
def test_a_slow_pace(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def follow(pilot: Pilot[None]) -> None:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        await until(pilot, lambda: app.control.state.step_on_show)
        app.draw()
        await pilot.pause()

    events = [*made_up.opening(), *made_up.epoch(1), *islice(made_up.epoch(2), 300)]
    last = dataclasses.replace(made_up.batch(2, 301, 938, 0.3, (0.3,)), seconds=0.24)
    session = MadeUpSession([*events, made_up.step_taken(), made_up.predictions(3), last], hold=True)
    app = TrainingApp(session, pace=30)
    app.control.worker._pace = 0  # as it is shown, without the wait
    assert snap_compare(app, terminal_size=size, run_before=follow)
