"""Training a run again: whether it is the same to the last bit, and where it begins to differ."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_tui.commands.verify import run as verify
from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session
from mlp_tui.training import checkpoint

from ..conftest import write_mnist
from ..odd_files import as_folder
from ..one_process import OneProcess

MODELS = Path(__file__).parents[1] / "training" / "models"
SAME = "40 batches trained again: identical to the last bit."


@pytest.fixture(scope="module", autouse=True)
def fine_records() -> Iterator[None]:
    """An event after each batch, all of them logged, and snapshots of a run that is over in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
        patch.setattr("mlp_tui.runs.snapshots.SHARE", 0.5)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    """A run of 4 epochs of 10 batches."""
    data = write_mnist(tmp_path_factory.mktemp("data"))
    return TrainingConfig(epochs=4, data_dir=data, runs_dir=tmp_path_factory.mktemp("runs"), hidden_sizes=(20,))


def train(
    config: TrainingConfig, at_batch: Callable[[Session, int], object] = lambda session, step: None, **settings: Any
) -> Session:
    """Trains, and does something after each batch, which may be to return True: then the run is stopped."""
    session = Session(TrainingConfig(**{**vars(config), **settings}))
    stop = threading.Event()
    for event in session.events(stop):
        if isinstance(event, BatchFinished) and at_batch(session, (event.epoch - 1) * 10 + event.batch):
            stop.set()
    return session


@pytest.fixture(scope="module")
def trained(config: TrainingConfig) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlp_tui.runs.log.LOG_SECONDS", {})
        folder = train(config).folder
    assert folder
    return folder.path


@pytest.fixture
def folder(trained: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(trained, "run"))


def said(run: Path | RunFolder | None, capsys: pytest.CaptureFixture[str], code: int, *options: str) -> str:
    assert run
    capsys.readouterr()
    path = run if isinstance(run, Path) else run.path
    found = verify([str(path), *options])
    streams = capsys.readouterr()
    assert found == code, streams
    return streams.out if found or not streams.err else streams.out + streams.err


def rewritten(folder: Path, pattern: str, text: Callable[[re.Match[str]], str]) -> None:
    """Changes a run's log: what a pattern finds first."""
    log = folder / "events.jsonl"
    changed, count = re.subn(pattern, text, log.read_text(), count=1)
    assert count
    log.write_text(changed)


def test_a_run_that_nobody_touched_is_the_same(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = said(trained, capsys, 0).splitlines()[:2]
    assert first == f"{trained.name}: {SAME}"
    assert re.fullmatch(r"Compared and the same: losses 40, snapshots \d+, hashes 4, files 2\.", second)


def test_as_json(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(trained), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["identical"], found["first_that_differs"], found["last_step"]) == (True, None, 40)
    assert found["same"]["hashes"] == 4 and found["surroundings"] == {} and found["changed"] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.3},
        {"schedule": "one-cycle", "optimizer": "sgd", "momentum": 0.9},
        {"validation": 0.2, "optimizer": "adamw"},
        {"model": f"{MODELS}/random_parts.py:Net"},
    ],
    ids=["dropout", "one-cycle", "validation", "random parts"],
)
def test_runs_of_other_kinds_are_the_same(
    config: TrainingConfig, settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "identical to the last bit." in said(train(config, **settings).folder, capsys, 0)


def test_a_run_with_changed_rates_that_was_stopped_and_resumed_is_the_same(
    config: TrainingConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    def steer(session: Session, step: int) -> bool:
        if step in (3, 10, 24):
            session.change_learning_rate(-1 if step == 10 else 1)
        return step == 25

    session = train(config, steer)
    assert session.unfinished
    assert "25 batches trained again: identical to the last bit." in said(session.unfinished, capsys, 0)
    other = replace(session.config, learning_rate=0.004)  # then the settings have another rate than it began with
    list(Session(other, session.unfinished).events(threading.Event()))
    assert SAME in said(session.folder, capsys, 0)


def test_a_log_whose_hash_was_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(folder, r'("epoch": 2, .*"weights_sha256": ")(.)', lambda found: found[1] + "0f"[found[2] == "0"])
    text = said(folder, capsys, 1)
    assert SAME in text
    assert "the hash of epoch 2 was changed or damaged: it is not what the run had then, and later records are." in text


def test_a_log_whose_loss_was_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(folder, r'("epoch": 2, "batch": 7, .*"running_loss": )[\d.]+', lambda found: found[1] + "0.5")
    assert "the loss of epoch 2, batch 7 was changed or damaged" in said(folder, capsys, 1)


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / "history").glob("*.pt"))


