"""The lock of a run: with `flock`, and on a file system that has none."""

import errno
import fcntl
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import Past, RunFinished, Watched
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.lock import RunLock
from mlp_tui.runs.watch import WatchedRun


@pytest.fixture
def no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without `flock`, as some clusters mount."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)


def held_by(folder: Path, pid: int, host: str | None = None) -> RunLock:
    (folder / "lock").write_text(json.dumps({"pid": pid, "host": host or os.uname().nodename}))
    return RunLock(folder)


def test_a_released_lock_can_be_acquired_again(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    assert second.is_held()
    with pytest.raises(UserError, match=f"process {os.getpid()} on this machine"):
        second.acquire(patience=0.05)
    first.release()
    assert not second.is_held()
    second.acquire()
    second.release()


def test_without_flock_a_run_of_a_process_that_is_gone_can_be_resumed(tmp_path: Path, no_flock: None) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    lock = held_by(tmp_path, process.pid)
    assert not lock.is_held()
    lock.take_over()
    lock.acquire()
    lock.release()
    assert (tmp_path / "lock").read_text() == ""


def test_without_flock_a_run_of_a_process_that_lives_is_left_alone(tmp_path: Path, no_flock: None) -> None:
    lock = held_by(tmp_path, os.getppid())
    assert lock.is_held()
    with pytest.raises(UserError, match="is being trained by process"):
        lock.acquire(patience=0.0)


def test_without_flock_no_process_is_ended_on_the_word_of_a_file(
    tmp_path: Path, no_flock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append(number))
    with pytest.raises(UserError, match=f"process {os.getppid()} on this machine: stop it there first, or delete"):
        held_by(tmp_path, os.getppid()).take_over()
    assert set(signals) == {0}


@pytest.mark.parametrize("pid", [0, -1, -(2**31), 2**31, 10**30])
def test_a_number_that_is_no_process_is_never_sent_a_signal(
    tmp_path: Path, pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    holder = RunLock(tmp_path)
    holder.acquire()
    held_by(tmp_path, pid)
    with pytest.raises(UserError, match="stop it there first"):
        RunLock(tmp_path).take_over()
    holder.release()


def test_without_flock_a_run_of_another_machine_is_left_alone(tmp_path: Path, no_flock: None) -> None:
    lock = held_by(tmp_path, 1, "another-node")
    with pytest.raises(UserError, match=r"a process on another machine: stop it there first, or delete .*lock"):
        lock.take_over()


def test_without_flock_a_run_can_be_watched(tmp_path: Path, no_flock: None) -> None:
    folder = RunFolder.create(tmp_path, "mnist", TrainingConfig().as_dict())
    stop = threading.Event()
    events = []
    for event in WatchedRun(folder).events(stop):
        events.append(event)
        if isinstance(event, Watched):
            stop.set()
    assert [type(event) for event in events] == [Past, Watched, RunFinished]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "host": 1}', "[" * 100_000, '{"pid": 1e400}'])
def test_a_damaged_lock_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    lock = RunLock(tmp_path)
    assert not lock.is_held()
    lock.acquire()
    lock.release()
