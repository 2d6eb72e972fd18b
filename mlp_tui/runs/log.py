"""A run's log: its events, one a line of JSON; appended, thinned where they come many a second, and read back."""

import os
import time
from dataclasses import replace
from pathlib import Path

from ..events import (
    BatchFinished,
    Drawing,
    Event,
    FlipFound,
    Flips,
    Influences,
    Mistakes,
    Moment,
    NoAnswer,
    Predictions,
    RunFinished,
    Saving,
    StepTaken,
    from_json,
    to_json,
)
from ..files import open_regular

LOG_SECONDS: dict[type[Event], float] = {BatchFinished: 0.1, Predictions: 1.0, Mistakes: 5.0}
"""The least time from one logged event of a kind to the next, where there are many; a run's last is logged too."""

UNLOGGED = (StepTaken, Drawing, Saving, Moment, Flips, FlipFound, Influences, NoAnswer)
"""Answers to the person at the keyboard, and what holds of this process alone: no part of the run's history."""

MOST_BATCHES = 20_000
"""At most about this many batches are read from a log: more take time and show nothing more."""

TAIL = 1 << 16
"""Bytes at the end of a log that are sure to hold its last event whole."""


def beginning(event: Event) -> bytes:
    """How the line of an event of that kind begins in a log."""
    return to_json(event).split(",")[0].encode()


BATCH = beginning(BatchFinished(0, 0, 0, 0, 0, 0, 0, 0))


def read_lines(path: Path, position: int) -> tuple[bytes, int]:
    """The whole lines of a log from a position (in bytes) on, and the position behind them; none where it cannot be.

    Where the log has become shorter, since the run was resumed from an earlier point, it is read from its end.
    """
    try:
        with open(open_regular(path), "rb") as log:
            position = min(position, log.seek(0, os.SEEK_END))
            log.seek(position)
            data = log.read()
    except OSError:
        return b"", position
    lines = data[: data.rfind(b"\n") + 1]
    return lines, position + len(lines)


def tail(path: Path, length: int = TAIL) -> list[bytes]:
    """The whole lines in the last `length` bytes of a log, and all of a shorter one."""
    try:
        size = path.stat().st_size
    except OSError:
        return []
    lines = read_lines(path, max(0, size - length))[0].splitlines()
    return lines[1:] if size > length else lines


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
    """Appends events to a run's log, fewer of the kinds that come many times a second.

    What cannot be written is kept and tried again with the next event; `error` says what could not be and why.
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
        """Logs an event, or keeps it until its kind is due. Errors are kept in `error`."""
        kind = type(event)
        if isinstance(event, UNLOGGED):
            return
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
        self._pending += [to_json(each).encode() + b"\n" for each in events]
        self.flush()

    def flush(self) -> None:
        """Writes what waits to be written."""
        data = b"".join(self._pending)
        try:
            with open(open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab") as file:
                self.position = min(self.position, file.tell())
                file.truncate(self.position)  # what was left of a line that did not fit, or of a later, lost life
                file.write(data)
            self.position += len(data)
            self._pending.clear()
            self.error = ""
        except OSError as error:
            self.error = f"{self._path}: {error.strerror or error}"
