"""A run's folder: its settings, its log of events, its checkpoint, its lock."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..events import Event, RunFinished
from ..files import open_regular, read_json, written_whole
from .lock import RunLock
from .log import events_in, parsed, read_lines, tail


class Parent(NamedTuple):
    """What the settings of a branch say beside the settings: the run that it left after `batch` of `epoch` (from 1).

    `step` is where it began: its own count of batches, over all epochs, which its first batch goes on with.
    """

    run: str
    epoch: int
    batch: int
    step: int


def parent_in(config: dict[str, Any]) -> Parent | None:
    """The parent in the settings of a run, if there is one."""
    match config.get("parent"):
        case {"run": str(run), "epoch": int(epoch), "batch": int(batch), "step": int(step)} if step >= 0:
            return Parent(run, epoch, batch, step)
    return None


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
        self.lock = RunLock(self.path)

    @classmethod
    def find(cls, runs_dir: Path, run: str) -> "RunFolder":
        """The run that is meant: a folder, a run's name, or "latest". Raises UserError."""
        try:
            if run == "latest":
                runs = [path for path in runs_dir.iterdir() if os.path.lexists(path / "config.json")]
                if not runs:
                    raise UserError(f"There is no run in {runs_dir}: name a folder with runs with --runs-dir.")
                return cls(max(runs, key=lambda path: (path / "config.json").lstat().st_mtime_ns))
            for path in (runs_dir / run, Path(run)):
                if run and os.path.lexists(path / "config.json"):
                    return cls(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
            raise UserError(
                f"There is no run in {runs_dir} ({_reason(error)}): name a folder with runs with --runs-dir."
            ) from error
        raise UserError(f'There is no run "{run}" in {runs_dir}, nor a folder of that name with a run in it.')

    @classmethod
    def create(cls, runs_dir: Path, dataset: str, config: dict[str, Any]) -> "RunFolder":
        """A new run's folder, locked, with the settings in it: `<dataset>-<date>-<time>`. Raises OSError."""
        return cls.make(runs_dir, f"{dataset}-{time.strftime('%Y%m%d-%H%M%S')}", config)

    @classmethod
    def make(
        cls,
        runs_dir: Path,
        name: str,
        config: dict[str, Any],
        fill: Callable[["RunFolder"], object] = lambda folder: None,
    ) -> "RunFolder":
        """A folder of that name, locked, with what `fill` puts into it, and last with the settings. Raises OSError.

        Where the name is taken, by another process in the same instant too, a number is put behind it. A folder
        without settings is no run: one that was broken off half made is never read.
        """
        runs_dir.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = cls(runs_dir / (name if number == 1 else f"{name}-{number}"))
            try:
                folder.path.mkdir()
            except FileExistsError:
                continue
            try:
                folder.lock.acquire()
                fill(folder)
                folder.write_config(config)
            except OSError:
                folder.lock.release()
                shutil.rmtree(folder.path, ignore_errors=True)
                raise
            return folder
        raise AssertionError("unreachable")

    def write_config(self, config: dict[str, Any]) -> None:
        """Writes the settings, in a folder made anew where somebody has taken it away. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        with written_whole(self.config) as file:
            file.write(json.dumps(config, indent=2).encode() + b"\n")

    def write_texts(self, texts: dict[str, str]) -> None:
        """Writes texts into files of those names. Raises OSError."""
        for name, text in texts.items():
            with written_whole(self.path / name) as file:
                file.write(text.encode())

    def read_config(self) -> dict[str, Any]:
        """The run's settings. Raises UserError."""
        try:
            config = read_json(self.config)
            if not isinstance(config, dict):
                raise ValueError("it holds no settings")
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.config} cannot be read ({_reason(error)}), so this run cannot be resumed."
            ) from error
        return config

    def read_parent(self) -> "Parent | None":
        """The run that this one is a branch of, if it is one. Raises UserError."""
        return parent_in(self.read_config())

    def note(self, line: str) -> None:
        """Adds a line to the run's text log, where that is possible."""
        with contextlib.suppress(OSError), open(self._open_output(), "a", encoding="utf-8") as output:
            output.write(line + "\n")

    def resume_detached(self) -> int:
        """Starts a process of its own, in its own session, that resumes the run without a terminal; its number.

        What it prints is added to the run's text log, or is lost where that cannot be written. Raises OSError.
        """
        command = [sys.executable, "-m", "mlp_tui", "--no-ui", "--resume", str(self.path)]
        try:
            output = self._open_output()
        except OSError:
            output = os.open(os.devnull, os.O_WRONLY)
        with open(output, "ab") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        return process.pid

    def _open_output(self) -> int:
        return open_regular(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    # The log

    def diverged(self) -> bool:
        """Whether the run ended because it had diverged."""
        lines = tail(self.events)
        event = parsed(lines[-1]) if lines else None
        return isinstance(event, RunFinished) and event.reason == "diverged"

    def cut_log(self, position: int) -> None:
        """Cuts off what was logged after that position (in bytes): the training emits it again. Raises OSError.

        A log that is missing is made anew.
        """
        with open(open_regular(self.events, os.O_RDWR | os.O_CREAT), "r+b") as log:
            if log.seek(0, os.SEEK_END) > position:
                log.truncate(position)

    def read_events(self) -> list[Event]:
        """The logged events, oldest first; of a long log not every batch."""
        return events_in(self.read_log(0)[0])

    def read_log(self, position: int) -> tuple[bytes, int]:
        """The whole lines from a position (in bytes) on, and the position behind them."""
        return read_lines(self.events, position)

    def age(self) -> float:
        """Seconds since the last event was logged."""
        try:
            return max(0.0, time.time() - self.events.stat().st_mtime)
        except OSError:
            return 0.0


def _reason(error: Exception) -> str:
    """What an error says, without the number and the path."""
    return str(getattr(error, "strerror", None) or error)
