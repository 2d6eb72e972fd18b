"""The events that training emits: frozen dataclasses, and their form as one line of JSON each."""

import base64
import functools
import json
import math
import re
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from .files import parse_json

SIDE = 28
"""Pixels along each side of an image."""

Reason: TypeAlias = Literal["completed", "stopped", "diverged", "failed"]

Detail: TypeAlias = Literal["groups", "batches", "steps"]
"""What is told of a training: an event for a group of batches, for each batch, or for each with its StepTaken too."""


@dataclass(frozen=True)
class Preparing:
    """Work before the training: loading, reading, downloading. `total` is 0 where the amount is unknown."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class RunStarted:
    """The run's settings and sizes. `parameters` counts the weights and biases; `notice` is for the user.

    `classes` are the classes' names, by their labels. `shape` is an example's: (channels, height, width), or (columns,)
    of a table, whose `columns` have names. `model` says what is trained in a few words, `steps` how a step is taken.
    `surroundings` are what else the run's bits depend on: versions, the machine, digests of the data and the source.
    """

    run: str
    config: dict[str, Any]
    device: str
    dataset: str
    train_size: int
    test_size: int
    parameters: int
    notice: str = ""
    resumed_from: str | None = None
    classes: tuple[str, ...] = tuple("0123456789")
    shape: tuple[int, ...] = (1, 28, 28)
    columns: tuple[str, ...] = ()
    model: str = ""
    steps: str = ""
    surroundings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """The test examples on show: their numbers, their labels, and what they are.

    Of images `pixels`, raw 0-255, row by row, the channels of a pixel side by side; of a table `values`, a row each.
    """

    indices: tuple[int, ...]
    labels: tuple[int, ...]
    pixels: tuple[bytes, ...]
    values: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class BatchFinished:
    """One or more steps of training, up to this batch. `epoch` and `batch` count from 1.

    `losses` are those of the batches since the event before, the last of them this batch's `loss`. `running_loss`
    (mean over batches), `running_accuracy` (fraction), `seconds` and `images_per_second` are the epoch's so far,
    time spent paused not counted. `learning_rate` is the one this batch was trained with.
    """

    epoch: int
    batch: int
    batches: int
    loss: float
    running_loss: float
    running_accuracy: float
    images_per_second: float
    seconds: float
    learning_rate: float = 0.0
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class EpochFinished:
    """An epoch of training and its test. Losses are means over batches, accuracies fractions.

    Where examples were split off for validation, `test_loss` and `test_accuracy` are theirs, and `split` says so.
    `weights_sha256` is the digest of the model's state dict then. It is empty where the last one took more than 1 % of
    the training since (and more than 10 ms); the last epoch always has one.
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    train_seconds: float
    test_seconds: float
    split: Literal["test", "validation"] = "test"
    weights_sha256: str = ""


@dataclass(frozen=True)
class Predictions:
    """What the model makes of the examples of `Preview`: the likeliest class and all classes' probabilities, each."""

    predictions: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class DigitImages:
    """Test examples that a later event names: their numbers, and what they are, as in `Preview`. Each comes once."""

    indices: tuple[int, ...]
    pixels: tuple[bytes, ...]
    values: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Mistakes:
    """What the test after an epoch got wrong.

    `confusion[label][prediction]` counts all test examples. Of each wrong pair, up to ten are named, the most
    confidently wrong first: number, label, prediction, and the probability that the prediction was given.
    """

    epoch: int
    confusion: tuple[tuple[int, ...], ...]
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    predictions: tuple[int, ...]
    confidences: tuple[float, ...]


@dataclass(frozen=True)
class Weights:
    """The units of the first layer whose inputs are pixels, as they are after `batch` of `epoch` (both from 1).

    They are hidden units, or a convolution's kernels; `layer` is the layer's name, empty where there is none.
    `incoming`: for each unit a byte a pixel of `shape` (height, width), row by row: a byte less 128, by `scale`, is the
    weight of a pixel, the mean over its channels. `outgoing`: for each unit a weight for each class, or nothing where
    another layer comes before the classes. `activity`: the share of 1,000 test examples that switch the unit on; a
    unit at 0 is dead.
    """

    epoch: int
    batch: int
    scale: float
    incoming: tuple[bytes, ...]
    outgoing: tuple[tuple[float, ...], ...]
    activity: tuple[float, ...]
    shape: tuple[int, ...] = (28, 28)
    layer: str = "hidden"


