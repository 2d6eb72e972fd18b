"""The runs of a folder: how far each is, and its losses, read from its settings and its log."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal, TypeAlias

from ..config import TrainingConfig, as_text
from ..errors import UserError
from ..events import BatchFinished, EpochFinished, Event, Reason, RunFinished
from .folder import RunFolder, parent_in
from .log import BATCH, EPOCH, TAIL, beginning, parsed

POINTS = 200
"""At most so many points make a loss curve."""

Standing: TypeAlias = Literal["live", "killed"] | Reason
"""Whether a process trains a run, or how it ended; "killed" where its log has no end."""

Curve: TypeAlias = list[tuple[float, float]]
"""Points: epochs trained, and the loss there."""

SAME_RESULT = {
    "epochs",
    "test_batch_size",
    "dataset",
    "data_dir",
    "device",
    "threads",
    "runs_dir",
    "checkpoint_seconds",
    "tripwire",
    "history_mb",
}
"""Settings that say nothing of how a run learns, or that have a column of their own."""

USUAL = TrainingConfig()

END = beginning(RunFinished("completed", 0, None, None, 0))


@dataclass(frozen=True)
class Run:
    """What the list says of a run."""

    folder: RunFolder
    config: TrainingConfig
    started: float
    """Seconds since 1970."""
    standing: Standing
    epochs: int
    """Epochs that are done."""
    accuracy: float | None
    """The last test's, a fraction."""
    parent: str = ""
    """The name of the run that it is a branch of."""
    depth: int = 0
    """How many runs of the list it descends from."""

    @property
    def settings(self) -> str:
        """The settings that differ from the defaults, of those that matter to what is learnt."""
        names = (field.name for field in fields(TrainingConfig) if field.name not in SAME_RESULT)
        differ = {name: value for name in names if (value := getattr(self.config, name)) != getattr(USUAL, name)}
        return ", ".join(f"{name.replace('_', '-')} {as_text(value)}" for name, value in differ.items())


def list_runs(runs_dir: Path, most: int, without: str = "") -> tuple[list[Run], int]:
    """The newest runs of a folder, at most so many, as a tree, and how many there are; one may be left out by name."""
    started = {}
    for config in runs_dir.glob("*/config.json"):
        with suppress(OSError):  # taken away in between
            started[config.parent] = config.lstat().st_mtime_ns
    newest = sorted(started, key=lambda path: (started[path], path.name), reverse=True)
    paths = [path for path in newest if path.name != without]
    return as_tree([run for path in paths[:most] if (run := read_run(RunFolder(path)))]), len(paths)


def read_run(folder: RunFolder) -> Run | None:
    """What the settings and the end of the log say; None where the folder is damaged."""
    try:
        settings = folder.read_config()
        config, parent = TrainingConfig.from_dict(settings), parent_in(settings)
        started = folder.config.stat().st_mtime
        last = last_result(folder)
    except (UserError, OSError):
        return None
    standing: Standing = "live" if folder.lock.is_held() else "killed"
    epochs, accuracy = 0, None
    if isinstance(last, EpochFinished):
        epochs, accuracy = last.epoch, last.test_accuracy
    elif isinstance(last, RunFinished):
        epochs, accuracy = last.epochs, last.test_accuracy
        if standing != "live":
            standing = last.reason
    return Run(folder, config, started, standing, epochs, accuracy, parent.run if parent else "")


def as_tree(runs: Sequence[Run]) -> list[Run]:
    """The same runs, each behind the one that it is a branch of, where that is among them."""
    names = {run.folder.name for run in runs}
    branches: dict[str, list[Run]] = {}
    for run in runs:
        branches.setdefault(run.parent if run.parent in names else "", []).append(run)
    tree: list[Run] = []
    waiting = [replace(run, depth=0) for run in reversed(branches.pop("", []))]
    while waiting or branches:
        if not waiting:  # runs whose settings name each other
            waiting = branches.pop(next(iter(branches)))[::-1]
        tree.append(run := waiting.pop())
        waiting += [replace(each, depth=run.depth + 1) for each in reversed(branches.pop(run.folder.name, []))]
    return tree


def last_result(folder: RunFolder) -> Event | None:
    """The last EpochFinished or RunFinished of a log, looked for from its end."""
    size = folder.events.stat().st_size if folder.events.exists() else 0
    length = TAIL
    while True:
        lines = folder.read_log(max(0, size - length))[0].splitlines()
        for line in reversed(lines):
            if line.startswith((EPOCH, END)) and (event := parsed(line)):
                return event
        if length >= size:
            return None
        length *= 8


def loss_curve(folder: RunFolder) -> tuple[Curve, Curve]:
    """The train curve of a run, (epochs trained, loss) at no more than 200 points, and its tests, (epoch, loss).

    Each point of the train curve is the mean over all batches from the point before, however few were logged: it
    follows from the means over the epoch so far. A last one of much fewer batches than the one before is left out.
    """
    lines = folder.read_log(0)[0].splitlines()
    batches = [line for line in lines if line.startswith(BATCH)]
    every = max(1, -(-len(batches) // POINTS))
    train: Curve = []
    epoch, of, number, total, count, before = 0, 0, 0, 0.0, 0, 0
    for line in batches[::-every][::-1]:
        event = parsed(line)
        if not isinstance(event, BatchFinished) or event.batch < 1 or event.batches < 1:
            continue
        if (event.epoch, event.batches) != (epoch, of) or event.batch <= number:
            epoch, of, number, total = event.epoch, event.batches, 0, 0.0
        count, before = event.batch - number, count
        loss = (event.running_loss * event.batch - total) / count
        if math.isfinite(loss):
            train.append((epoch - 1 + (number + event.batch) / 2 / event.batches, loss))
        number, total = event.batch, event.running_loss * event.batch
    if train and 2 * count < before:
        train.pop()
    tests = {
        float(event.epoch): event.test_loss
        for line in lines
        if line.startswith(EPOCH) and isinstance(event := parsed(line), EpochFinished)
    }
    return train, [(epochs, loss) for epochs, loss in tests.items() if math.isfinite(loss)]