def one_bit(file: Path, in_checkpoint: bool = False) -> None:
    """Changes a bit of a weight in a snapshot, or a checkpoint, that is whole in every other way."""
    contents = torch.load(file, weights_only=True)
    weights = contents["training"]["model"]["hidden.weight"] if in_checkpoint else contents["tensors"][0]
    weights.view(torch.int32).flatten()[100] ^= 1
    checkpoint.save(file, contents)


def test_a_snapshot_of_which_a_bit_was_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = steps(folder)[2]
    one_bit(folder / f"history/{step}.pt")
    text = said(folder, capsys, 1)
    assert SAME in text and f"history/{step}.pt was changed or damaged" in text


def test_a_run_that_took_another_way_from_some_batch_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bit of one weight is another one from batch 14 on: nothing but the log's later events can say so."""
    log = (folder / "events.jsonl").read_text().splitlines()
    for name in steps(folder):
        if name >= 14:
            one_bit(folder / f"history/{name}.pt")
    one_bit(folder / "checkpoint.pt", in_checkpoint=True)
    model = torch.load(folder / "model.pt", weights_only=True)
    model["output.bias"] += 1
    checkpoint.save(folder / "model.pt", model)
    changed = []
    for line in log:
        event = json.loads(line)
        if event["event"] == "epoch_finished" and event["epoch"] > 1:
            event["weights_sha256"] = event["weights_sha256"][::-1]
        if event["event"] == "batch_finished" and (event["epoch"] - 1) * 10 + event["batch"] > 14:
            event["running_loss"] += 1e-7
        changed.append(json.dumps(event))
    (folder / "events.jsonl").write_text("\n".join(changed) + "\n")
    text = said(folder, capsys, 1)
    known = [*steps(folder), 10, 15]
    good, by = max(step for step in known if step < 14), min(step for step in known if step >= 14)
    which = (
        "epoch 2, batch 4"
        if (good, by) == (13, 14)
        else f"one from epoch 2, batch {good - 9}, to epoch 2, batch {by - 10}"
    )
    assert f"The first batch that differs is {which}: before it all is the same" in text
    assert "Nothing that the log says of versions, machine, data and source is different now." in text
    assert json.loads(said(folder, capsys, 1, "--json"))["first_that_differs"] == [good + 1, by]


def test_without_the_losses_the_snapshots_say_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (folder / "events.jsonl").read_text().splitlines()
    (folder / "events.jsonl").write_text("\n".join(line for line in lines if "running_loss" not in line) + "\n")
    good, bad = steps(folder)[2], steps(folder)[3:]
    for step in bad:
        one_bit(folder / f"history/{step}.pt")
    rewritten(folder, r"(?s)weights_sha256.*", lambda found: found[0].replace("weights_sha256", "other"))
    (folder / "checkpoint.pt").unlink()
    (folder / "model.pt").unlink()
    found = json.loads(said(folder, capsys, 1, "--json"))
    assert found["first_that_differs"] == [good + 1, bad[0]]


def test_what_the_bits_depend_on_is_named_where_it_changed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rewritten(folder, r'"torch": "[^"]*"', lambda found: '"torch": "1.0"')
    rewritten(folder, r'"threads": "[^"]*"', lambda found: '"threads": "64"')
    assert SAME in said(folder, capsys, 0)  # it is the bits that count
    monkeypatch.setattr("mlp_tui.training.replay.TrainingState", other_weights)
    text = said(folder, capsys, 1)
    assert re.search("The first batch that differs is (one from )?epoch 1, batch 1[:,]", text)
    assert f"  torch: 1.0; now {torch.__version__}\n" in text and "  threads: 64; now 1\n" in text


