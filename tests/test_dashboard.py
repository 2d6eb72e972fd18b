"""The dashboard as its user has it: a real program, in a real terminal, that really trains."""

import hashlib
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.events import EpochFinished
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp

from .conftest import write_mnist
from .mirror import Handler, Server
from .terminal import Terminal


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset large enough that an epoch can be watched."""
    return write_mnist(tmp_path_factory.mktemp("mnist") / "data", train=20_000)


Start = Callable[..., Terminal]

LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l")
"""Back to the normal screen, the cursor shown, no mouse, no bracketed paste."""


def dashboard(start: Start, data_dir: Path, *arguments: object, columns: int = 120, rows: int = 40) -> Terminal:
    command = [sys.executable, "-m", "mlp_tui", "--data-dir", str(data_dir), *map(str, arguments)]
    return start(command, columns, rows)


def batches_done(screen: str) -> tuple[int, int]:
    """The epoch and the batch that the progress line names."""
    match = re.search(r"Epoch +(\d+)/.* batch +(\d+)/", screen)
    assert match, screen
    return int(match[1]), int(match[2])


def test_every_key_and_a_resize_while_it_trains(terminal: Start, mnist: Path) -> None:
    screen = dashboard(terminal, mnist, "--epochs", 100_000, columns=160, rows=48)
    screen.wait_for("ready")
    screen.wait_for(r"label \d")

    screen.type("s")
    screen.wait_for(r"● training")
    early = batches_done(screen.wait_for(r"Epoch +[1-9]\d*/"))

    screen.type("s")
    screen.wait_for("‖ paused")
    time.sleep(0.3)
    held = batches_done(screen.text)
    time.sleep(0.3)
    assert batches_done(screen.text) == held >= early

    screen.type(" ")
    deadline = time.monotonic() + 10
    while batches_done(screen.text) <= held:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    screen.resize(60, 20)
    text = screen.wait_for(r"● training\n")
    assert all(len(line) == 60 for line in text.split("\n"))
    assert "Test digits" in screen.wait_for("Test digits") and "Loss by epoch" not in screen.text
    screen.resize(160, 48)
    screen.wait_for("Loss by epoch")
    screen.wait_for(r"label \d.*\n(.*\n){9}.*label \d")

    screen.type("?")
    screen.wait_for("Esc closes this")
    screen.type("\x1b")
    screen.wait_for("● training")

    stopped = screen.wait_for(r"Epoch +\d\d+/")  # far enough that an epoch near the first is a new run's
    screen.type("x")
    screen.wait_for("■ stopped")
    screen.wait_for(r"\d+ epochs in")

    last = batches_done(stopped)
    screen.type("r")
    screen.wait_for(r"● training")
    deadline = time.monotonic() + 10
    while batches_done(screen.wait_for(r"batch +\d+/")) >= last:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    screen.type("q")
    screen.wait_for("Quit\\?")
    screen.type("y")
    assert screen.wait() == 0
    assert all(sequence in screen.output for sequence in LEFT)


def test_a_key_is_answered_at_once_while_it_trains(terminal: Start, mnist: Path) -> None:
    screen = dashboard(terminal, mnist, "--epochs", 100_000)
    screen.wait_for("ready")
    screen.type("s")
    screen.wait_for(r"Epoch +\d+/")
    waits = []
    for i in range(20):
        started = time.monotonic()
        screen.type("s")
        screen.wait_for("paused" if i % 2 == 0 else "training")
        waits.append(time.monotonic() - started)
        time.sleep(0.1)
    # A machine that is busy with other things may hold up one or two.
    assert sorted(waits)[len(waits) // 2] < 0.1, waits


def test_what_libraries_say_does_not_tear_the_screen(terminal: Start, small_mnist: Path) -> None:
    program = """
import logging, sys, warnings
import mlp_tui.session
real = mlp_tui.session.Session._train
def noisy(self):
    warnings.warn("a warning of a library")
    logging.getLogger("library").warning("a log line of a library")
    print("a print of a library")
    yield from real(self)
mlp_tui.session.Session._train = noisy
from mlp_tui.cli import main
main()
"""
    screen = terminal([sys.executable, "-c", program, "--data-dir", str(small_mnist)], 100, 30)
    screen.wait_for("ready")
    screen.type("m")
    for words in ("a warning of a library", "a log line of a library", "a print of a library"):
        screen.wait_for(words)
    screen.type("m")
    # A frame comes in pieces: the chart's title is drawn before the messages' last line is overwritten.
    screen.wait_for(r"(?s)^(?!.*of a library).*Loss of each batch")
    assert "of a library" not in screen.text


def test_a_failure_is_on_the_screen_and_in_the_exit_code(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "MNIST").write_text("a file where a folder should be")
    screen = dashboard(terminal, tmp_path, "--dataset", "mnist", columns=200)
    screen.wait_for("✗ failed")
    screen.wait_for("MNIST cannot be put into")
    screen.type("q")
    assert screen.wait() == 1


async def test_the_dashboard_computes_what_the_session_computes(small_mnist: Path) -> None:
    config = TrainingConfig(epochs=3, data_dir=small_mnist)
    alone = [event for event in Session(config).events(threading.Event()) if isinstance(event, EpochFinished)]
    app = TrainingApp(Session(config))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        while app.control.state.finished is None:
            await pilot.pause(0.02)
        app.control.worker.close()
        assert app.control.worker.join(5)
    results = [
        [(row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy) for row in rows]
        for rows in (alone, app.control.state.rows)
    ]
    assert results[0] == results[1]
    assert len(results[0]) == 3


def slowly(handler: Handler) -> bool:
    data = handler.server.files[handler.path]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for start in range(0, len(data), len(data) // 20):
        handler.wfile.write(data[start : start + len(data) // 20])
        handler.server.closing.wait(0.05)
    return True


@pytest.mark.parametrize("arguments", [[], ["--no-ui", "--epochs", "1"]], ids=["dashboard", "headless"])
def test_a_download_shows_its_progress(terminal: Start, tmp_path: Path, arguments: list[str]) -> None:
    server = Server(write_mnist(tmp_path / "served"))
    server.misbehave = slowly
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    checksums = [(path[1:], hashlib.md5(data).hexdigest()) for path, data in server.files.items()]
    program = f"""
from torchvision.datasets import MNIST
MNIST.mirrors, MNIST.resources = [{server.url!r}], {checksums!r}
from mlp_tui.cli import main
main()
"""
    screen = terminal([sys.executable, "-c", program, "--data-dir", str(tmp_path / "new"), *arguments], 100, 80)
    screen.wait_for(r"Downloading train-images-idx3-ubyte.gz +[━╸]+")
    screen.wait_for("Epoch 1 done" if arguments else "ready")
    if arguments:
        assert screen.wait() == 0
        assert "Downloading" not in screen.text
    server.closing.set()
    server.shutdown()
    server.server_close()
