"""Leaving the dashboard: a run that is being saved is waited for, a thread that hangs is not."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from mlp_tui.events import Event, RunFinished
from mlp_tui.runs.folder import RunFolder
from mlp_tui.tui.app import TrainingApp

from .. import made_up
from ..conftest import write_mnist
from ..made_up import MadeUpSession
from ..terminal import Terminal


class SlowToSave(MadeUpSession):
    """Trains without end, and saves for as long as `saving` is held."""

    def __init__(self) -> None:
        super().__init__([])
        self.saving = threading.Lock()

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        self.unsaved = True
        yield from made_up.opening()
        number = 0
        while not stop.wait(0.002):
            number += 1
            yield made_up.batch(1, number, 1_000_000, 0.3)
        with self.saving:
            self.unsaved = False
            yield RunFinished("stopped", 0, None, None, 0.1)


@pytest.mark.parametrize("size", [(160, 48), (60, 20)])
async def test_a_run_that_is_being_saved_is_waited_for_and_the_screen_says_so(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr("mlp_tui.tui.leaving.PATIENCE", 0.1)
    source = SlowToSave()
    app = TrainingApp(source)
    async with app.run_test(size=size) as pilot:
        await pilot.press("s")
        while app.control.state.batch is None:
            await pilot.pause(0.01)
        with source.saving:
            await pilot.press("d")
            await pilot.pause(0.5)
            assert app.return_code is None
            screen = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "The run is being saved." in screen
        while app.return_code is None:
            await asyncio.sleep(0.01)
    assert (app.return_code, app.leaving.forced, app.leaving.detached) == (0, False, True)


async def test_who_will_not_wait_for_the_save_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.leaving.PATIENCE", 0.1)
    source = SlowToSave()
    app = TrainingApp(source)
    async with app.run_test() as pilot:
        await pilot.press("s")
        while app.control.state.batch is None:
            await pilot.pause(0.01)
        with source.saving:
            await pilot.press("d")
            await pilot.pause(0.3)
            await pilot.press("q")
            while app.return_code is None:
                await asyncio.sleep(0.01)
    assert (app.return_code, app.leaving.forced) == (1, True)


SLOW_SAVE = """
import sys, time
import mlp_tui.training.checkpoint as checkpoint
save = checkpoint.save
def slow_save(path, contents, to_disk=True):
    time.sleep(3 if to_disk else 0)  # a snapshot is not what anybody waits for
    save(path, contents, to_disk)
checkpoint.save = slow_save
from mlp_tui.cli import main
main()
"""


@pytest.mark.parametrize("how", ["d", "hang up", "SIGTERM"])
def test_a_save_of_three_seconds_is_whole_before_the_process_ends(
    terminal: Callable[..., Terminal], tmp_path: Path, how: str
) -> None:
    data = write_mnist(tmp_path / "data")
    arguments = ["--data-dir", str(data), "--epochs", "1000000", "--checkpoint-seconds", "1000"]
    screen = terminal([sys.executable, "-c", SLOW_SAVE, *arguments], 120, 40)
    screen.wait_for("ready")
    screen.type("s")
    screen.wait_for(r"Epoch +\d+/.*batch +\d")
    if how == "hang up":
        screen.hang_up()
    elif how == "d":
        screen.type("d")
        screen.wait_for("The run is being saved")
    else:
        screen.process.send_signal(signal.SIGTERM)
    assert screen.wait(30) == {"d": 0, "hang up": 129, "SIGTERM": 143}[how]
    folder = RunFolder.find(Path("runs"), "latest")
    assert folder.checkpoint.exists()
    if how == "d":
        assert "Return to it:" in screen.wait_for("Stop it:")
    if how != "SIGTERM":  # it trains on by itself
        deadline = time.monotonic() + 30
        while not folder.lock.is_held():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        folder.lock.take_over()


def test_a_signal_that_interrupts_the_holder_of_the_lock_ends_the_run_all_the_same() -> None:
    app = TrainingApp(SlowToSave())
    ended: list[int] = []
    arrived = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        arrived.set()

    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)}
    real = os._exit
    try:
        os._exit = end  # type: ignore[assignment]
        app.leaving.take_signals()
        with app.control.worker._wake:
            signal.raise_signal(signal.SIGHUP)
            assert not ended
        assert arrived.wait(10)
    finally:
        os._exit = real
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert ended == [129]
