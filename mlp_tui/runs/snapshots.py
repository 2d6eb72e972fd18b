"""Snapshots: states of a run at many of its moments, from which any other moment follows."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

SHARE = 0.01
"""The most of the training's time that snapshots may take."""

MOST = 200
"""Snapshots of a run, however small they are: with more of them no walk would be noticeably shorter."""

NAME = re.compile(r"(\d{1,18})\.pt")


class Stepping(Protocol):
    """What is asked of the state of the training."""

    @property
    def step(self) -> int: ...

    def state_dict(self) -> dict[str, Any]: ...


class Snapshots:
    """Files of a folder, one a snapshot, whose names say after how many batches of the run each was taken.

    As the run grows, every second one is deleted, so that they lie evenly and `megabytes` hold them; with no megabytes
    there are none. What cannot be written or read is done without: training goes on, and a walk takes longer.
    A branch begins at its `first` step, whose snapshot is never deleted: nothing else can give that state back.
    """

    def __init__(
        self,
        folder: Path,
        save: Callable[[Path, dict[str, Any]], None],
        load: Callable[[Path], dict[str, Any]],
        megabytes: float,
        first: int = 0,
    ) -> None:
        self._folder = folder
        self._save, self._load = save, load
        self._most_bytes = megabytes * 1e6
        self._first = first
        self.seconds = 0.0
        """What the snapshots took of the training's time."""
        self._taken = 0  # in that time
        self._due = 0.0  # when the next one may be taken, in seconds of training
        self._every = 1  # the least number of batches from one to the next
        self._sizes: dict[int, int] = {}
        with suppress(OSError):
            for path in folder.iterdir():
                if found := NAME.fullmatch(path.name):
                    self._sizes[int(found[1])] = path.lstat().st_size

    @property
    def steps(self) -> list[int]:
        """The steps of all snapshots, in their order."""
        return sorted(self._sizes)

    def before(self, step: int, above: int = -1) -> Iterator[tuple[int, dict[str, Any]]]:
        """The states at `step` and before, as far as `above`, which is left out; the last first, each with its step.

        Those that cannot be read are passed over.
        """
        for each in reversed(self.steps):
            if above < each <= step:
                try:
                    saved = self._load(self._path(each))
                except Exception:  # a file of anything may make torch's reader raise anything
                    continue
                yield each, saved

    def begin(self, state: Stepping) -> None:
        """Takes a snapshot before the training, and again: the first one of a process takes several times as long."""
        if self._most_bytes or (self._first and state.step == self._first):
            self.keep(state)
            started = time.perf_counter()
            self.keep(state)
            self._due = (time.perf_counter() - started) / SHARE

    def keep_if_due(self, state: Stepping, trained_seconds: float) -> None:
        """Takes a snapshot, where the time that was trained so far allows it.

        By the mean of what they took so far, not by the last one, so that they are evenly spaced.
        """
        due = self._most_bytes and trained_seconds >= self._due
        if due and state.step >= max(self._sizes, default=0) + self._every:
            started = time.perf_counter()
            self.keep(state)
            self.seconds += time.perf_counter() - started
            self._taken += 1
            self._due = trained_seconds + self.seconds / self._taken / SHARE

    def keep(self, state: Stepping) -> None:
        """Takes a snapshot."""
        path = self._path(state.step)
        try:
            self._folder.mkdir(exist_ok=True)
            self._save(path, state.state_dict())
            self._sizes[state.step] = path.stat().st_size
        except (OSError, RuntimeError):  # the disk, or the memory, is full
            self.thin()
        while (len(self._sizes) > MOST or sum(self._sizes.values()) > self._most_bytes) and self.thin():
            pass

    def thin(self) -> bool:
        """Deletes every second snapshot; whether there was any to delete."""
        steps = [step for step in self.steps if step != self._first or not self._first]
        for step in steps[1::2] or steps:
            self._delete(step)
        if len(kept := self.steps) > 1:
            self._every = (kept[-1] - kept[0]) // (len(kept) - 1)
        return bool(steps)

    def cut(self, step: int) -> None:
        """Deletes what was taken after that step, since the run goes on from there, and what was left half written."""
        for each in self.steps:
            if each > step:
                self._delete(each)
        with suppress(OSError):
            for path in self._folder.glob(".*.pt.*"):
                path.unlink()

    def _delete(self, step: int) -> None:
        with suppress(OSError):
            self._path(step).unlink()
        self._sizes.pop(step, None)

    def _path(self, step: int) -> Path:
        return self._folder / f"{step}.pt"
