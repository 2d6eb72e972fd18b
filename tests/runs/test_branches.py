"""Branches: a new run from any moment of another, in which all is as it was then, or as the new settings say."""

import dataclasses
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    BatchSkipped,
    EpochFinished,
    Event,
    Forked,
    LearningRateChanged,
    NoAnswer,
    Past,
    Predictions,
    RunFinished,
    to_json,
)
from mlp_tui.runs.folder import Parent, RunFolder
from mlp_tui.runs.log import until
from mlp_tui.session import Session

MODELS = Path(__file__).parents[1] / "training" / "models"

KINDS: dict[str, dict[str, Any]] = {
    "dropout in a cycle": {"dropout": 0.3, "schedule": "one-cycle"},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.01},
    "sgd, validated": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02, "validation": 0.1},
    "random parts": {"model": f"{MODELS}/random_parts.py:Net"},
}


@pytest.fixture(autouse=True)
def each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event after each batch, so that a run can be stopped at any."""
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)


@pytest.fixture
def config(small_mnist: Path) -> TrainingConfig:
    """A run of 3 epochs of 10 batches."""
    return TrainingConfig(epochs=3, data_dir=small_mnist, device="cpu", hidden_sizes=(20,), test_batch_size=300)


def train(session: Session, until: Callable[[Event], object] = lambda event: False) -> list[Event]:
    """The events of a run, which is stopped after one that `until` names."""
    stop, events = threading.Event(), []
    for event in session.events(stop):
        events.append(event)
        if until(event):
            stop.set()
    return events


def at(epoch: int, batch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, BatchFinished) and (event.epoch, event.batch) == (epoch, batch)


def reason(events: list[Event]) -> tuple[str, str]:
    assert isinstance(events[-1], RunFinished)
    return events[-1].reason, events[-1].message


def replayed(folder: RunFolder) -> Session:
    """A session that has loaded a run, to be walked through."""
    session = Session(TrainingConfig.from_dict(folder.read_config()), RunFolder(folder.path), replay=True)
    train(session)
    return session


def branch(session: Session, step: int, **changes: Any) -> Event:
    assert session.past
    return session.branch(step, dataclasses.replace(session.past.settings_at(step), **changes))


def ending(folder: RunFolder | None) -> dict[str, Any]:
    """What a run's checkpoint holds of the training."""
    assert folder
    saved: dict[str, Any] = torch.load(folder.checkpoint, weights_only=True)["training"]
    return saved


