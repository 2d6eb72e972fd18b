"""The epochs on real MNIST, against the notebook's result."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.events import EpochFinished, Event, Predictions, Preview
from mlp_tui.training.data.batches import Dataset
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.fit import fit
from mlp_tui.training.state import TrainingState

from .test_loops import digits

NOTEBOOK_ACCURACY = 0.948
"""The mean final test accuracy of the notebook's recipe over seeds 0 to 4."""


def real_mnist(folder: Path) -> Dataset:
    raw = folder / "MNIST" / "raw"
    return Dataset("mnist", read_split(raw, "train"), read_split(raw, "t10k"))


def run(config: TrainingConfig, dataset: Dataset) -> Iterator[Event]:
    return fit(config, dataset, "a-run", TrainingState(config, dataset))


def test_the_default_run_ends_where_the_notebook_ends(mnist_dir: Path) -> None:
    dataset = real_mnist(mnist_dir)
    accuracies = []
    for seed in range(5):
        *_, last = (e for e in run(TrainingConfig(seed=seed), dataset) if isinstance(e, EpochFinished))
        assert (last.epoch, last.epochs) == (5, 5)
        accuracies.append(last.test_accuracy)
    assert abs(mean(accuracies) - NOTEBOOK_ACCURACY) < 0.006, accuracies


def test_the_examples_are_the_notebooks_and_the_model_learns_to_read_them(mnist_dir: Path) -> None:
    dataset = real_mnist(mnist_dir)
    events = list(run(TrainingConfig(epochs=1), dataset))
    preview = next(event for event in events if isinstance(event, Preview))
    assert preview.indices == tuple(range(1000, 1020))
    assert preview.labels == (9, 0, 2, 5, 1, 9, 7, 8, 1, 0, 4, 1, 7, 9, 6, 4, 2, 6, 8, 1)
    assert preview.pixels[3] == dataset.test.inputs[1003].numpy().tobytes()
    snapshots = [event for event in events if isinstance(event, Predictions)]
    assert len(snapshots) == 1 + 10 + 1  # before the first batch, as often as the notebook prints, at the end
    right = [sum(a == b for a, b in zip(look.predictions, preview.labels, strict=True)) for look in snapshots]
    assert right[0] < 10 < 17 <= right[-1]
    assert all(abs(sum(row) - 1) < 1e-5 for row in snapshots[-1].probabilities)


def test_a_run_takes_its_steps_as_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the plain loop was used")

    monkeypatch.setattr("mlp_tui.training.loops.take_steps", refuse)
    dataset = Dataset("mnist", digits(640), digits(100))
    events = list(run(TrainingConfig(epochs=1, device="cpu"), dataset))
    assert any(isinstance(event, EpochFinished) for event in events)
