"""Any moment of a run, had again: the same bits as when it first passed, whatever happened to the run's folder."""

import errno
import math
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_tui.commands.verify import verify
from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, Event, Forked, Moment, Past, Predictions, RunFinished
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.snapshots import Snapshots
from mlp_tui.session import Session
from mlp_tui.time_machine import TimeMachine
from mlp_tui.training import checkpoint, random_numbers
from mlp_tui.training.fit import on_show, predict
from mlp_tui.training.nested import digest
from mlp_tui.training.state import TrainingState

from .odd_files import as_fifo, as_folder, as_link_to_itself

MODELS = Path(__file__).parent / "training" / "models"

MOMENTS = 25
"""Moments of each run, chosen at random: 225 in all."""

RUNS: dict[str, dict[str, Any]] = {
    "adam": {},
    "dropout": {"hidden_sizes": (20, 12), "dropout": 0.3},
    "one-cycle": {"schedule": "one-cycle", "label_smoothing": 0.1},
    "sgd with momentum": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02},
    "adamw and validation": {"optimizer": "adamw", "weight_decay": 0.01, "validation": 0.2},
    "random parts": {"model": f"{MODELS}/random_parts.py:Net"},
    "cnn": {"model": f"{MODELS}/cnn.py:small"},
    "distorted": {"hidden_sizes": (20,), "augment": "elastic"},
}

Recorded = dict[int, tuple[object, ...]]


