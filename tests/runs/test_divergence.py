"""Weights that are ruined end the run, wherever that shows, and never replace a good checkpoint."""

import dataclasses
import math
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    BatchSkipped,
    EpochFinished,
    Event,
    LearningRateChanged,
    RunFinished,
    RunStarted,
    StepTaken,
    Tripped,
)
from mlp_tui.runs.divergence import Divergence, Trip
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session

EPOCHS = 3


def last_batch_of(epoch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, BatchFinished) and event.epoch == epoch and event.batch == event.batches


def ruined(session: Session, value: float, when: Callable[[Event], bool], stops: bool = False) -> RunFinished:
    """The end of a run in which one bias of the hidden layer got that value after an event."""
    stop = threading.Event()
    for event in session.events(stop):
        if when(event):
            assert session._state
            with torch.no_grad():
                dict(session._state.model.named_parameters())["hidden.bias"][0] = value
            if stops:
                stop.set()
    assert isinstance(event, RunFinished)
    return event


def saved_weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder.checkpoint, weights_only=True)["training"]["model"]
    return weights


@pytest.fixture
def session(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session that saves at the end of each epoch."""
    monkeypatch.setattr("mlp_tui.runs.recorder.SHARE", 1e9)
    return Session(TrainingConfig(epochs=EPOCHS, data_dir=small_mnist))


@pytest.mark.parametrize("epoch", [2, EPOCHS])
def test_a_test_whose_loss_is_not_a_number_ends_the_run(session: Session, epoch: int) -> None:
    end = ruined(session, math.nan, last_batch_of(epoch))
    assert end.reason == "diverged"
    assert end.message.startswith(f"The test loss became nan after epoch {epoch}, at learning rate 0.01")
    assert session.folder and not session.folder.model.exists()
    assert all(value.isfinite().all() for value in saved_weights(session.folder).values())


@pytest.mark.parametrize("epoch", [2, EPOCHS])
def test_a_weight_that_is_not_finite_ends_the_run_though_no_loss_shows_it(session: Session, epoch: int) -> None:
    # ReLU makes 0 of -inf: the unit is dead, and the losses stay as they are.
    end = ruined(session, -math.inf, last_batch_of(epoch))
    assert end.reason == "diverged"
    assert end.message.startswith(f"A weight was not finite any more at the end of epoch {epoch}")
    assert session.folder and not session.folder.model.exists()
    assert all(value.isfinite().all() for value in saved_weights(session.folder).values())


def test_a_run_that_is_stopped_with_ruined_weights_keeps_its_good_checkpoint(session: Session) -> None:
    end = ruined(session, -math.inf, last_batch_of(2), stops=True)
    assert end.reason == "stopped" or "not finite" in end.message
    assert session.folder
    assert all(value.isfinite().all() for value in saved_weights(session.folder).values())


class Well:
    """A state in which all weights are finite."""

    begun, learning_rate, step = True, 0.01, 154

    def weights_are_finite(self) -> bool:
        return True

    def describe(self) -> str | None:
        return None


def tripped(
    losses: list[float], tripwire: Literal["tenfold", "infinite"] = "tenfold", size: int = 10**6
) -> Trip | None:
    """What a watcher says of a run of two classes with those losses, which come so many an event."""
    divergence = Divergence(tripwire)
    divergence.add(RunStarted("run", {}, "cpu", "", 1, 1, 1, classes=("a", "b")), Well())
    for start in range(0, len(losses), size):
        part, state = losses[start : start + size], Well()
        state.step = 100 + start + len(part)
        event = BatchFinished(2, start + len(part), 1000, part[-1], 1.0, 0.5, 1.0, 1.0, losses=tuple(part))
        if trip := divergence.add(event, state):
            return trip
    return None


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_loss_that_is_not_finite_trips_and_names_the_batch_at_which_it_had_risen(size: int) -> None:
    trip = tripped([1.0] * 50 + [30.0, 50.0, 1e30, math.inf, 1.0], size=size)
    assert trip and trip.first == 151
    assert trip.what == (
        "The loss became inf in epoch 2, batch 54 (it had risen tenfold by epoch 2, batch 51), at learning rate 0.01"
    )
    trip = tripped([math.nan], size=size)
    assert trip and (trip.what, trip.first) == ("The loss became nan in epoch 2, batch 1, at learning rate 0.01", 101)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_loss_trips_that_stays_ten_times_as_large(size: int) -> None:
    bad = [11.0] * 20
    trip = tripped([1.0] * 50 + bad + [1.0], size=size)
    assert trip and (trip.first, trip.is_bad(10.0), trip.is_bad(10.1)) == (151, False, True)
    assert trip.what == (
        "The loss rose tenfold in epoch 2, batch 51, and stayed there for 20 batches, at learning rate 0.01"
    )
    assert tripped([1.0] * 50 + bad[1:] + [1.0] + bad[1:], size=size) is None
    assert tripped([1.0] * 50 + bad * 9, "infinite", size) is None
    trip = tripped([1.0] * 50 + bad * 9 + [math.inf], "infinite", size)
    assert trip and trip.first == 151


def test_losses_next_to_nothing_may_leap() -> None:
    assert tripped([1e-6] * 500 + [0.3] * 30 + [1e-6] * 100) is None
    assert tripped([1e-6] * 500 + [0.4] * 30) is not None  # more than half of what guessing gives


def test_a_last_epoch_that_is_well_is_completed(session: Session) -> None:
    events = list(session.events(threading.Event()))
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "completed"
    assert session.folder and session.folder.model.exists()
    assert len([event for event in events if isinstance(event, EpochFinished)]) == EPOCHS


# The last good moment


def raised(epoch: int, batch: int, rate: float) -> Callable[[Session, Event], None]:
    """Sets a rate by hand after a batch."""

    def do(session: Session, event: Event) -> None:
        if isinstance(event, BatchFinished) and (event.epoch, event.batch) == (epoch, batch) and session._state:
            session._state.learning_rate = rate
            session._emit(LearningRateChanged(epoch, batch, rate))

    return do


def run(session: Session, do: Callable[[Session, Event], None] = lambda session, event: None) -> list[Event]:
    events = []
    for event in session.events(threading.Event()):
        events.append(event)
        do(session, event)
    return events


def end_of(events: list[Event]) -> RunFinished:
    assert isinstance(events[-1], RunFinished)
    return events[-1]


def only(kind: type[Any], events: list[Event]) -> Any:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def saved_place(folder: RunFolder) -> tuple[int, int]:
    training = torch.load(folder.checkpoint, weights_only=True)["training"]
    return training["epoch"], training["totals"]["batches"]


@pytest.fixture
def many(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """A run of 4 epochs of 40 batches, with an event for each."""
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)
    return TrainingConfig(epochs=4, batch_size=16, data_dir=small_mnist, device="cpu", hidden_sizes=(20,))


@pytest.mark.parametrize("rate", [1e4, 1e30], ids=["tenfold", "infinite"])
def test_a_run_goes_back_to_before_the_step_that_ruined_it(many: TrainingConfig, rate: float) -> None:
    session = Session(many)
    events = run(session, raised(2, 5, rate))
    found = only(Tripped, events)
    assert (found.epoch, found.batch, found.by_data) == (2, 6, False)
    assert found.where.startswith("in layer output, whose ")
    step = only(StepTaken, events)
    assert (step.epoch, step.batch) == (2, 6) and step.loss < 1 and not step.loss_after < 10
    end = end_of(events)
    assert end.reason == "diverged"
    folder = session.folder
    assert folder and session.tripped is folder and session.unfinished is None
    run_name = f"runs/{folder.name} --learning-rate {rate / 2:g} "
    assert f"The run is saved as it was at epoch 2, batch 5: mlp-tui --resume {run_name}goes on" in end.message
    assert saved_place(folder) == (1, 5)
    # At half the rate, as often as it takes.
    halved = 0
    while session.tripped:
        session.go_on_next("halve")
        events = run(session)
        halved += 1
        change = next(event for event in events if isinstance(event, LearningRateChanged))
        assert change.learning_rate == rate / 2**halved
        assert (change.epoch, change.batch) == (2, 5) or halved > 1
    assert end_of(events).reason == "completed"
    assert folder.read_config()["learning_rate"] == 0.01


def test_the_last_good_moment_has_the_bits_of_then(many: TrainingConfig) -> None:
    states: dict[tuple[int, int], dict[str, torch.Tensor]] = {}

    def keep(session: Session, event: Event) -> None:
        raised(3, 12, 1e5)(session, event)
        if isinstance(event, BatchFinished) and session._state:
            weights = session._state.model.state_dict()
            states[event.epoch - 1, event.batch] = {name: value.clone() for name, value in weights.items()}

    session = Session(many)
    run(session, keep)
    assert session.folder
    place = saved_place(session.folder)
    assert place == (2, 12)
    saved = saved_weights(session.folder)
    assert all(torch.equal(saved[name], value) for name, value in states[place].items())


def test_a_batch_that_is_left_out_is_left_out_when_the_run_is_had_again(many: TrainingConfig) -> None:
    session = Session(many)
    run(session, raised(2, 40, 1e5))
    found = session.tripped
    assert found and saved_place(found) == (2, 0)  # the epoch is tested before its successor goes wrong
    session = Session(TrainingConfig.from_dict(found.read_config() | {"learning_rate": 0.003}), found)
    session.tripped = found
    session.go_on_next("skip")
    events = run(session, raised(3, 2, 0.003))
    skipped = only(BatchSkipped, events)
    assert (skipped.epoch, skipped.batch) == (3, 0)
    first = next(event for event in events if isinstance(event, BatchFinished))
    assert (first.epoch, first.batch) == (3, 2)
    if end_of(events).reason == "completed":
        assert [event.epoch for event in found.read_events() if isinstance(event, EpochFinished)] == [1, 2, 3, 4]
    again = Session(TrainingConfig.from_dict(found.read_config()), found, replay=True)
    run(again)
    assert again.past and not again.past.go(again.past.last).error
    replayed = again.past.replay.state_dict()["model"]
    assert all(torch.equal(replayed[name], value) for name, value in saved_weights(found).items())


NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.output = nn.Linear(784, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = x.flatten(1)
        odd = (x[:, 0] - 0.5813).abs() < 0.001  # a first pixel of 79, as one example of 80 has
        bad = float("nan") if self.training and bool(odd.any()) else 0.0
        return self.output(self.hidden(x).relu() + bad)
"""


def test_a_batch_whose_examples_are_to_blame_can_be_skipped(many: TrainingConfig) -> None:
    Path("net.py").write_text(NET)
    session = Session(dataclasses.replace(many, epochs=1, batch_size=8, model="net.py:Net"))
    skipped = []
    events = run(session)
    while session.tripped:
        found = only(Tripped, events)
        assert found.by_data and found.where == "in layer output, whose output is not finite"
        step = only(StepTaken, events)
        assert (step.epoch, step.batch) == (found.epoch, found.batch)
        assert end_of(events).message.endswith("asks whether to skip the next batch, which is to blame.")
        skipped.append(found.batch)
        session.go_on_next("skip")
        events = run(session)
    assert (end_of(events).reason, end_of(events).message) == ("completed", "") and session.folder
    assert skipped == sorted(set(skipped)) and 0 < len(skipped) < 20
    logged = [event.batch + 1 for event in session.folder.read_events() if isinstance(event, BatchSkipped)]
    assert logged == skipped
    assert all(value.isfinite().all() for value in saved_weights(session.folder).values())


STEEP = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.output, self.unused = nn.Linear(784, 10), nn.Linear(1, 1, bias=False)

    def forward(self, x):
        # The root's slope at 0 is infinite, and infinite times 0 is not a number: that is the gradient.
        ruin = torch.where(torch.tensor(True), torch.zeros(()), (self.unused.weight.sum() * 0).sqrt())
        return self.output(x.flatten(1)) + ruin
"""


def test_weights_that_are_ruined_without_a_loss_that_says_so_trip(many: TrainingConfig) -> None:
    Path("net.py").write_text(STEEP)
    session = Session(dataclasses.replace(many, model="net.py:Net"))
    events = run(session)
    assert end_of(events).message.startswith("A weight was not finite any more at the end of epoch 1")
    found = only(Tripped, events)
    assert (found.epoch, found.batch) == (1, 1)
    assert found.where == "in the gradient of unused.weight, which is not finite"


def test_the_command_in_the_message_goes_on(many: TrainingConfig) -> None:
    arguments = ["--epochs", "2", "--batch-size", "16", "--learning-rate", "1e30", "--data-dir", str(many.data_dir)]
    command = [sys.executable, "-m", "mlp_tui"]
    done = subprocess.run([*command, "--no-ui", *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    advice = re.search(r"mlp-tui (--resume \S+) --learning-rate 5e\+29 goes on from there\.", done.stderr)
    assert advice, done.stderr
    resume = [*command, "--no-ui", *advice[1].split(), "--learning-rate", "0.01"]
    done = subprocess.run(resume, capture_output=True, text=True)
    assert done.returncode == 0 and "Epoch 2 done." in done.stdout, done.stderr


def test_where_the_moment_cannot_be_had_again_the_last_checkpoint_stays(
    many: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr("mlp_tui.training.replay.Replay.__init__", broken)
    monkeypatch.setattr("mlp_tui.runs.recorder.SHARE", 1e9)
    session = Session(many)
    events = run(session, raised(2, 5, 1e6))
    assert end_of(events).message.endswith(", at learning rate 1e+06: try a smaller --learning-rate.")
    assert session.tripped is None and session.folder
    assert "no memory" in session.folder.output.read_text()
    assert saved_place(session.folder) == (1, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"schedule": "one-cycle"},
        {"dropout": 0.5},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        {"learning_rate": 0.1, "activation": "tanh"},
    ],
    ids=str,
)
def test_a_run_that_is_well_never_trips(mnist_dir: Path, settings: dict[str, Any]) -> None:
    config = TrainingConfig(epochs=2, data_dir=mnist_dir, dataset="mnist", **settings)
    assert end_of(run(Session(config))).reason == "completed"
