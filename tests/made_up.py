"""A made-up run: the events of one that never happened, for what shows events."""

import dataclasses
import math
import threading
import zlib
from collections.abc import Collection, Generator, Iterator
from pathlib import Path

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    DigitImages,
    Drawing,
    EpochFinished,
    Event,
    Flips,
    Influences,
    Mistakes,
    Moment,
    Predictions,
    Preparing,
    Preview,
    RunFinished,
    RunStarted,
    StepTaken,
    Weights,
)
from mlp_tui.runs.source import EventSource

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
    return RunStarted(
        "mnist-20260101-120000", config, "cpu (1 thread)", "mnist", 60000, 10000, 79510, notice, model="784-100-10 ReLU"
    )


def preview() -> Preview:
    return Preview(tuple(range(1000, 1020)), LABELS, tuple(PIXELS[i : i + 784] for i in range(0, len(PIXELS), 784)))


def batch(epoch: int, number: int, batches: int, loss: float, losses: tuple[float, ...] = ()) -> BatchFinished:
    return BatchFinished(epoch, number, batches, loss, loss, 0.9, 80_000.0, number * 0.0008, 0.01, losses)


def opening(epochs: int = 5, notice: str = "") -> list[Event]:
    """Everything before the first batch."""
    return [Preparing("Loading PyTorch"), run_started(epochs, notice), preview(), predictions(18)]


def epoch(number: int, epochs: int = 5, batches: int = 938) -> Iterator[Event]:
    """One epoch: its loss falls, with ripples."""
    total = 0.0
    for i in range(1, batches + 1):
        done = number - 1 + i / batches
        loss = 2.1 * math.exp(-9 * done) + 0.25 / (1 + done) + 0.02 * math.sin(i / 5)
        total += loss
        yield dataclasses.replace(batch(number, i, batches, loss), running_loss=total / i)
    yield predictions(max(1, 4 - number))
    yield result(number, epochs)


def result(number: int, epochs: int = 5) -> EpochFinished:
    accuracy = 0.97 - 0.06 / number - 0.01 * (number > 3)
    return EpochFinished(number, epochs, 0.27 / number, accuracy - 0.01, 0.24 / number, accuracy, 0.75, 0.05)


CONFUSED = {(4, 9): 31, (9, 4): 18, (7, 2): 22, (3, 5): 27, (5, 3): 14, (8, 3): 11, (2, 7): 9, (7, 9): 16, (5, 8): 8}
"""How often a label is taken for another digit in the first made-up test."""


