"""Events and their lines of JSON."""

import json
import math

import pytest

from mlp_tui.events import (
    BatchFinished,
    DigitImages,
    Drawing,
    EpochFinished,
    Event,
    FlipFound,
    Flips,
    Influences,
    LearningRateChanged,
    Mistakes,
    NoAnswer,
    Predictions,
    Preparing,
    Preview,
    RunFinished,
    RunStarted,
    StepTaken,
    Weights,
    from_json,
    to_json,
)

EVENTS: list[Event] = [
    Preparing("Downloading", 3, 10),
    RunStarted("mnist-1", {"epochs": 5, "learning_rate": 0.01}, "cpu", "mnist", 60000, 10000, 79510, "a notice"),
    Preview((1000, 1001), (9, 0), (bytes(784), bytes(range(256)) * 3 + bytes(16))),
    BatchFinished(1, 2, 938, 0.5, 0.75, 0.5, 1000.0, 0.1, 0.01, (1.0, 0.5)),
    EpochFinished(1, 5, 0.25, 0.9, 0.3, 0.91, 1.5, 0.1),
    Predictions((3, 4), ((0.1,) * 10, (0.0,) * 9 + (1.0,))),
    DigitImages((1000, 3), (bytes(784), bytes(range(256)) * 3 + bytes(16))),
    Mistakes(1, ((8, 2), (1, 9)), (7, 3, 1), (0, 0, 1), (1, 1, 0), (0.99, 0.75, 0.5)),
    Weights(1, 938, 0.004, (bytes(784), bytes(784)), ((0.5,) * 10, (-0.5,) * 10), (0.25, 0.0)),
    StepTaken(1, 2, 0.01, (3,), (bytes(784),), ((0.5,) * 10,), 2.25, 2.0, ("hidden.weight",), (0.5,), (0.25,), (7.0,)),
    Drawing(bytes(784), (0.1,) * 10),
    LearningRateChanged(2, 100, 0.005),
    Flips(938, 1876, 2, 1, (7, 3), (1, 2), (1, 0), (0, 2), (0.5, 0.75), (0.9, 0.8), (bytes(784), bytes(784))),
    FlipFound(7, 1510, 1509),
    FlipFound(7, None, 1200),
    Influences(7, 0, 1500, 1510, 640, 0.125, 0.75, 0.5, (9,), (0,), (1502,), (0.25,), (), ((1.0, 2.0),)),
    NoAnswer("The snapshots of this run are gone."),
    RunFinished("completed", 5, 0.25, 0.9, 7.5),
    RunFinished("failed", 0, None, None, 0.0, "No."),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = to_json(event)
    assert "\n" not in line
    assert from_json(line) == event


def test_the_line_names_the_event_in_snake_case() -> None:
    assert json.loads(to_json(EVENTS[3]))["event"] == "batch_finished"


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_a_string_in_json(loss: float) -> None:
    line = to_json(BatchFinished(1, 1, 1, loss, loss, 0.0, 0.0, 0.0))
    assert json.loads(line, parse_constant=pytest.fail)["loss"] == str(loss)
    event = from_json(line)
    assert isinstance(event, BatchFinished)
    assert str(event.loss) == str(loss)


def test_a_kind_from_a_later_version_is_skipped_and_so_is_a_field() -> None:
    assert from_json('{"event": "weights_drawn", "units": 3}') is None
    assert from_json('{"event": "preparing", "what": "x", "colour": "red"}') == Preparing("x")


@pytest.mark.parametrize("line", ["", '{"event": "batch_fin', "[1, 2]", "3", "{}", '{"event": "preparing"}'])
def test_what_is_no_event_is_said_to_be_none(line: str) -> None:
    with pytest.raises(ValueError):
        from_json(line)