@dataclass(frozen=True)
class StepTaken:
    """The details of one step of training: the six steps of the loop as they happened to `batch` of `epoch`.

    `labels`, `logits` (one a class, each) and `pixels` or `values` (as in `Preview`) are the batch's; `loss` is its
    loss before the step, `loss_after` after it, both without dropout. For each of `parameters` (names as in the state
    dict): the norms of its gradient, of its update and of its values before the step. `unit_updates` are the norms of
    the updates of each unit of the first layer that reads pixels, in their order.
    """

    epoch: int
    batch: int
    learning_rate: float
    labels: tuple[int, ...]
    pixels: tuple[bytes, ...]
    logits: tuple[tuple[float, ...], ...]
    loss: float
    loss_after: float
    parameters: tuple[str, ...]
    gradient_norms: tuple[float, ...]
    update_norms: tuple[float, ...]
    weight_norms: tuple[float, ...]
    values: tuple[tuple[float, ...], ...] = ()
    unit_updates: tuple[float, ...] = ()

    @property
    def predictions(self) -> tuple[int, ...]:
        """What the model took each example for."""
        return tuple(row.index(max(row)) for row in self.logits)


@dataclass(frozen=True)
class Drawing:
    """What the model makes of a drawn digit: its 784 pixels, as the model got them, and ten probabilities."""

    pixels: bytes
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class LearningRateChanged:
    """The learning rate was set by hand, after `batch` of `epoch` (both from 1; 0 before the first)."""

    epoch: int
    batch: int
    learning_rate: float


@dataclass(frozen=True)
class BatchSkipped:
    """The batch after `batch` of `epoch` (both from 1; 0 before the first) was left out by hand."""

    epoch: int
    batch: int


@dataclass(frozen=True)
class Forked:
    """The run is a branch of `parent`, another run, from after `batch` of `epoch` (both from 1; 0 before the first)."""

    parent: str
    epoch: int
    batch: int


@dataclass(frozen=True)
class Moment:
    """A moment of the run that was walked to: after `step` of its batches, which count over all epochs.

    One can walk from `first` to `last`. `events` say what held then: a BatchFinished and what else was asked for. Where
    the moment cannot be had, `error` says why in a sentence, and there are none.
    """

    step: int
    first: int
    last: int
    events: "tuple[Event, ...]" = ()
    error: str = ""


@dataclass(frozen=True)
class Flips:
    """Held-out examples that are read right at one of two moments and wrong at the other.

    The moments are after `earlier` and after `later` batches of the run. All such examples are counted; of each kind
    the surest at the later moment are named, those that became wrong first: number, label, what each was read as
    (`before`, `now`), the probabilities that these readings had, and `pixels` or `values` as in `Preview`.
    """

    earlier: int
    later: int
    became_right: int
    became_wrong: int
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    before: tuple[int, ...]
    now: tuple[int, ...]
    sure_before: tuple[float, ...]
    sure_now: tuple[float, ...]
    pixels: tuple[bytes, ...]
    values: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class FlipFound:
    """After which batch the example `index` came to be read as it is at a later moment, and stayed so until then.

    `step` counts the run's batches over all epochs. It is None where the search had to end: until after `looked` of
    the batches the example is read as it is then.
    """

    index: int
    step: int | None
    looked: int


@dataclass(frozen=True)
class Influences:
    """How much each training example of the last batches moved the probability of `reading` for one held-out example.

    The batches are those after `first` up to `last`, counted over all epochs: `trained` examples; the probability
    went from `before` to `after`. The effects are to the first order, in the probability: `total` is their sum, and
    those that raised it most are named, the largest first, then those that lowered it most: number, label, `steps` (the
    batch of each), `effects`, and `pixels` or `values` as in `Preview`.
    """

    index: int
    reading: int
    first: int
    last: int
    trained: int
    before: float
    after: float
    total: float
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    steps: tuple[int, ...]
    effects: tuple[float, ...]
    pixels: tuple[bytes, ...]
    values: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class NoAnswer:
    """A question about the past that could not be answered: `error` says why in a sentence."""

    error: str


@dataclass(frozen=True)
class Saving:
    """Whether the run can be saved: `error` says what could not be written; it is empty once that works again."""

    error: str


@dataclass(frozen=True)
class Past:
    """What a resumed or watched run emitted before; it is in the run's log already, where this event has no line."""

    events: "tuple[Event, ...]"


@dataclass(frozen=True)
class Watched:
    """Of a watched run: whether a process trains it, and the seconds since its last event."""

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
    | DigitImages
    | Mistakes
    | Weights
    | StepTaken
    | Drawing
    | LearningRateChanged
    | BatchSkipped
    | Forked
    | Moment
    | Flips
    | FlipFound
    | Influences
    | NoAnswer
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
        values = parse_json(line)
        name = values.pop("event")
        if name not in KINDS:
            return None
        hints = _hints(name)
        return KINDS[name](**{key: _decode(hints[key], value) for key, value in values.items() if key in hints})
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
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
    """The value of a field of that type, from its form in JSON. Raises TypeError, ValueError or OverflowError."""
    kind = get_origin(hint) or hint
    if hint is float:
        return float(value)
    if hint is bytes:
        return base64.b64decode(value)
    if kind is tuple:
        return tuple(_decode(get_args(hint)[0], item) for item in value)
    if kind is UnionType:
        return None if value is None else _decode(get_args(hint)[0], value)
    if not (value in get_args(hint) if kind is Literal else isinstance(value, kind)):
        raise TypeError(f"{value!r:.40} is no {hint}")
    return value
