"""The dashboard, driven by keys and by a made-up run."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from mlp_tui.events import Event, RunFinished
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.phases import Phase

from .. import made_up
from ..made_up import MadeUpSession


class EndlessSession(MadeUpSession):
    """Batches without end, a little apart."""

    def __init__(self) -> None:
        super().__init__([])
        self.told = 0

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        self.runs += 1
        yield from made_up.opening()
        number = 0
        while not stop.is_set():
            number += 1
            self.told += 1
            time.sleep(0.001)
            yield made_up.batch(1, number, 1_000_000, 0.3)
        yield RunFinished("stopped", 0, None, None, 0.1)


@asynccontextmanager
async def running(session: MadeUpSession, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    app = TrainingApp(session)
    async with app.run_test(size=size) as pilot:
        yield pilot
        app.control.worker.close()
        assert app.control.worker.join(5)


def app_of(pilot: Pilot[None]) -> TrainingApp:
    assert isinstance(pilot.app, TrainingApp)
    return pilot.app


async def reach(pilot: Pilot[None], phase: Phase) -> TrainingApp:
    app = app_of(pilot)
    deadline = time.monotonic() + 10
    while app.control.phase != phase:
        assert time.monotonic() < deadline, f"still {app.control.phase}, not {phase}"
        await pilot.pause(0.01)
    return app


def footer(app: TrainingApp) -> dict[str, str]:
    return {
        key: active.binding.description
        for key, active in app.active_bindings.items()
        if active.binding.show and active.enabled
    }


async def test_it_waits_for_the_start_with_the_untrained_model_on_the_screen() -> None:
    session = EndlessSession()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.pause(0.1)
        assert session.told == 0
        assert app.control.state.predictions is not None
        assert footer(app)["s"] == "Start"
        assert "x" not in footer(app)


@pytest.mark.parametrize("key", ["s", "space"])
async def test_one_key_starts_pauses_and_goes_on(key: str) -> None:
    session = EndlessSession()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press(key)
        assert (app.control.phase, footer(app)["s"]) == ("training", "Pause")
        while app.control.state.batch is None:
            await pilot.pause(0.01)
        await pilot.press(key)
        assert (app.control.phase, footer(app)["s"]) == ("paused", "Continue")
        await pilot.pause(0.1)
        held = session.told
        await pilot.pause(0.1)
        assert session.told == held
        assert app.control.state.batch.batch == held  # what came before the pause is on the screen
        await pilot.press(key)
        await pilot.pause(0.1)
        assert app.control.phase == "training"
        assert session.told > held


async def test_a_start_pressed_while_it_loads_is_kept() -> None:
    session = EndlessSession()
    async with running(session) as pilot:
        await pilot.press("s")
        await reach(pilot, "training")


async def test_stop_ends_the_run_and_restart_begins_anew() -> None:
    session = EndlessSession()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        await pilot.pause(0.1)
        await pilot.press("x")
        await reach(pilot, "stopped")
        assert "s" not in footer(app) and "x" not in footer(app)
        await pilot.press("r")
        await reach(pilot, "training")
        assert session.runs == 2


async def test_restart_in_mid_run_shows_nothing_of_the_old_run() -> None:
    session = EndlessSession()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        await pilot.pause(0.3)
        for _ in range(3):
            await pilot.press("r")
            await reach(pilot, "training")
        await pilot.pause(0.3)
        assert session.runs == 4
        assert app.control.state.finished is None
        assert app.control.state.batch is not None
        assert app.control.state.history.batches == app.control.state.batch.batch


async def test_a_run_to_its_end_fills_every_panel() -> None:
    end = RunFinished("completed", 2, 0.12, 0.94, 2.0)
    session = MadeUpSession([*made_up.opening(), *made_up.epoch(1), *made_up.epoch(2)], end)
    async with running(session) as pilot:
        await pilot.press("s")
        app = await reach(pilot, "completed")
        await pilot.pause(0.05)
        assert [row.epoch for row in app.control.state.rows] == [1, 2]
        assert app.control.state.history.batches == 2 * 938
        assert app.train.grid.border_title == "Test digits: 18 of 20 right"
        screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "✗ 7, label 6" not in screen
        assert "✗ 2, label 1" in screen
        assert "★    2" in screen
        assert "Test accuracy 94.00%, best 94.00%" in screen


async def test_a_failure_is_said_and_stays_on_the_screen() -> None:
    session = MadeUpSession([], RunFinished("failed", 0, None, None, 0.0, "The disk is [on] fire."))
    async with running(session) as pilot:
        app = await reach(pilot, "failed")
        await pilot.pause(0.05)
        assert app.notice.display
        assert str(app.notice.render()) == "The disk is [on] fire."
        await pilot.press("q")
        await pilot.pause(0.1)
        assert app.return_code == 1


async def test_a_notice_of_the_run_stays_on_the_screen() -> None:
    session = MadeUpSession(made_up.opening(notice="Not MNIST."))
    async with running(session) as pilot:
        await pilot.press("s")
        app = await reach(pilot, "completed")
        assert app.notice.display
        assert str(app.notice.render()) == "Not MNIST."


async def test_quitting_asks_while_a_run_is_under_way() -> None:
    async with running(EndlessSession()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s", "q")
        assert len(app.screen_stack) == 2
        await pilot.press("n")
        assert len(app.screen_stack) == 1
        assert app.control.phase == "training"
        await pilot.press("q", "y")
        await pilot.pause(0.2)
        assert not app.is_running or app.return_code == 0


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (60, 20), (40, 16)])
async def test_the_question_before_quitting_is_there_in_full(size: tuple[int, int]) -> None:
    async with running(EndlessSession(), size) as pilot:
        await reach(pilot, "ready")
        await pilot.press("s", "q")
        await pilot.pause(0.05)
        screen = "".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        words = " ".join(screen.replace("│", " ").split())
        assert "Quitting saves the run and ends it; mlp-tui --resume latest resumes it." in words
        assert "y quit n stay" in words


@pytest.mark.parametrize("keys", [["q"], ["ctrl+q"], ["ctrl+c"]])
async def test_quitting_is_one_key_where_nothing_is_lost(keys: list[str]) -> None:
    async with running(EndlessSession()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press(*keys)
        await pilot.pause(0.2)
        assert app.return_code == 0


async def test_the_keys_are_all_shown() -> None:
    async with running(EndlessSession()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("question_mark")
        await pilot.pause(0.05)
        screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        for key in ("s  ", "x  ", "r  ", "m  ", "?  ", "q  "):
            assert f"  {key}" in screen
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_what_is_printed_lands_in_the_panel_of_messages() -> None:
    class Noisy(MadeUpSession):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            print("printed by a library")
            sys.stderr.write("written in ")
            sys.stderr.write("pieces\nto standard error\n")
            yield from super().events(stop)

    async with running(Noisy(made_up.opening())) as pilot:
        app = await reach(pilot, "ready")
        await pilot.pause(0.05)
        await pilot.press("m")
        await pilot.pause(0.05)
        screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        for words in ("printed by a library", "written in pieces", "to standard error"):
            assert words in screen
        assert "Test digits" not in screen and "Loss of each batch" not in screen  # they have the room to themselves
        await pilot.press("m")
        await pilot.pause(0.05)
        screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "Test digits" in screen and "Loss of each batch" in screen


async def test_a_thread_that_is_stuck_does_not_keep_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Stuck(MadeUpSession):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            release.wait(30)
            yield from super().events(stop)

    monkeypatch.setattr("mlp_tui.tui.leaving.PATIENCE", 0.2)
    app = TrainingApp(Stuck(made_up.opening()))
    async with app.run_test() as pilot:
        await pilot.press("q")
        started = time.monotonic()
        while app.return_code is None:
            assert time.monotonic() - started < 5
            await asyncio.sleep(0.01)
    release.set()
    assert app.control.worker.join(5)


@pytest.mark.parametrize("size", [(160, 48), (120, 40), (80, 24), (60, 20), (20, 8), (1, 1)])
async def test_it_can_be_drawn_at_any_size_and_resized_between(size: tuple[int, int]) -> None:
    async with running(MadeUpSession([*made_up.opening(), *made_up.epoch(1)])) as pilot:
        await pilot.press("s")
        await reach(pilot, "completed")
        for columns, rows in (size, (120, 40), size):
            await pilot.resize_terminal(columns, rows)
            await pilot.pause(0.02)