def other_weights(*arguments: Any) -> Any:
    from mlp_tui.training.state import TrainingState

    state = TrainingState(*arguments)
    with torch.no_grad():
        next(state.model.parameters()).mul_(1 + 1e-6)
    return state


def test_other_data_are_named(config: TrainingConfig, capsys: pytest.CaptureFixture[str]) -> None:
    data = Path(shutil.copytree(config.data_dir, "mine"))
    session = train(config, data_dir=data)
    file = data / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(file.read_bytes())
    content[-400] ^= 128
    file.write_bytes(content)
    text = said(session.folder, capsys, 1)
    assert "The first batch that differs is " in text
    assert re.search(r"\n  data: [0-9a-f]{8}; now [0-9a-f]{8}\n$", text)


def test_a_changed_source_is_named(config: TrainingConfig, capsys: pytest.CaptureFixture[str]) -> None:
    text = (MODELS / "student.py").read_text()
    Path("net.py").write_text(text)
    session = train(config, model="net.py:MultiLayerPerceptron")
    Path("net.py").write_text(text.replace("F.relu(x)", "F.gelu(x)"))
    assert session.folder
    assert verify([str(session.folder.path)]) == 1
    streams = capsys.readouterr()
    assert "The first batch that differs is epoch 1, batch 1:" in streams.out
    assert re.search(r"\n  source of \S*net\.py: [0-9a-f]{64}; now [0-9a-f]{64}\n", streams.out)
    assert "net.py has changed since the run was saved" in streams.err


def test_a_model_that_fails_gets_a_sentence(config: TrainingConfig, capsys: pytest.CaptureFixture[str]) -> None:
    text = (MODELS / "student.py").read_text()
    Path("net.py").write_text(text)
    session = train(config, model="net.py:MultiLayerPerceptron")
    Path("net.py").write_text(
        text.replace("x = torch.flatten(x, 1)", "x = torch.flatten(x, 1) if len(x) < 3 else None")
    )
    assert session.folder and verify([str(session.folder.path)]) == 1
    assert "again failed at net.py, line " in capsys.readouterr().err


def test_files_that_cannot_be_read_are_named_and_do_not_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = steps(folder)[1:3]
    (folder / f"history/{first}.pt").write_bytes(b"nothing")
    (folder / f"history/{second}.pt").unlink()
    as_folder(folder / f"history/{second}.pt")
    (folder / "checkpoint.pt").write_bytes(b"nothing")
    text = said(folder, capsys, 0)
    assert SAME in text and f"history/{first}.pt cannot be read.\nhistory/{second}.pt cannot be read." in text
    assert "checkpoint.pt cannot be read" in text


def test_a_run_of_an_earlier_version_is_compared_with_what_it_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "events.jsonl").read_text()
    text = re.sub(r', "weights_sha256": "\w*"', "", re.sub(r', "surroundings": {[^}]*}', "", text))
    (folder / "events.jsonl").write_text(text)
    shutil.rmtree(folder / "history")
    assert "Compared and the same: losses 40, files 2." in said(folder, capsys, 0)
    one_bit(folder / "checkpoint.pt", in_checkpoint=True)
    (folder / "model.pt").unlink()
    text = said(folder, capsys, 1)
    assert (
        "The first batch that differs is one from epoch 1, batch 1, to epoch 4, batch 10: "
        "before it all is the same, and checkpoint.pt is not.\n"
        "The losses are the same until epoch 4, batch 10, where few bits may not show yet.\n" in text
    )
    assert "The log does not say with which versions" in text


def test_a_run_that_left_nothing_behind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder / "history")
    for name in ("events.jsonl", "checkpoint.pt", "model.pt"):
        (folder / name).unlink()
    assert verify([str(folder)]) == 1
    assert "left nothing behind that training it again could be compared with." in capsys.readouterr().err


def test_as_a_command(trained: Path, program: OneProcess) -> None:
    done = program.run("verify", str(trained))
    assert done.returncode == 0 and SAME in done.stdout