def mistakes(number: int) -> list[Event]:
    """The mistakes of the test after epoch `number`, fewer each time, with the pixels they speak of."""
    errors = {pair: count // number for pair, count in CONFUSED.items()}
    confusion = [
        [errors.get((label, digit), (label + 3 * digit) % 4 // number) for digit in range(10)] for label in range(10)
    ]
    for label in range(10):
        confusion[label][label] = 1000 - sum(count for digit, count in enumerate(confusion[label]) if digit != label)
    named = [
        (label, digit, place)
        for label in range(10)
        for digit in range(10)
        if digit != label
        for place in range(min(10, confusion[label][digit]))
    ]
    named.sort(key=lambda name: (name[2], (name[0] * 7 + name[1] * 3) % 11))
    indices = tuple(1000 * label + 100 * digit + place for label, digit, place in named)
    return [
        DigitImages(
            indices, tuple(preview().pixels[LABELS.index(name[0]) if name[0] in LABELS else 0] for name in named)
        ),
        Mistakes(
            number,
            tuple(map(tuple, confusion)),
            indices,
            tuple(label for label, _, _ in named),
            tuple(digit for _, digit, _ in named),
            tuple(max(0.3, 0.999 - 0.002 * i) for i in range(len(named))),
        ),
    ]


def weights(units: int = 100) -> Weights:
    """Hidden units that look for blobs; every seventeenth is dead."""
    incoming = []
    for unit in range(units):
        x, y, sign = 6 + unit * 5 % 17, 6 + unit * 7 % 16, 1 if unit % 3 else -1
        away = [(i % 28 - x) ** 2 + (i // 28 - y) ** 2 for i in range(784)]
        incoming.append(
            bytes(128 + sign * round(120 * math.exp(-d / 18) - 60 * math.exp(-((d - 40) ** 2) / 900)) for d in away)
        )
    return Weights(
        epoch=3,
        batch=400,
        scale=0.004,
        incoming=tuple(incoming),
        outgoing=tuple(tuple(math.sin(unit * 1.7 + digit * 2.3) * 0.9 for digit in range(10)) for unit in range(units)),
        activity=tuple(0.0 if unit % 17 == 16 else 0.05 + unit * 37 % 90 / 100 for unit in range(units)),
    )


def drawing(digit: int = 7) -> Drawing:
    """The answer to a drawing of that digit."""
    pixels = preview().pixels[LABELS.index(digit)]
    return Drawing(pixels, tuple(0.91 if other == digit else 0.01 for other in range(10)))


def step_taken() -> StepTaken:
    """One step laid open, of a batch of 64: the twenty digits over again."""
    labels = tuple(LABELS[i % 20] for i in range(64))
    return StepTaken(
        epoch=2,
        batch=301,
        learning_rate=0.01,
        labels=labels,
        pixels=tuple(preview().pixels[i % 20] for i in range(64)),
        logits=tuple(
            tuple(
                (6.0 if digit == (label if i % 9 else (label + 1) % 10) else 0.0) + math.sin(i * 3.1 + digit * 1.3)
                for digit in range(10)
            )
            for i, label in enumerate(labels)
        ),
        loss=0.5123,
        loss_after=0.4311,
        parameters=("hidden.weight", "hidden.bias", "output.weight", "output.bias"),
        gradient_norms=(0.8123, 0.0312, 0.5021, 0.0411),
        update_norms=(0.6012, 0.0231, 0.1203, 0.0122),
        weight_norms=(12.31, 0.4512, 7.123, 0.2311),
    )


def flips(earlier: int = 938, later: int = 1876) -> Flips:
    """Forty of 1,234 flips: the twenty digits over again, each wrong at one of the two moments."""
    labels = tuple(LABELS[i % 20] for i in range(40))
    other = tuple((label + 1 + i % 9) % 10 for i, label in enumerate(labels))
    return Flips(
        earlier=earlier,
        later=later,
        became_right=1200,
        became_wrong=34,
        indices=tuple(range(7, 8000, 200)),
        labels=labels,
        before=labels[:20] + other[20:],
        now=other[:20] + labels[20:],
        sure_before=tuple(0.4 + i % 7 / 12 for i in range(40)),
        sure_now=tuple(0.999 - i % 20 / 35 for i in range(40)),
        pixels=preview().pixels * 2,
    )


def influences(index: int = 7) -> Influences:
    """What taught the first of those flips: eight digits for it, four against it, of the last ten batches."""
    effects = (0.4123, 0.231, 0.11, 0.052, 0.0311, 0.012, 0.0077, 0.0042, -0.213, -0.0802, -0.023, -0.0101)
    return Influences(
        index=index,
        reading=0,
        first=1500,
        last=1510,
        trained=640,
        before=0.123,
        after=0.678,
        total=0.5311,
        indices=tuple(range(0, 60_000, 5000)),
        labels=LABELS[:12],
        steps=tuple(1510 - i * 7 % 10 for i in range(12)),
        effects=effects,
        pixels=preview().pixels[:12],
    )


class MadeUpSession(EventSource):
    """Stands in for a Session: emits the events it is given, then the end; with `hold`, not before it is stopped."""

    trains = True

    def __init__(self, events: list[Event], end: RunFinished | None = None, hold: bool = False) -> None:
        self.config = self.next_config = TrainingConfig()
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


class MadeUpPast:
    """Stands in for a TimeMachine: any moment of a run of that many batches, 938 an epoch."""

    first = 0

    def __init__(self, last: int) -> None:
        self.last = last
        self.asked: list[tuple[int, frozenset[str]]] = []
        self.left = 0

    def go(self, step: int, wanted: Collection[str] = ()) -> Event:
        self.asked.append((step, frozenset(wanted)))
        epoch, place = divmod(max(0, step - 1), 938)
        events: list[Event] = [predictions(1 + step % 7)]
        if step:
            events += [
                batch(epoch + 1, place + 1, 938, 0.3 + step / 10_000),
                dataclasses.replace(step_taken(), epoch=epoch + 1, batch=place + 1),
            ]
        if "weights" in wanted:
            events.append(dataclasses.replace(weights(), epoch=epoch + 1, batch=place + 1))
        if "mistakes" in wanted:
            events += mistakes(epoch + 1)
        return Moment(step, 0, self.last, tuple(events))

    def leave(self) -> None:
        self.left += 1
