"""A run's folder: its settings, its log of events, its checkpoint, and the lock that says who trains it."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..events import (
    BatchFinished,
    Drawing,
    Event,
    Mistakes,
    Predictions,
    RunFinished,
    StepTaken,
    from_json,
    to_json,
)
from ..files import written_whole

LOG_SECONDS: dict[type[Event], float] = {BatchFinished: 0.1, Predictions: 1.0, Mistakes: 5.0}
"""The least time from one logged event of a kind to the next, where there are many; a run's last is logged too."""

UNLOGGED = (StepTaken, Drawing)
"""Answers to the person at the keyboard: no part of the run's history."""

MOST_BATCHES = 20_000
"""At most about this many batches are read from a log: more take time and show nothing more."""

TAIL = 1 << 16
"""Bytes at the end of a log that are sure to hold its last event whole."""


def beginning(event: Event) -> bytes:
    """How the line of an event of that kind begins in a log."""
    return to_json(event).split(",")[0].encode()


BATCH = beginning(BatchFinished(0, 0, 0, 0, 0, 0, 0, 0))


class RunFolder:
    """The files of one run. A crash at any instant leaves a folder that can be read and resumed."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.name = self.path.name
        self.config = self.path / "config.json"
        self.events = self.path / "events.jsonl"
        self.checkpoint = self.path / "checkpoint.pt"
        self.model = self.path / "model.pt"
        self.output = self.path / "log.txt"
        self._lock: int | None = None

    @classmethod
    def find(cls, runs_dir: Path, run: str) -> "RunFolder":
        """The run that is meant: a folder, a run's name, or "latest". Raises UserError."""
        if run == "latest":
            runs = sorted(runs_dir.glob("*/config.json"), key=lambda config: config.stat().st_mtime_ns)
            if not runs:
                raise UserError(f"There is no run in {runs_dir}: name a folder with runs with --runs-dir.")
            return cls(runs[-1].parent)
        for path in (runs_dir / run, Path(run)):
            if (path / "config.json").exists():
                return cls(path)
        raise UserError(f"There is no run {run} in {runs_dir}, nor a folder of that name with a run in it.")

    def create(self, config: dict[str, Any]) -> None:
        """Makes the folder, with the settings in it. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        with written_whole(self.config) as file:
            file.write(json.dumps(config, indent=2).encode() + b"\n")

    def read_config(self) -> dict[str, Any]:
        """The run's settings. Raises UserError."""
        try:
            config = json.loads(self.config.read_bytes())
            if not isinstance(config, dict):
                raise ValueError("it holds no settings")
        except (OSError, ValueError) as error:
            raise UserError(f"{self.config} cannot be read ({error}), so this run cannot be resumed.") from error
        return config

    # The lock

    def lock(self, patience: float = 0.5) -> None:
        """Makes this process the one that trains the run. Raises UserError where another one does."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # a watcher looks in for an instant; a trainer stays
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise UserError(f"The run {self.name} is being trained by {self.holder()}.") from None
                time.sleep(0.02)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        self._lock = descriptor

    def take_over(self, patience: float = 15.0) -> None:
        """Asks the process that trains the run, if there is one, to save and end; waits. Raises UserError."""
        pid = self.holder_pid()
        if not self.is_locked():
            return
        if pid is None:
            raise UserError(f"The run {self.name} is being trained by {self.holder()}: stop it there first.")
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError as error:
            raise UserError(f"The run {self.name} is being trained by {self.holder()}: {error.strerror}.") from error
        deadline = time.monotonic() + patience
        while self.is_locked():
            if time.monotonic() > deadline:
                raise UserError(f"The run {self.name} is still being trained by {self.holder()}, which does not end.")
            time.sleep(0.02)

    def unlock(self) -> None:
        """Lets go of the lock; the end of the process does so too."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_locked(self) -> bool:
        """Whether a process trains the run."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> str:
        """The process that trains the run, in words."""
        pid = self.holder_pid()
        return f"process {pid} on this machine" if pid else "a process on another machine"

    def holder_pid(self) -> int | None:
        """The process of this machine that trains the run, if there is one."""
        try:
            holder = json.loads((self.path / "lock").read_bytes())
            return int(holder["pid"]) if holder["host"] == socket.gethostname() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, line: str) -> None:
        """Adds a line to the run's text log, where that is possible."""
        with contextlib.suppress(OSError), open(self.output, "a", encoding="utf-8") as output:
            output.write(line + "\n")

    def resume_detached(self) -> int:
        """Starts a process of its own, in its own session, that trains the run on without a terminal; its number."""
        command = [sys.executable, "-m", "mlp_tui", "--no-ui", "--resume", str(self.path)]
        with open(self.output, "ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        return process.pid

    # The log

    def diverged(self) -> bool:
        """Whether the run ended in a loss that was not finite."""
        size = self.events.stat().st_size if self.events.exists() else 0
        events = events_in(self.read_log(max(0, size - TAIL))[0])
        return bool(events) and isinstance(events[-1], RunFinished) and events[-1].reason == "diverged"

    def cut_log(self, position: int) -> None:
        """Cuts off what was logged after that position: the training goes on from there, and tells it again."""
        with contextlib.suppress(FileNotFoundError):
            if self.events.stat().st_size > position:
                os.truncate(self.events, position)

    def read_events(self) -> list[Event]:
        """The logged events, oldest first; of a long log not every batch."""
        return events_in(self.read_log(0)[0])

    def read_log(self, position: int) -> tuple[bytes, int]:
        """The whole lines from a position on, and the position behind them.

        Where the log has become shorter, since the run was resumed from before, it is read from its end.
        """
        try:
            with open(self.events, "rb") as log:
                position = min(position, log.seek(0, os.SEEK_END))
                log.seek(position)
                data = log.read()
        except OSError:
            return b"", position
        lines = data[: data.rfind(b"\n") + 1]
        return lines, position + len(lines)

    def age(self) -> float:
        """Seconds since the last event was logged."""
        try:
            return max(0.0, time.time() - self.events.stat().st_mtime)
        except OSError:
            return 0.0


def events_in(log: bytes) -> list[Event]:
    """The events in the lines of a log, without all the batches of a long one. Damaged lines are skipped."""
    lines = log.splitlines()
    every = -(-sum(line.startswith(BATCH) for line in lines) // MOST_BATCHES)
    events, seen = [], 0
    for line in lines:
        if line.startswith(BATCH):
            seen += 1
            if seen % every:
                continue
        if event := parsed(line):
            events.append(event)
    return events


def parsed(line: bytes) -> Event | None:
    """The event in a line of a log; None where there is none that can be read."""
    try:
        return from_json(line.decode()) if line.strip() else None
    except ValueError:  # half a line, from a process that died while it wrote
        return None


class EventLog:
    """Appends events to a run's log, those that come thick and fast thinned.

    What cannot be written is kept and tried again with the next event; `error` says what stands in the way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[bytes] = []
        self._due: dict[type[Event], float] = {}
        self._held: dict[type[Event], Event] = {}
        self.error = ""
        self.position = path.stat().st_size if path.exists() else 0
        """The bytes of the log so far: whole lines."""

    def add(self, event: Event) -> None:
        kind = type(event)
        if isinstance(event, BatchFinished):
            event = replace(event, losses=())  # few of them would be there in any case
        if kind in LOG_SECONDS:
            now = time.monotonic()
            if now < self._due.get(kind, 0.0):
                self._held[kind] = event
                return
            self._due[kind] = now + LOG_SECONDS[kind]
            self._held.pop(kind, None)
        events = [*self._held.values(), event] if kind is RunFinished else [event]
        self._pending += [to_json(each).encode() + b"\n" for each in events if not isinstance(each, UNLOGGED)]
        self.flush()

    def flush(self) -> None:
        """Writes what waits to be written."""
        data = b"".join(self._pending)
        try:
            with open(self._path, "ab") as file:
                self.position = min(self.position, file.tell())
                file.truncate(self.position)  # what was left of a line that did not fit, or of a later, lost life
                file.write(data)
            self.position += len(data)
            self._pending.clear()
            self.error = ""
        except OSError as error:
            self.error = f"{self._path}: {error.strerror or error}"


def new_run_name(runs_dir: Path, dataset: str) -> str:
    """`<dataset>-<date>-<time>`, with a number behind it where that is taken."""
    name = f"{dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(candidate for candidate in _numbered(name) if not (runs_dir / candidate).exists())


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        number += 1
        yield f"{name}-{number}"