@pytest.fixture(autouse=True)
def fine_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event after each batch, and snapshots of a run that is over in no time, thinned several times."""
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
    monkeypatch.setattr("mlp_tui.runs.snapshots.SHARE", 0.5)
    monkeypatch.setattr("mlp_tui.runs.snapshots.MOST", 9)


def settings(small_mnist: Path, **others: Any) -> TrainingConfig:
    """A run of 6 epochs of 10 batches (8 with validation)."""
    return TrainingConfig(epochs=6, data_dir=small_mnist, device="cpu", test_batch_size=300, threads=1, **others)


def bits(state: TrainingState, drawn: dict[str, Any]) -> tuple[object, ...]:
    """All that a run is at a moment, and where its random generators are."""
    saved = state.state_dict()
    totals = {name: value for name, value in saved["totals"].items() if name != "seconds"}
    parts = {name: saved[name] for name in ("model", "optimizer", "shuffle")} | {"best": saved.get("best")}
    return digest(parts), str(totals), saved["base_rate"], saved["steps"], saved["epoch"], digest(drawn), str(drawn)


def probabilities(session: Session) -> Predictions:
    """What the model of the run makes of the examples on show."""
    assert session._state and session._dataset
    held_out = session._dataset.held_out
    return predict(session._state.model, session._state.as_taken(held_out.inputs[on_show(held_out)]))


def train(
    session: Session, recorded: Recorded, chance: random.Random, until: int = 10**9, rates: bool = False
) -> Event:
    """Trains, and records each moment as it passes. It is stopped `until` a step; rates are changed at random."""
    stop = threading.Event()
    for event in session.events(stop):
        if isinstance(event, BatchFinished):
            assert session._state
            state = session._state
            recorded[state.step] = (*bits(state, random_numbers.states(state.device)), probabilities(session))
            if state.step >= until:
                stop.set()
            elif rates and chance.random() < 0.4:
                session.change_learning_rate(chance.choice((-1, 1)))
    assert isinstance(event, RunFinished) and event.reason in ("completed", "stopped"), event
    return event


def check(past: TimeMachine, recorded: Recorded, chance: random.Random, moments: int = MOMENTS) -> None:
    """Walks to moments at random, and from the last of them a step on and two back."""
    chosen = chance.sample(sorted(recorded), min(moments, len(recorded)))
    for step in (*chosen, chosen[-1] + 1, chosen[-1], chosen[-1] - 1):
        if step in recorded:
            drawn = random_numbers.states(past.state.device)
            moment = past.go(step)
            assert not moment.error and moment.step == step
            assert (*bits(past.replay.state, past.replay._random), moment.events[1]) == recorded[step], step
            assert digest(drawn) == digest(random_numbers.states(past.state.device))


def past_of(session: Session) -> TimeMachine:
    assert isinstance(session.past, TimeMachine)
    return session.past


def loaded(folder: RunFolder | None) -> Session:
    """A session that only walks through a run, as in a process of its own."""
    assert folder
    session = Session(TrainingConfig.from_dict(folder.read_config()), folder, replay=True)
    events = list(session.events(threading.Event()))
    assert any(isinstance(event, Past) for event in events), events
    return session


@pytest.mark.parametrize("kind", RUNS)
def test_moments_have_the_bits_that_they_had_when_they_first_passed(small_mnist: Path, kind: str) -> None:
    chance, recorded = random.Random(kind), Recorded()
    session = Session(settings(small_mnist, **RUNS[kind]))
    train(session, recorded, chance)
    steps = past_of(session)._snapshots.steps
    assert len(steps) > 2 and steps[-1] > 20, steps
    check(past_of(session), recorded, chance)
    check(past_of(loaded(session.folder)), recorded, chance, 5)


@pytest.mark.parametrize("kind", ["adam", "random parts"])
def test_so_they_have_in_a_run_with_changed_rates_that_was_stopped_and_resumed(small_mnist: Path, kind: str) -> None:
    chance, recorded = random.Random(kind), Recorded()
    config = settings(small_mnist, **RUNS[kind])
    session = Session(config)
    for until in (13, 27, 30, 100):
        train(session, recorded, chance, until, rates=True)
        if until < 100:
            session = Session(config, session.unfinished)
    rates = {values[2] for values in recorded.values()}
    assert len(rates) > 3 and len(recorded) == 60
    check(past_of(session), recorded, chance)
    check(past_of(loaded(session.folder)), recorded, chance, 5)


@pytest.mark.parametrize("kind", ["adam", "dropout", "random parts"])
def test_so_they_have_in_a_branch_of_a_branch_with_other_settings(small_mnist: Path, kind: str) -> None:
    chance, recorded = random.Random(kind), Recorded()
    session = Session(settings(small_mnist, **RUNS[kind]))
    train(session, {}, chance, rates=True)
    others: tuple[tuple[int, dict[str, Any]], ...] = (
        (chance.randrange(12, 19), {"learning_rate": 0.003}),
        (chance.randrange(22, 29), {"optimizer": "sgd", "momentum": 0.9}),
    )
    for step, changes in others:
        config = replace(past_of(session).settings_at(step), **changes)
        assert isinstance(session.branch(step, config), Forked)
        recorded.clear()
        train(session, recorded, chance, until=45, rates=True)
    folder = session.unfinished
    assert folder
    session = Session(TrainingConfig.from_dict(folder.read_config()), folder)
    train(session, recorded, chance, rates=True)
    assert past_of(session).first == others[1][0] == min(recorded) - 1
    check(past_of(session), recorded, chance)
    check(past_of(loaded(session.folder)), recorded, chance, 5)
    assert session.folder
    found = verify(session.folder)
    assert not found.other and (found.first, found.last) == (others[1][0], 60) and found.same["hashes"] == 4


def test_a_run_that_is_walked_through_while_it_trains_ends_with_the_same_bits(small_mnist: Path) -> None:
    chance, expected, recorded = random.Random(0), Recorded(), Recorded()
    config = settings(small_mnist, **RUNS["random parts"])
    train(Session(config), expected, chance)
    session = Session(config)
    for event in session.events(threading.Event()):
        if isinstance(event, BatchFinished) and session._state:
            state = session._state
            recorded[state.step] = (*bits(state, random_numbers.states(state.device)), probabilities(session))
            if chance.random() < 0.3:
                past = past_of(session)
                moment = past.go(chance.randrange(state.step + 1), ("step", "weights", "mistakes"))
                assert not moment.error
                past.leave()
    assert recorded == expected


def test_where_nothing_was_kept_moments_are_had_again_from_the_beginning(small_mnist: Path) -> None:
    chance, recorded = random.Random(0), Recorded()
    session = Session(settings(small_mnist, history_mb=0.0))
    train(session, recorded, chance)
    assert session.folder and not (session.folder.path / "history").exists()
    check(past_of(session), recorded, chance, 10)


def test_of_a_state_larger_than_the_history_nothing_is_kept(small_mnist: Path) -> None:
    session = Session(settings(small_mnist, history_mb=0.1))
    train(session, {}, random.Random(0))
    assert session.folder and not (session.folder.path / "history").exists()


# Damage


def random_bytes(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def one_bit(path: Path) -> None:
    """The file as it was, but for one bit of a weight."""
    content = bytearray(path.with_suffix(".was").read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def half(path: Path) -> None:
    content = path.with_suffix(".was").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def of_another_model(path: Path) -> None:
    checkpoint.save(path, torch.load(path.with_suffix(".was"), weights_only=True) | {"tensors": [torch.ones(3)]})


def of_another_moment(path: Path) -> None:
    shutil.copy(path.parent / "0.pt", path)


def of_no_state(path: Path) -> None:
    checkpoint.save(path, {"some": "thing"})


def nothing(path: Path) -> None:
    pass


DAMAGES = (
    as_folder,
    as_fifo,
    as_link_to_itself,
    random_bytes,
    one_bit,
    half,
    of_another_model,
    of_another_moment,
    of_no_state,
    nothing,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Recorded]]:
    """The folder of a run, and its moments."""
    from .conftest import write_mnist

    recorded = Recorded()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
        patch.setattr("mlp_tui.runs.snapshots.SHARE", 0.5)
        patch.setattr("mlp_tui.runs.snapshots.MOST", 9)
        config = settings(write_mnist(tmp_path_factory.mktemp("data")), runs_dir=tmp_path_factory.mktemp("runs"))
        session = Session(config)
        train(session, recorded, random.Random(0))
    assert session.folder
    yield session.folder.path, recorded


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_snapshots_are_passed_over(kept: tuple[Path, Recorded], damage: Callable[[Path], None]) -> None:
    path, recorded = kept
    shutil.copytree(path, "run")
    chance = random.Random(0)
    snapshots = sorted(Path("run/history").glob("*.pt"), key=lambda path: int(path.stem))
    for file in snapshots[1:]:
        file.rename(file.with_suffix(".was"))
        damage(file)
    check(past_of(loaded(RunFolder(Path("run")))), recorded, chance, 5)


def test_odd_names_in_the_history_are_left_alone(kept: tuple[Path, Recorded]) -> None:
    path, recorded = kept
    shutil.copytree(path, "run")
    for name in ("x.pt", "-1.pt", "007.pt", "5.pt.bak", "9" * 18 + ".pt", "9" * 40 + ".pt"):
        random_bytes(Path("run/history", name))
    check(past_of(loaded(RunFolder(Path("run")))), recorded, random.Random(0), 5)


# Kills


def killed(work: Callable[[], object], seconds: float) -> None:
    """Does some work in a process of its own, which is killed after so many seconds of it."""
    ready, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writes, b".")
            work()
        finally:
            os._exit(0)
    os.read(ready, 1)
    os.close(ready)
    os.close(writes)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


class Numbered:
    """A state as large as the notebook's whose every number is the step."""

    def __init__(self) -> None:
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "numbers": torch.full((240_000,), float(self.step))}


