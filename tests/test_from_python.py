"""A Python loop of one's own: its events made those of a run, in lines and in the dashboard; and `fit`."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

import mlp_tui
from mlp_tui import TrainingConfig, UserError, fit, show, train
from mlp_tui.events import BatchFinished, EpochFinished, Event, Preparing, RunFinished, RunStarted
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.from_python import PythonRun
from mlp_tui.runs.listing import read_run

from .terminal import Terminal


def loop(epochs: int = 2, numbered: bool = True) -> Iterator[object]:
    """Trains a small model on made-up rows: five batches an epoch."""
    torch.manual_seed(0)
    x = torch.randn(100, 4)
    loader: Any = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=20)
    model, loss_fn = nn.Linear(4, 2), nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for epoch in range(epochs):
        number = epoch if numbered else -1
        yield from train(model, loader, loss_fn, optimizer, epoch=number)
        yield mlp_tui.test(model, loader, loss_fn, epoch=number)


def emitted(events: Any, epochs: int = 0) -> list[Event]:
    return list(PythonRun(events, epochs).events(threading.Event()))


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "unnumbered"])
def test_a_loop_becomes_the_events_of_a_run(numbered: bool) -> None:
    events = emitted(loop(numbered=numbered))
    batches = [event for event in events if isinstance(event, BatchFinished)]
    assert [(event.epoch, event.batch) for event in batches] == [(e, b) for e in (1, 2) for b in range(1, 6)]
    ends = [event for event in events if isinstance(event, EpochFinished)]
    assert [end.epoch for end in ends] == [1, 2]
    assert ends[0].train_loss == batches[4].running_loss and ends[1].train_accuracy == batches[9].running_accuracy
    assert isinstance(events[0], RunStarted)
    last = [event for event in events if isinstance(event, RunStarted)][-1]
    assert (last.train_size, last.test_size, last.config["batch_size"], last.config["epochs"]) == (100, 100, 20, 2)
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert (end.reason, end.epochs, end.test_loss) == ("completed", 2, ends[1].test_loss)


def test_the_number_of_epochs_may_be_given() -> None:
    started = next(event for event in emitted(loop(), 7) if isinstance(event, RunStarted))
    assert started.config["epochs"] == 7


def test_a_test_before_the_training_is_a_message() -> None:
    def tested_first() -> Iterator[object]:
        *_, result = loop()
        yield result
        yield from loop(1)

    first, second, *_ = emitted(tested_first())
    assert isinstance(first, Preparing) and first.what.startswith("A test before the training: loss")
    assert isinstance(second, RunStarted)


def test_a_loop_that_is_stopped_is_closed() -> None:
    closed = []

    def endless() -> Iterator[object]:
        try:
            while True:
                yield from loop()
        finally:
            closed.append(True)

    stop = threading.Event()
    source = PythonRun(endless())
    events = source.events(stop)
    next(events)
    stop.set()
    *_, event = events
    assert isinstance(event, RunFinished) and event.reason == "stopped" and closed


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (["text"], UserError, "The loop failed: the loop yields a str: let it yield the events of train"),
        (5, TypeError, "The loop failed: TypeError: 'int' object is not iterable"),
        ((1 // 0 for _ in "a"), ZeroDivisionError, "The loop failed: ZeroDivisionError: "),
    ],
    ids=["a text", "no loop", "an error"],
)
def test_what_is_wrong_with_a_loop_is_said_and_raised(broken: Any, error: type[Exception], message: str) -> None:
    source = PythonRun(broken)
    (end,) = source.events(threading.Event())
    assert isinstance(end, RunFinished) and end.reason == "failed" and end.message.startswith(message)
    assert isinstance(source.error, error)


def test_without_a_terminal_there_are_the_notebooks_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(loop())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Epoch 1, batch 1: loss = ")
    assert lines[-1].startswith("Epoch 2 done. Average test loss = ")
    with pytest.raises(ZeroDivisionError):
        show(1 // 0 for _ in "a")


SCRIPT = """
import signal, sys, time
from mlp_tui import show
from tests.test_from_python import loop

def slow():
    for event in loop({epochs}):
        time.sleep(0.02)
        yield event
    {last}

