"""Snapshots: states of a run at many of its moments, from which any other moment follows."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

SHARE = 0.01
"""The most of the training's time that snapshots may take."""

NAME = re.compile(r"(\d{1,18})\.pt")


class Stepping(Protocol):
    """What is asked of the state of the training."""

    @property
    def step(self) -> int: ...

    def state_dict(self) -> dict[str, Any]: ...


class Snapshots:
    """Files of a folder, one a snapshot, whose names say after how many batches of the run each was taken.

    As the run grows, every second one is deleted, so that they lie evenly and `megabytes` hold them. What cannot be
    written or read is done without: training goes on, and a walk takes longer.
    """

    def __init__(
        self,
        folder: Path,
        save: Callable[[Path, dict[str, Any]], None],
        load: Callable[[Path], dict[str, Any]],
        megabytes: float,
        every: int = 1,
        first: int = 0,
    ) -> None:
        self._folder = folder
        self._save, self._load = save, load
        self._most_bytes = megabytes * 1e6
        self._first = first  # where a branch begins, which nothing else can give back
        self._spent = self._cost = 0.0  # seconds for all snapshots, and for the last one
        self._every = every  # the least number of batches from one to the next
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

    def keep_if_due(self, state: Stepping, trained_seconds: float) -> None:
        """Takes a snapshot, where the share of the time that was trained so far allows it."""
        if self._spent + self._cost > SHARE * trained_seconds or state.step < max(self.steps, default=0) + self._every:
            return
        started = time.perf_counter()
        self.keep(state)
        self._cost = time.perf_counter() - started
        self._spent += self._cost

    def keep(self, state: Stepping) -> None:
        """Takes a snapshot."""
        path = self._path(state.step)
        try:
            self._folder.mkdir(exist_ok=True)
            self._save(path, state.state_dict())
            self._sizes[state.step] = path.stat().st_size
        except OSError:
            self.thin()
        while sum(self._sizes.values()) > self._most_bytes and self.thin():
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
