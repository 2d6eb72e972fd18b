"""A made-up run: the events of one that never happened, for what shows events."""

import math
import threading
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    EpochFinished,
    Event,
    Predictions,
    Preparing,
    Preview,
    RunFinished,
    RunStarted,
)
from mlp_tui.session import Session

LABELS = (9, 0, 2, 5, 1, 9, 7, 8, 1, 0, 4, 1, 7, 9, 6, 4, 2, 6, 8, 1)

PIXELS = zlib.decompress(Path(__file__).with_name("digits.zz").read_bytes())
"""Twenty digits with those labels, drawn by the program once and kept, since another CPU may round otherwise."""


def predictions(wrong: int) -> Predictions:
    """All right but the last `wrong`, which are one off."""
    answers = [label if i < 20 - wrong else (label + 1) % 10 for i, label in enumerate(LABELS)]
    return Predictions(
        tuple(answers), tuple(tuple(0.91 if digit == answer else 0.01 for digit in range(10)) for answer in answers)
    )


def run_started(epochs: int = 5, notice: str = "") -> RunStarted:
    config = TrainingConfig(epochs=epochs).as_dict()
    return RunStarted("mnist-20260101-120000", config, "cpu (1 thread)", "mnist", 60000, 10000, 79510, notice)


def preview() -> Preview:
    return Preview(tuple(range(1000, 1020)), LABELS, tuple(PIXELS[i : i + 784] for i in range(0, len(PIXELS), 784)))


def batch(epoch: int, number: int, batches: int, loss: float) -> BatchFinished:
    return BatchFinished(epoch, number, batches, loss, loss, 0.9, 80_000.0, number * 0.0008)


def opening(epochs: int = 5, notice: str = "") -> list[Event]:
    """Everything before the first batch."""
    return [Preparing("Loading PyTorch"), run_started(epochs, notice), preview(), predictions(18)]


def epoch(number: int, epochs: int = 5, batches: int = 938) -> Iterator[Event]:
    """One epoch: its loss falls, with ripples."""
    for i in range(1, batches + 1):
        done = number - 1 + i / batches
        yield batch(number, i, batches, 2.1 * math.exp(-9 * done) + 0.25 / (1 + done) + 0.02 * math.sin(i / 5))
    yield predictions(max(1, 4 - number))
    accuracy = 0.97 - 0.06 / number - 0.01 * (number > 3)
    yield EpochFinished(number, epochs, 0.27 / number, accuracy - 0.01, 0.24 / number, accuracy, 0.75, 0.05)


class MadeUpSession(Session):
    """Stands in for a Session: tells the events it is given, then the end; with `hold`, not before it is stopped."""

    def __init__(self, events: list[Event], end: RunFinished | None = None, hold: bool = False) -> None:
        super().__init__(TrainingConfig())
        self._events = events
        self._end = end or RunFinished("completed", 5, 0.05, 0.95, 4.0)
        self._hold = hold
        self.runs = 0

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        self.runs += 1
        for event in self._events:
            yield event
            if stop.is_set():
                yield RunFinished("stopped", 0, None, None, 0.0)
                return
        while self._hold and not stop.wait(0.05):
            yield predictions(2)
        yield self._end