before = signal.getsignal(signal.SIGTERM)
show(slow())
assert signal.getsignal(signal.SIGTERM) is before
print("and on with the script")
"""


@pytest.fixture
def script(terminal: Callable[..., Terminal]) -> Callable[..., Terminal]:
    def start(epochs: int, last: str = "pass") -> Terminal:
        Path("script.py").write_text(SCRIPT.format(epochs=epochs, last=last))
        path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
        return terminal([sys.executable, "script.py"], 120, 36, PYTHONPATH=path, OMP_NUM_THREADS="1")

    return start


def position(screen: Terminal) -> str:
    return screen.text.splitlines()[1].split("left")[0]


def test_the_dashboards_keys_pause_step_and_stop_the_loop(script: Callable[..., Terminal]) -> None:
    screen = script(100_000)
    screen.wait_for("● training", 60)
    screen.type("s")
    text = screen.wait_for("‖ paused")
    assert "Restart" not in text and "Rate" not in text and "Detach" not in text and "Settings" not in text
    time.sleep(0.5)
    before = position(screen)
    time.sleep(0.5)
    assert position(screen) == before
    screen.type("n")
    deadline = time.monotonic() + 20
    while position(screen) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "‖ paused" in screen.text
    screen.type("4")
    screen.wait_for("A loop of your own yields losses and accuracies")
    screen.type("q")
    screen.wait_for("Quitting ends it at its next event")
    screen.type("n")
    screen.type("x")
    screen.wait_for("■ stopped")
    screen.type("q")
    assert screen.wait() == 0
    assert screen.is_as_before()
    screen.wait_for("and on with the script")
    assert not Path("runs").exists()


def test_a_loop_that_ends_leaves_its_result_and_one_that_fails_its_traceback(script: Callable[..., Terminal]) -> None:
    screen = script(2)
    assert "Press r" not in screen.wait_for("✓ done", 60)
    screen.type("q")
    assert screen.wait() == 0
    screen.wait_for("Test accuracy .*best")
    screen = script(1, "1 / 0")
    screen.wait_for("The loop failed: ZeroDivisionError", 60)
    screen.type("q")
    assert screen.wait() == 1
    screen.wait_for("ZeroDivisionError: division by zero")


# A run from a script


def test_fit_trains_and_a_run_that_is_left_early_is_saved(small_mnist: Path) -> None:
    config = TrainingConfig(epochs=2, dataset="mnist", data_dir=small_mnist, threads=1)
    for event in fit(config):
        if isinstance(event, EpochFinished):
            break
    (folder,) = Path("runs").iterdir()
    run = read_run(RunFolder(folder))
    assert run and (run.standing, run.epochs) == ("stopped", 1)
    assert (folder / "checkpoint.pt").exists()
    end = list(fit(config))[-1]
    assert isinstance(end, RunFinished) and end.reason == "completed"


def test_a_run_that_fails_raises_after_its_last_event(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    events = []
    with pytest.raises(UserError, match="cannot be used"):
        for event in fit(TrainingConfig(epochs=1, dataset="synthetic", runs_dir=tmp_path / "file")):
            events.append(event)
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "failed"


def test_the_log_is_read_by_pandas_or_line_by_line(small_mnist: Path) -> None:
    *_, end = fit(TrainingConfig(epochs=1, dataset="mnist", data_dir=small_mnist, threads=1))
    (log,) = Path("runs").glob("*/events.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    accuracies = [line["test_accuracy"] for line in lines if line["event"] == "epoch_finished"]
    assert isinstance(end, RunFinished) and accuracies == [end.test_accuracy]
    pandas = pytest.importorskip("pandas")
    table = pandas.read_json(str(log), lines=True)
    assert table[table.event == "epoch_finished"].test_accuracy.tolist() == accuracies


# The README


def examples() -> list[str]:
    """The README's examples in Python."""
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    section = readme.split("\n## In Python\n")[1].split("\n## ")[0]
    return [block.split("```")[0] for block in section.split("```python\n")[1:]]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.strip().splitlines()[-1][:40])
def test_an_example_of_the_readme_runs(example: str, small_mnist: Path) -> None:
    if "pandas" in example:
        pytest.importorskip("pandas")
    loaders = (
        "from mlp_tui import Batches\n"
        "from mlp_tui.training.data.mnist import read_split\n"
        "from pathlib import Path\n"
        "raw = Path('data/MNIST/raw')\n"
        "train_loader, test_loader = (Batches(read_split(raw, name), 64) for name in ('train', 't10k'))\n"
    )
    run = "from mlp_tui import fit, TrainingConfig\nlist(fit(TrainingConfig(epochs=1, dataset='mnist')))\n"
    Path("example.py").write_text(loaders + (run if "latest" in example or "pandas" in example else "") + example)
    environment = {**os.environ, "MLP_TUI_DATA_DIR": str(small_mnist), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "example.py"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
