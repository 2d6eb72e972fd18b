"""Ways to measure: works in turns, programs in processes and terminals of their own."""

import contextlib
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5

Work = Callable[[], float]


def seconds(work: Callable[[], object], clock: Work = time.perf_counter) -> float:
    """The wall-clock time that `work` takes, or the time of another clock."""
    started = clock()
    work()
    return clock() - started


def side_by_side(*works: Work, rounds: int = ROUNDS) -> list[list[float]]:
    """The figures of each work over the rounds, taken in turns, so that a slow minute slows all of them."""
    figures: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, results in zip(works, figures, strict=True):
            results.append(work())
    return figures


class Program:
    """A Python program in a process of its own, in a folder of its own; with a size, in a pseudo-terminal."""

    def __init__(self, arguments: list[str], size: tuple[int, int] | None = None) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.output = bytearray()
        self._arrived = threading.Condition()
        self.started = time.perf_counter()
        command = [sys.executable, *arguments]
        if size is None:
            self._process = subprocess.Popen(command, cwd=self.folder.name, stdout=subprocess.PIPE)
            assert self._process.stdout
            self._main = self._process.stdout.fileno()
        else:
            self._main, side = pty.openpty()
            columns, rows = map(str, size)
            env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": columns, "LINES": rows}
            self._process = subprocess.Popen(
                command, cwd=self.folder.name, env=env, stdin=side, stdout=side, stderr=side
            )
            os.close(side)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._main, 65536):
                with self._arrived:
                    self.output += data
                    self._arrived.notify_all()

    def wait_for(self, text: bytes, start: int = 0) -> float:
        """Waits until the output holds the text after `start`; the seconds since the program was started."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.output.find(text, start) >= 0, 120), self.output[-500:]
        return time.perf_counter() - self.started

    def type(self, key: bytes) -> None:
        os.write(self._main, key)

    def end(self) -> float:
        """Waits for the program's end; the most memory it had, in MB."""
        most = 0.0
        while self._process.poll() is None:
            # Not what `wait4` tells, which counts the process that this one was forked from.
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = Path(f"/proc/{self._process.pid}/status").read_text()
                most = int(status.split("VmHWM:")[1].split()[0]) / 1024
            time.sleep(0.02)
        return most

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.folder.cleanup()


def result_of(program: str, *arguments: str, size: tuple[int, int] | None = None) -> Any:
    """What a program writes as JSON into the file that is its first argument."""
    running = Program(["-c", program, "result.json", *arguments], size)
    running.end()
    result = json.loads((Path(running.folder.name) / "result.json").read_text())
    running.folder.cleanup()
    return result


def epoch_of(program: str, *arguments: str, size: tuple[int, int] | None = None) -> Work:
    """The median of the epochs' seconds that a program tells."""
    return lambda: float(statistics.median(result_of(program, *arguments, size=size)))