def assert_same(a: Any, b: Any) -> None:
    """That two state dicts are equal to the last bit, but for the times that it took, and an optimizer's settings."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a.keys() - {"seconds", "param_groups"}:
            assert_same(a[key], b[key])
    else:
        assert a == b


# The same settings


@pytest.mark.parametrize("kind", KINDS)
def test_a_branch_with_the_same_settings_ends_with_the_bits_of_its_parent(config: TrainingConfig, kind: str) -> None:
    parent = Session(dataclasses.replace(config, **KINDS[kind]))
    train(parent)
    folder, expected = parent.folder, ending(parent.folder)
    assert folder
    chance = random.Random(kind)
    for step in (0, 10, chance.randrange(11, 20), 29):
        session = replayed(folder)
        assert isinstance(branch(session, step), Forked)
        events = train(session, at(3, 9) if step < 29 else lambda event: False)
        if step < 29:  # stopped, and resumed in another session
            assert session.unfinished
            session = Session(session.config, session.unfinished)
            events = train(session)
        assert reason(events) == ("completed", "")
        assert_same(ending(session.folder), expected)
        # A branch of the branch.
        assert session.past and session.folder
        child, first = session.folder, session.past.first
        assert first == step
        session = replayed(child)
        assert isinstance(branch(session, chance.randrange(step, 30)), Forked)
        assert reason(train(session)) == ("completed", "")
        assert_same(ending(session.folder), expected)
        assert session.folder and (parent_of := session.folder.read_parent()) and parent_of.run == child.name


def test_a_paused_run_is_saved_and_left_and_can_be_resumed(config: TrainingConfig) -> None:
    straight = Session(config)
    train(straight)
    session = Session(config)
    forked: list[Event] = []

    def at_pause(event: Event) -> bool:
        if at(2, 4)(event):
            session.change_learning_rate(-1)
            forked.append(branch(session, 14))
        return bool(forked)

    assert reason(train(session, at_pause)) == ("stopped", "")
    left = session.unfinished
    assert left and session.resumes
    assert reason(train(session)) == ("completed", "")
    assert session.folder and session.folder.name == f"{left.name}-e2b4"
    assert session.folder.read_config()["learning_rate"] == 0.005
    parent = Session(config, left)
    train(parent)
    assert_same(ending(session.folder), ending(parent.folder))


def test_a_branch_that_is_killed_goes_on_as_if_nothing_had_been(config: TrainingConfig) -> None:
    parent = Session(config)
    train(parent)
    assert parent.folder
    session = replayed(parent.folder)
    branch(session, 13, checkpoint_seconds=0.0)
    events = session.events(threading.Event())
    for event in events:
        if at(3, 2)(event):
            break
    folder = session.folder
    assert folder
    folder.lock.release()  # as a killed process does; its last checkpoint stays
    left = Session(TrainingConfig.from_dict(folder.read_config()), RunFolder(folder.path))
    assert reason(train(left)) == ("completed", "")
    assert_same(ending(left.folder), ending(parent.folder))
    events.close()


def test_a_branch_is_resumed_from_the_command_line(config: TrainingConfig) -> None:
    parent = Session(config)
    train(parent)
    assert parent.folder
    assert isinstance(branch(replayed(parent.folder), 15), Forked)
    command = [sys.executable, "-m", "mlp_tui", "--no-ui", "--resume", "latest"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "Epoch 3 done." in done.stdout, done.stderr
    assert_same(ending(RunFolder.find(Path("runs"), "latest")), ending(parent.folder))


# Its folder


def test_the_log_of_a_branch_has_what_its_parent_did_until_then(config: TrainingConfig) -> None:
    parent = Session(config)
    train(parent)
    assert parent.folder
    session = replayed(parent.folder)
    assert branch(session, 20) == Forked(parent.folder.name, 2, 10)
    folder = RunFolder(parent.folder.path.parent / f"{parent.folder.name}-e2b10")
    *lines, fork = folder.events.read_bytes().splitlines()
    assert lines == parent.folder.events.read_bytes().splitlines()[: len(lines)]
    assert json.loads(fork) == {"event": "forked", "parent": parent.folder.name, "epoch": 2, "batch": 10}
    events = folder.read_events()
    assert [event.epoch for event in events if isinstance(event, EpochFinished)] == [1]
    assert max((e.epoch, e.batch) for e in events if isinstance(e, BatchFinished)) <= (2, 10)
    assert folder.read_parent() == Parent(parent.folder.name, 2, 10, 20)
    train(session)
    assert folder.read_parent() == Parent(parent.folder.name, 2, 10, 20)  # the settings were written again
    assert branch(replayed(parent.folder), 20) == Forked(parent.folder.name, 2, 10)
    assert folder.path.with_name(f"{folder.name}-2").exists()


def test_a_log_is_cut_where_the_moment_was() -> None:
    def batch(epoch: int, number: int) -> BatchFinished:
        return BatchFinished(epoch, number, 10, 1.0, 1.0, 0.5, 1.0, 1.0)

    none = Predictions((), ())
    first: list[Event] = [batch(1, 3), none, batch(1, 7), LearningRateChanged(1, 7, 0.1), none, batch(1, 10)]
    end = EpochFinished(1, 2, 1.0, 0.5, 1.0, 0.5, 1.0, 1.0)
    second: list[Event] = [end, BatchSkipped(2, 0), batch(2, 4)]
    lines = [to_json(event) for event in (*first, *second)]
    log = "\n".join([*lines, ""]).encode()
    kept = {
        (0, 2, False): 0,
        (0, 3, False): 1,
        (0, 6, True): 1,
        (0, 7, False): 3,
        (0, 7, True): 4,
        (0, 9, True): 4,
        (0, 10, True): 6,
        (1, 0, False): 7,
        (1, 0, True): 8,
        (1, 3, False): 8,
        (1, 9, False): 9,
    }
    for (epochs, batches, by_hand), count in kept.items():
        assert until(log, epochs, batches, by_hand).decode().splitlines() == lines[:count], (epochs, batches, by_hand)
    forked = log + (to_json(Forked("run", 2, 4)) + "\n").encode()
    assert until(forked + lines[0].encode() + b"\n", 0, 1, False) == forked  # the batches may be of another size now


def test_what_cannot_be_made_is_a_sentence_and_leaves_nothing(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = Session(config)
    train(parent)
    answer = branch(parent, 10, epochs=1)
    assert answer == NoAnswer("--epochs must be more than the 1 that are done at this moment, not 1.")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlp_tui.training.checkpoint.save", full)
    answer = branch(parent, 15)
    runs = parent.folder.path.parent if parent.folder else Path()
    assert answer == NoAnswer(f"A folder for the branch cannot be made in {runs} (No space left on device).")
    assert [path.name for path in runs.iterdir()] == [parent.folder and parent.folder.name]
    assert not parent.resumes


def test_a_branch_without_its_checkpoint_is_a_sentence(config: TrainingConfig) -> None:
    parent = Session(config)
    train(parent)
    branch(parent, 15)
    train(parent, at(3, 1))
    assert parent.unfinished
    parent.unfinished.checkpoint.unlink()
    end = reason(train(Session(parent.config, parent.unfinished)))
    assert end == (
        "failed",
        f"{parent.unfinished.checkpoint} is gone, with which this branch began: begin it anew from its parent.",
    )


@pytest.mark.parametrize("parent", [None, 3, [], {}, {"run": 3}, {"run": "a", "epoch": 1, "batch": 1, "step": -1}])
def test_odd_parents_are_none(tmp_path: Path, parent: object) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_config(TrainingConfig().as_dict() | {"parent": parent})
    assert folder.read_parent() is None


# Other settings


def test_other_settings_hold_from_the_fork_on(config: TrainingConfig) -> None:
    parent = Session(config)
    train(parent)
    assert parent.folder
    saved = ending(parent.folder)["optimizer"]["state"][0]["step"]

    def child(**changes: Any) -> tuple[Session, list[BatchFinished]]:
        session = replayed(parent.folder)  # type: ignore[arg-type]
        assert isinstance(branch(session, 15, **changes), Forked)
        events = train(session)
        assert reason(events) == ("completed", "")
        assert session.past and session.folder
        # Had again from its first snapshot, it ends with the same bits.
        again = replayed(session.folder)
        assert again.past and not again.past.go(again.past.last).error
        assert_same(again.past.replay.state_dict()["model"], ending(session.folder)["model"])
        return session, [event for event in events if isinstance(event, BatchFinished)]

    session, batches = child(learning_rate=0.002, epochs=4)
    assert {event.learning_rate for event in batches} == {0.002}
    assert (batches[0].epoch, batches[0].batch, batches[-1].epoch) == (2, 6, 4)
    assert ending(session.folder)["optimizer"]["state"][0]["step"] == saved + 10

    session, _ = child(optimizer="adamw")
    assert ending(session.folder)["optimizer"]["state"][0]["step"] == 15  # it began anew

    # 5 of 10 batches of 64 are 320 images: 2 of 4 batches of 200 cover them, and 10 of 20 of 32.
    for size, done, count in ((200, 2, 4), (32, 10, 20)):
        session, batches = child(batch_size=size)
        assert (batches[0].epoch, batches[0].batch, batches[0].batches) == (2, done + 1, count)
        assert session.past and (session.past.first, session.past.last) == (count + done, 3 * count)

    _, batches = child(schedule="one-cycle", batch_size=32)
    straight = Session(dataclasses.replace(config, schedule="one-cycle", batch_size=32))
    rates = [event.learning_rate for event in train(straight) if isinstance(event, BatchFinished)]
    assert [event.learning_rate for event in batches] == rates[30:]


def test_what_a_hand_did_before_the_fork_is_not_done_twice(config: TrainingConfig) -> None:
    session = Session(config)

    def by_hand(event: Event) -> None:
        if at(1, 8)(event) or at(2, 8)(event):
            session.change_learning_rate(-1)

    train(session, by_hand)
    parent = session.folder
    assert parent
    session = replayed(parent)
    assert session.past and session.past.settings_at(15).learning_rate == 0.005
    assert isinstance(branch(session, 15, batch_size=32), Forked)
    events = train(session)
    assert {event.learning_rate for event in events if isinstance(event, BatchFinished)} == {0.005}
    assert session.folder
    again = replayed(session.folder)
    assert again.past and not again.past.go(again.past.last).error
    assert_same(again.past.replay.state_dict()["model"], ending(session.folder)["model"])


# The journal

REPLAY = """
import sys, threading, torch
from pathlib import Path
from mlp_tui.config import TrainingConfig
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session

