"""Runs on data of one's own: where they are found again, and that they are resumed to the bit."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, RunFinished, RunStarted
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session

from ..conftest import write_mnist
from ..training.data.own_data import write_arrays, write_function, write_pictures, write_table


def config(dataset: object, **settings: object) -> TrainingConfig:
    return TrainingConfig(dataset=str(dataset), epochs=4, batch_size=16, device="cpu", **settings)  # type: ignore[arg-type]


def run(session: Session, until: Callable[[Event], bool] = lambda event: False) -> list[Event]:
    stop, events = threading.Event(), []
    for event in session.events(stop):
        events.append(event)
        if until(event):
            stop.set()
    return events


def end(events: list[Event]) -> RunFinished:
    assert isinstance(events[-1], RunFinished)
    return events[-1]


def resumed(folder: RunFolder) -> Session:
    return Session(TrainingConfig.from_dict(folder.read_config()), folder)


def files(folder: RunFolder) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights in model.pt, and those of the last epoch."""
    model = torch.load(folder.model, weights_only=True)
    return model, torch.load(folder.checkpoint, weights_only=True)["training"]["model"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


MAKE: dict[str, tuple[Callable[[Path], object], dict[str, object]]] = {
    "folder": (lambda tmp: write_pictures(tmp / "pictures"), {}),
    "resized": (lambda tmp: write_pictures(tmp / "pictures"), {"image_size": 5, "dropout": 0.3}),
    "csv": (lambda tmp: write_table(tmp / "table.csv"), {}),
    "npz": (lambda tmp: write_arrays(tmp / "arrays.npz"), {}),
    "function": (lambda tmp: f"{write_function(tmp / 'mine.py')}:rows", {"seed": 3}),
    "csv, validation": (lambda tmp: write_table(tmp / "table.csv"), {"validation": 0.2, "seed": 5}),
    "mnist, validation": (
        lambda tmp: "mnist",
        {"validation": 0.2, "learning_rate": 0.1, "data_dir": Path("data"), "hidden_sizes": (20,)},
    ),
}


@pytest.mark.parametrize("kind", MAKE)
def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_bits(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
    write_mnist(tmp_path / "data", 200, 60)
    make, settings = MAKE[kind]
    dataset = make(tmp_path)
    whole = run(first := Session(config(dataset, **settings)))
    assert end(whole).reason == "completed" and end(whole).test_accuracy is not None and first.folder
    one = RunFolder(first.folder.path)

    def at(event: Event) -> bool:
        return isinstance(event, BatchFinished) and (event.epoch, event.batch) == (3, 2)

    broken = run(second := Session(config(dataset, **settings)), at)
    assert end(broken).reason == "stopped" and second.folder
    other = RunFolder(second.folder.path)
    rest = run(resumed(other))
    assert all(same(a, b) for a, b in zip(files(one), files(other), strict=True))
    assert (end(rest).test_loss, end(rest).test_accuracy) == (end(whole).test_loss, end(whole).test_accuracy)


def test_with_validation_model_pt_is_the_best_epochs_and_the_result_is_the_tests(tmp_path: Path) -> None:
    write_mnist(tmp_path / "data", 200, 60)
    _, settings = MAKE["mnist, validation"]
    events = run(session := Session(config("mnist", **settings)))
    accuracies = [event.test_accuracy for event in events if isinstance(event, EpochFinished)]
    assert session.folder
    saved = torch.load(session.folder.checkpoint, weights_only=True)["training"]
    model, last = files(session.folder)
    assert same(model, saved["best"]["model"])
    assert saved["best"]["epoch"] == accuracies.index(max(accuracies)) + 1 < 4 and not same(model, last)
    tested = end(events).test_accuracy
    assert tested is not None and (tested * 60) == pytest.approx(round(tested * 60))  # of the 60 to test on


def test_a_run_that_is_stopped_before_its_test_has_no_result(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    events = run(Session(config(table, validation=0.2)), lambda event: isinstance(event, EpochFinished))
    assert end(events).reason == "stopped" and end(events).epochs == 1 and end(events).test_accuracy is None


def test_more_epochs_continue_from_the_last_one_not_from_the_best(tmp_path: Path) -> None:
    write_mnist(tmp_path / "data", 200, 60)
    _, settings = MAKE["mnist, validation"]
    run(long := Session(TrainingConfig(**{**config("mnist", **settings).__dict__, "epochs": 6})))
    run(short := Session(config("mnist", **settings)))
    assert long.folder and short.folder
    folder = RunFolder(short.folder.path)
    own = TrainingConfig.from_dict({**folder.read_config(), "epochs": 6})
    run(Session(own, folder))
    assert all(same(a, b) for a, b in zip(files(long.folder), files(folder), strict=True))


@pytest.mark.parametrize("kind", ["folder", "csv", "npz", "function"])
def test_the_settings_keep_the_path_from_the_root_and_the_folder_a_short_name(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, _ = MAKE[kind]
    dataset = os.path.relpath(str(make(tmp_path)), tmp_path)
    session = Session(config(dataset))
    events = run(session, lambda event: isinstance(event, EpochFinished))
    assert session.folder
    assert session.folder.read_config()["dataset"] == str(tmp_path / dataset)
    name = next(event.dataset for event in events if isinstance(event, RunStarted))
    assert session.folder.name.startswith(f"{name}-20") and name in {"pictures", "table", "arrays", "mine"}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # as a detached run, or another shell, may be
    assert end(run(resumed(session.folder))).reason == "completed"


@pytest.mark.parametrize("name", ["a/../b c!?*", "." * 20, "x" * 200, "ключ\u202e", "-rf", "\udcff", "CON."])
def test_the_runs_folder_has_a_safe_name_whatever_the_data_are_called(name: str, tmp_path: Path) -> None:
    from mlp_tui.training.data.loading import short_name

    short = short_name(Path(f"{name}.csv"))
    assert 0 < len(short) <= 30 and all(c.isalnum() or c in "-_" for c in short) and short[0] not in "-_."


def test_a_run_is_not_resumed_on_data_that_have_changed(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    run(session := Session(config(table)), lambda event: isinstance(event, EpochFinished))
    assert session.folder
    checkpoint = session.folder.checkpoint.read_bytes()
    write_table(table, rows=121)
    folder = RunFolder(session.folder.path)
    events = run(resumed(folder))
    assert end(events).reason == "failed"
    assert end(events).message.startswith(
        f"{table} is not what this run was trained on (its sizes and labels and values differ): "
    )
    assert folder.checkpoint.read_bytes() == checkpoint


def test_other_settings_of_the_data_load_them_anew(tmp_path: Path) -> None:
    session = Session(config(write_pictures(tmp_path / "p")))
    sizes = []
    for image_size in (4, 6):
        session.next_config = TrainingConfig(**{**session.config.__dict__, "image_size": image_size, "epochs": 1})
        sizes += [event.shape for event in run(session) if isinstance(event, RunStarted)]
    assert sizes == [(3, 4, 4), (3, 6, 6)]


def command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "mlp_tui", "--no-ui", "--device", "cpu", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True)


def test_the_command_line_trains_on_a_table_and_says_what_the_test_set_said(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    done = command("--dataset", table, "--validation", 0.2, "--epochs", 3)
    assert (done.returncode, done.stderr) == (0, "")
    assert "average validation accuracy = 100.000%" in done.stdout
    assert "Test of the epoch with the best validation accuracy: loss = " in done.stdout


@pytest.mark.parametrize("kind", ["folder", "npz", "function"])
def test_the_command_line_trains_on_all_kinds(kind: str, tmp_path: Path) -> None:
    done = command("--dataset", MAKE[kind][0](tmp_path), "--epochs", 2)
    assert (done.returncode, done.stderr) == (0, "") and "Epoch 2 done" in done.stdout
    started = next(json.loads(line) for path in Path("runs").glob("*/events.jsonl") for line in path.open())
    assert started["event"] == "run_started" and len(started["classes"]) == 3


def test_broken_data_end_in_one_sentence_and_leave_no_run(tmp_path: Path) -> None:
    done = command("--dataset", write_arrays(tmp_path / "a.npz", y_test=np.arange(3)))
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "x_test has 30 examples" in done.stderr
    assert not list(Path("runs").glob("*"))
