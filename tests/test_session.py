"""A session: one run from start to end, whatever happens in it."""

import dataclasses
import math
import threading
from pathlib import Path

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.events import (
    BatchFinished,
    EpochFinished,
    Event,
    Predictions,
    Preview,
    RunFinished,
    RunStarted,
    StepTaken,
    Tripped,
)
from mlp_tui.session import Session


def timeless(events: list[Event]) -> list[Event]:
    """What was computed, without when and how fast."""
    still = {"seconds": 0.0, "images_per_second": 0.0, "train_seconds": 0.0, "test_seconds": 0.0}
    kept = [event for event in events if not isinstance(event, (RunStarted, RunFinished))]
    return [
        dataclasses.replace(event, **{k: v for k, v in still.items() if hasattr(event, k)})  # type: ignore[arg-type]
        for event in kept
    ]


def finished(events: list[Event]) -> RunFinished:
    assert isinstance(events[-1], RunFinished)
    return events[-1]


def test_a_run_tells_its_events_in_order_and_its_result(small_mnist: Path) -> None:
    events = list(Session(TrainingConfig(epochs=2, data_dir=small_mnist)).events(threading.Event()))
    kinds = [type(event) for event in events]
    assert kinds.index(RunStarted) < kinds.index(Preview) < kinds.index(Predictions) < kinds.index(BatchFinished)
    assert kinds.count(EpochFinished) == 2
    assert sum(len(event.losses) for event in events if isinstance(event, BatchFinished)) == 2 * 10
    last = [event for event in events if isinstance(event, EpochFinished)][-1]
    end = finished(events)
    assert (end.reason, end.epochs, end.test_accuracy) == ("completed", 2, last.test_accuracy)
    assert last.test_accuracy > 0.9


def test_the_same_seed_gives_the_same_run_and_so_does_a_second_start(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)  # an event for each batch
    session = Session(TrainingConfig(epochs=1, data_dir=small_mnist, seed=3))
    again = Session(TrainingConfig(epochs=1, data_dir=small_mnist, seed=3))
    other = Session(TrainingConfig(epochs=1, data_dir=small_mnist, seed=4))
    first = timeless(list(session.events(threading.Event())))
    assert timeless(list(again.events(threading.Event()))) == first
    # The dataset is not loaded a second time: that differs, and nothing else.
    second = timeless(list(session.events(threading.Event())))
    assert second == [event for event in first if "Reading" not in str(event)]
    assert timeless(list(other.events(threading.Event()))) != first


def test_a_stop_ends_the_run_at_its_next_event(small_mnist: Path) -> None:
    stop = threading.Event()
    events: list[Event] = []
    for event in Session(TrainingConfig(data_dir=small_mnist)).events(stop):
        events.append(event)
        if isinstance(event, BatchFinished) and event.epoch == 2 and event.batch == 3:
            stop.set()
    assert isinstance(events[-2], BatchFinished)
    end = finished(events)
    assert (end.reason, end.epochs) == ("stopped", 1)
    assert end.seconds > 0


def test_a_loss_that_is_not_finite_ends_the_run(small_mnist: Path) -> None:
    session = Session(TrainingConfig(data_dir=small_mnist, learning_rate=1e30))
    events = list(session.events(threading.Event()))
    end = finished(events)
    assert end.reason == "diverged"
    assert "at learning rate 1e+30. The run is saved as it was at its start: mlp-tui --resume " in end.message
    assert end.message.endswith(" --learning-rate 5e+29 goes on from there.")
    *_, last, step, tripped = events[:-1]
    assert isinstance(last, BatchFinished) and not math.isfinite(last.loss)
    assert isinstance(step, StepTaken) and isinstance(tripped, Tripped)
    assert (step.epoch, step.batch) == (tripped.epoch, tripped.batch) == (1, 1)


def test_what_the_user_can_mend_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "MNIST").write_text("a file where a folder should be")
    events = list(Session(TrainingConfig(dataset="mnist", data_dir=tmp_path)).events(threading.Event()))
    end = finished(events)
    assert end.reason == "failed"
    assert end.message.startswith(f"MNIST cannot be put into {tmp_path}/MNIST/raw (")
    assert end.message.endswith("name a folder that can be written with --data-dir.")


def test_what_nobody_foresaw_ends_the_run_and_is_logged(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("mlp_tui.training.state.make_model", broken)
    end = finished(list(Session(TrainingConfig(data_dir=small_mnist)).events(threading.Event())))
    assert (end.reason, end.message) == ("failed", "The training failed: RuntimeError: the disk is on fire")
    assert "Traceback" in caplog.text


def test_a_device_that_is_not_there_is_a_sentence(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    end = finished(list(Session(TrainingConfig(data_dir=small_mnist, device="cuda")).events(threading.Event())))
    assert end.reason == "failed"
    assert end.message.startswith("There is no cuda device here that PyTorch can use: choose --device cpu")