folder = RunFolder(Path(sys.argv[1]))
session = Session(TrainingConfig.from_dict(folder.read_config()), folder, replay=True)
list(session.events(threading.Event()))
moment = session.past.go(session.past.last)
assert not moment.error, moment.error
torch.save(session.past.replay.state_dict(), "replayed.pt")
"""


def test_a_run_steered_by_hand_is_had_again_from_its_log_alone(config: TrainingConfig) -> None:
    session = Session(config)

    def steer(event: Event) -> bool:
        if at(1, 3)(event) or at(1, 9)(event) or at(2, 10)(event):
            session.change_learning_rate(-1)
        return at(3, 2)(event)

    train(session, steer)
    assert session.unfinished
    other = dataclasses.replace(session.config, learning_rate=0.004)  # a resume that brings another rate
    session = Session(other, session.unfinished)
    train(session)
    folder = session.folder
    assert folder
    changes = [event for event in folder.read_events() if isinstance(event, LearningRateChanged)]
    assert [(change.epoch, change.batch, change.learning_rate) for change in changes] == [
        (1, 3, 0.005),
        (1, 9, 0.002),
        (2, 10, 0.001),
        (3, 2, 0.004),
    ]
    for snapshot in (folder.path / "history").iterdir():
        snapshot.unlink()
    subprocess.run([sys.executable, "-c", REPLAY, str(folder.path)], check=True)
    replay = torch.load("replayed.pt", weights_only=True)
    for name, value in ending(folder)["model"].items():
        assert torch.equal(replay["model"][name], value)
    assert_same(replay["optimizer"]["state"], ending(folder)["optimizer"]["state"])


def test_a_watcher_is_told_of_the_fork(config: TrainingConfig) -> None:
    from mlp_tui.runs.watch import WatchedRun

    session = Session(config)
    train(session)
    branch(session, 12)
    train(session)
    assert session.folder
    stop = threading.Event()
    stop.set()
    past = next(WatchedRun(session.folder).events(stop))
    assert isinstance(past, Past)
    assert [event.batch for event in past.events if isinstance(event, Forked)] == [2]
