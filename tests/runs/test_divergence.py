"""Weights that are ruined end the run, wherever that shows, and never replace a good checkpoint."""

import math
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, RunFinished
from mlp_tui.runs.divergence import Divergence
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

    begun, learning_rate = True, 0.01

    def weights_are_finite(self) -> bool:
        return True

    def largest_weight(self) -> float:
        return 3.5

    def describe(self) -> str | None:
        return None


def test_the_message_names_the_batch_whose_loss_rose_tenfold() -> None:
    losses = [1.0] * 50 + [30.0, 50.0, 1e30, math.inf]
    event = BatchFinished(2, 54, 100, losses[-1], 1.0, 0.5, 1.0, 1.0, losses=tuple(losses))
    assert Divergence().add(event, Well()) == (
        "The loss became inf in epoch 2, batch 54, at learning rate 0.01 (it had risen tenfold by epoch 2, batch 51): "
        "try a smaller --learning-rate."
    )


def test_a_loss_that_comes_down_again_has_not_diverged() -> None:
    divergence = Divergence()
    for loss in (1.0, 1.0, 20.0, 1.0):
        assert divergence.add(BatchFinished(1, 1, 100, loss, 1.0, 0.5, 1.0, 1.0, losses=(loss,)), Well()) == ""
    assert divergence.rise == ""


def test_a_loss_that_is_not_finite_from_the_start_says_how_large_the_weights_are() -> None:
    event = BatchFinished(1, 1, 100, math.nan, 1.0, 0.5, 1.0, 1.0, losses=(math.nan,))
    assert "(the largest weight is 3.5)" in Divergence().add(event, Well())


def test_a_last_epoch_that_is_well_is_completed(session: Session) -> None:
    events = list(session.events(threading.Event()))
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "completed"
    assert session.folder and session.folder.model.exists()
    assert len([event for event in events if isinstance(event, EpochFinished)]) == EPOCHS