def snapshots_in(folder: Path) -> Snapshots:
    device = torch.device("cpu")

    def save(path: Path, contents: dict[str, Any]) -> None:
        checkpoint.save(path, contents, to_disk=False)

    return Snapshots(folder, save, lambda path: checkpoint.load(path, device), 8)


def test_killed_anywhere_a_history_is_whole_or_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.runs.snapshots.MOST", 200)
    torch.set_num_threads(1)  # a process that was forked must not wait for the threads of this one
    chance, folder, found = random.Random(0), Path("history"), 0

    def keep_on() -> None:
        state, snapshots = Numbered(), snapshots_in(folder)
        state.step = max(snapshots.steps, default=0)
        while True:
            state.step += 1
            snapshots.keep(state)

    for _ in range(50):
        killed(keep_on, chance.uniform(0, 0.06))
        snapshots = snapshots_in(folder)
        states = list(snapshots.before(10**9))
        assert [step for step, _ in states] == snapshots.steps[::-1]
        for step, saved in states:
            assert saved["step"] == step and bool((saved["numbers"] == step).all())
        found += bool(states)
    assert found > 40 and snapshots.steps[-1] > 100
    snapshots.cut(10**9)
    assert all(path.name in {f"{step}.pt" for step in snapshots.steps} for path in folder.iterdir())


def test_a_whole_run_killed_at_random_and_resumed_can_be_walked_through(small_mnist: Path) -> None:
    chance, recorded = random.Random(3), Recorded()
    config = settings(small_mnist, checkpoint_seconds=0.01)
    train(Session(config), recorded, chance)
    straight = RunFolder.find(Path("runs"), "latest")
    session = Session(config)
    train(session, {}, chance, until=1)
    folder = session.unfinished
    assert folder
    for _ in range(6):

        def go_on() -> None:
            list(Session(config, folder).events(threading.Event()))

        killed(go_on, chance.uniform(0.02, 0.2))
    end = list(Session(config, folder).events(threading.Event()))[-1]
    assert isinstance(end, RunFinished) and (end.reason == "completed" or "has its 6 epochs" in end.message), end
    assert folder.model.read_bytes() == straight.model.read_bytes()
    check(past_of(loaded(folder)), recorded, chance, 10)
    assert not verify(folder).other


# Full disks


