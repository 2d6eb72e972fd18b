"""What training tells the world: frozen dataclasses, and their form as one line of JSON each."""

import base64
import functools
import json
import math
import re
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

Reason: TypeAlias = Literal["completed", "stopped", "diverged", "failed"]


@dataclass(frozen=True)
class Preparing:
    """Work before the training: loading, reading, downloading. `total` is 0 where the amount is unknown."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class RunStarted:
    """The run's settings and sizes. `parameters` counts the weights and biases; `notice` is for the user."""

    run: str
    config: dict[str, Any]
    device: str
    dataset: str
    train_size: int
    test_size: int
    parameters: int
    notice: str = ""
    resumed_from: str | None = None


@dataclass(frozen=True)
class Preview:
    """The test examples on show: their numbers, labels and pixels (28x28 bytes each, row by row, raw 0-255)."""

    indices: tuple[int, ...]
    labels: tuple[int, ...]
    pixels: tuple[bytes, ...]


@dataclass(frozen=True)
class BatchFinished:
    """One step of training. `epoch` and `batch` count from 1.

    `loss` is this batch's; `running_loss` (mean over batches), `running_accuracy` (fraction), `seconds` and
    `images_per_second` are the epoch's so far, time spent paused not counted.
    """

    epoch: int
    batch: int
    batches: int
    loss: float
    running_loss: float
    running_accuracy: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class EpochFinished:
    """An epoch of training and its test. Losses are means over batches, accuracies fractions."""

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    train_seconds: float
    test_seconds: float


@dataclass(frozen=True)
class Predictions:
    """What the model makes of the examples of `Preview`: the likeliest digit and ten probabilities each."""

    predictions: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Saving:
    """Whether the run can be saved: `trouble` says what could not be written, or nothing once it can again."""

    trouble: str


@dataclass(frozen=True)
class Past:
    """What a run that goes on told before; it is in the run's log already, and has no form of its own there."""

    events: "tuple[Event, ...]"


@dataclass(frozen=True)
class Watched:
    """Of a run that is looked at: whether a process trains it, and the seconds since its last event."""

    live: bool
    age: float


@dataclass(frozen=True)
class RunFinished:
    """The end: why, the epochs done, the last test's result (None if there was none), seconds of computing.

    `message` is one sentence for the user where the reason is `diverged` or `failed`.
    """

    reason: Reason
    epochs: int
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    message: str = ""


Event: TypeAlias = (
    Preparing
    | RunStarted
    | Preview
    | BatchFinished
    | EpochFinished
    | Predictions
    | Saving
    | Past
    | Watched
    | RunFinished
)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


KINDS: dict[str, type[Event]] = {_snake_case(kind.__name__): kind for kind in get_args(Event)}


@functools.cache
def _hints(name: str) -> dict[str, Any]:
    return get_type_hints(KINDS[name])


def to_json(event: Event) -> str:
    """The event as one line of JSON: bytes in base64, numbers that are not finite as strings."""
    values = {field.name: _encode(getattr(event, field.name)) for field in fields(event)}
    return json.dumps({"event": _snake_case(type(event).__name__), **values}, allow_nan=False)


def from_json(line: str) -> Event | None:
    """The event in a line of JSON; None for a kind that this version does not know.

    Raises ValueError where the line is no event at all (half a line, say).
    """
    try:
        values = json.loads(line)
        name = values.pop("event")
        if name not in KINDS:
            return None
        hints = _hints(name)
        return KINDS[name](**{key: _decode(hints[key], value) for key, value in values.items() if key in hints})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an event: {line[:80]!r}") from error


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(hint: Any, value: Any) -> Any:
    if hint is float:
        return float(value)
    if hint is bytes:
        return base64.b64decode(value)
    if get_origin(hint) is tuple:
        return tuple(_decode(get_args(hint)[0], item) for item in value)
    if value is not None and hint == (float | None):
        return float(value)
    return value