class FullDisk:
    """Stands in for what saves files: no more than so many bytes of snapshots and checkpoints fit."""

    def __init__(self, folder: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._most, self._save = folder, most, checkpoint.save
        self.full = 0
        monkeypatch.setattr("mlp_tui.training.checkpoint.save", self.save)

    def save(self, path: Path, contents: dict[str, Any], to_disk: bool = True) -> None:
        self._save(path.with_name("trial"), contents, to_disk)
        size = path.with_name("trial").stat().st_size
        others = sum(file.stat().st_size for file in self._folder.rglob("*.pt"))
        if others + size > self._most:
            path.with_name("trial").unlink()
            self.full += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        path.with_name("trial").rename(path)


def test_on_a_disk_that_fills_the_history_shrinks_and_training_goes_on(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, recorded = random.Random(0), Recorded()
    disk = FullDisk(Path("runs"), 4_000_000, monkeypatch)  # four states
    session = Session(settings(small_mnist, checkpoint_seconds=0.02))
    end = train(session, recorded, chance)
    assert disk.full > 2 and isinstance(end, RunFinished) and (end.reason, end.message) == ("completed", "")
    assert session.folder and session.folder.checkpoint.exists() and session.folder.model.exists()
    check(past_of(session), recorded, chance, 10)
    assert not verify(session.folder).other


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root can mount a small disk")
def test_so_they_do_on_a_real_one(small_mnist: Path) -> None:
    disk = Path("disk").absolute()
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        session = Session(settings(small_mnist, runs_dir=disk / "runs", checkpoint_seconds=0.02))
        end = train(session, {}, random.Random(0))
        assert isinstance(end, RunFinished) and (end.reason, end.message) == ("completed", "")
        assert session.folder and session.folder.model.exists()
        assert not verify(session.folder).other
    finally:
        subprocess.run(["umount", disk], check=True)


def test_without_any_room_there_is_no_history(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(Path("runs"), 2_500_000, monkeypatch)  # the checkpoint, the model, and a new checkpoint
    session = Session(settings(small_mnist))
    end = train(session, {}, random.Random(0))
    assert isinstance(end, RunFinished) and (end.reason, end.message) == ("completed", "")
    assert session.folder and not verify(session.folder).other


# How many, how evenly, at what cost


class Clock:
    """Time that passes only as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("mlp_tui.runs.snapshots.time.perf_counter", lambda: self.now)


class Stepping:
    step = 0

    def state_dict(self) -> dict[str, Any]:
        return {}


def simulated(monkeypatch: pytest.MonkeyPatch, batches: int, megabytes: float, cost: float) -> tuple[Snapshots, float]:
    """The snapshots of a run with a quarter of a millisecond a batch, and the share of its time that they took."""
    monkeypatch.setattr("mlp_tui.runs.snapshots.SHARE", 0.01)
    monkeypatch.setattr("mlp_tui.runs.snapshots.MOST", 200)
    clock, state, chance, spent = Clock(monkeypatch), Stepping(), random.Random(0), [0.0]

    def save(path: Path, contents: dict[str, Any]) -> None:
        seconds = cost * chance.uniform(0.7, 1.3) * (4 if chance.random() < 0.1 else 1)
        seconds = seconds if spent[0] else 10 * cost  # the first one
        spent[0] += seconds
        clock.now += seconds
        path.write_bytes(bytes(950))

    snapshots = Snapshots(Path("history"), save, lambda path: {}, megabytes / 1000)
    snapshots.begin(state)
    begun, trained = spent[0], 0.0
    while state.step < batches:
        state.step += 120  # an event comes after so many
        trained += 120 * 0.00025
        snapshots.keep_if_due(state, trained)
    return snapshots, (spent[0] - begun) / trained


@pytest.mark.parametrize("epochs", [5, 50, 500])
def test_snapshots_are_evenly_spaced_and_take_one_percent_of_the_time(
    monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    batches = epochs * 938
    snapshots, share = simulated(monkeypatch, batches, 64, 0.0006)
    steps = [*snapshots.steps, batches]
    gaps = [after - before for before, after in pairwise(steps)]
    even = batches / len(gaps)
    assert share <= 0.011
    assert max(gaps) <= max(480, 2.5 * even), gaps
    assert 10 <= len(gaps) <= 67


def test_of_a_small_state_there_are_no_more_than_a_walk_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots, _ = simulated(monkeypatch, 200_000, 64_000, 0.00001)
    assert 100 <= len(snapshots.steps) <= 200
    assert math.isclose(snapshots.steps[-1], 200_000, rel_tol=0.02)


def test_a_moment_that_is_not_there_is_the_nearest_that_is(small_mnist: Path) -> None:
    session = Session(settings(small_mnist))
    train(session, {}, random.Random(0))
    past = past_of(session)
    for step, expected in ((-5, 0), (0, 0), (60, 60), (10**9, 60)):
        moment = past.go(step)
        assert isinstance(moment, Moment) and (moment.step, moment.error) == (expected, "")
    assert past.state is session._state
