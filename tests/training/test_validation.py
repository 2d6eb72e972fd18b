"""A share of the training set for validation: epochs are chosen by it, and the test set is read once, at the end."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import EpochFinished, Event, Mistakes, Preview
from mlp_tui.training import fit as fit_module
from mlp_tui.training.data.batches import Batches, Dataset, Examples, Normaliser
from mlp_tui.training.data.load import load_dataset
from mlp_tui.training.data.loading import measure
from mlp_tui.training.fit import fit, near
from mlp_tui.training.loops import test as run_test
from mlp_tui.training.state import TrainingState

from .data.conftest import result


@pytest.fixture
def data(small_mnist: Path) -> Dataset:
    return result(load_dataset("mnist", small_mnist, validation=0.25))


def train(dataset: Dataset, **settings: object) -> tuple[TrainingState, list[Event]]:
    config = TrainingConfig(**{"epochs": 4, "device": "cpu", "hidden_sizes": (20,), **settings})  # type: ignore[arg-type]
    state = TrainingState(config, dataset)
    return state, list(fit(config, dataset, "run", state))


def epochs(events: list[Event]) -> list[EpochFinished]:
    return [event for event in events if isinstance(event, EpochFinished)]


def test_epochs_are_validated_and_the_test_set_is_read_once_at_the_end(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[int] = []

    def spy(model: torch.nn.Module, loader: Batches, *arguments: object, **settings: int) -> object:
        tested.append(len(loader.examples))
        return run_test(model, loader, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(fit_module, "test", spy)
    _, events = train(data)
    assert data.validation is not None
    assert tested == [len(data.validation)] * 4 + [len(data.test)]
    assert {event.split for event in epochs(events)} == {"validation"}
    preview, mistakes = (next(e for e in events if isinstance(e, kind)) for kind in (Preview, Mistakes))
    assert isinstance(preview, Preview) and isinstance(mistakes, Mistakes)
    assert list(preview.labels) == data.validation.labels[: len(preview.labels)].tolist()
    assert sum(map(sum, mistakes.confusion)) == len(data.validation)


def test_the_best_epochs_weights_are_kept_and_tested(data: Dataset) -> None:
    config = TrainingConfig(epochs=6, device="cpu", learning_rate=0.1, hidden_sizes=(20,))
    state = TrainingState(config, data)
    after: list[dict[str, Tensor]] = []
    accuracies = []
    for event in fit(config, data, "run", state):
        if isinstance(event, EpochFinished):
            after.append({name: value.clone() for name, value in state.model.state_dict().items()})
            accuracies.append(event.test_accuracy)
    best = accuracies.index(max(accuracies))  # the first of equals
    assert state.best is not None and state.best["epoch"] == best + 1 and best < 5  # or nothing is shown
    assert all(torch.equal(after[best][name], value) for name, value in state.best["model"].items())
    assert all(torch.equal(after[-1][name], value) for name, value in state.model.state_dict().items())
    with state.best_weights():
        expected = run_test(state.model, Batches(data.test, 1000), torch.nn.CrossEntropyLoss())
    assert state.tested is not None
    assert (state.tested.loss, state.tested.accuracy) == (expected.loss, expected.accuracy)


def test_without_validation_no_weights_are_kept(small_mnist: Path) -> None:
    state, events = train(result(load_dataset("mnist", small_mnist)), epochs=1)
    assert state.best is None and state.tested is None and "best" not in state.state_dict()
    assert epochs(events)[0].split == "test"


# Data at hand when a run is resumed


def changed(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """What differs, and the data set that it differs in."""
    train, test = dataset.train, dataset.test
    yield "sizes and labels", dataclasses.replace(dataset, train=Examples(train.inputs[1:], train.labels[1:]))
    yield "labels", dataclasses.replace(dataset, train=Examples(train.inputs, train.labels.flip(0)))
    yield "classes", dataclasses.replace(dataset, classes=tuple("abcdefghij"))
    yield "values", dataclasses.replace(dataset, normalise=Normaliser((0.2,), (0.3081,)))
    flat = Examples(train.inputs.reshape(-1, 14, 56), train.labels)
    yield "shape", dataclasses.replace(dataset, train=flat, test=Examples(test.inputs.reshape(-1, 14, 56), test.labels))


def test_a_run_is_not_resumed_on_other_data(data: Dataset) -> None:
    config = TrainingConfig(device="cpu", hidden_sizes=(20,))
    saved = TrainingState(config, data).state_dict()
    for what, other in changed(data):
        with pytest.raises(UserError, match=rf"^mnist is not what this run was trained on \(its {what} differ\): "):
            TrainingState(config, other).load_state_dict(saved)
    TrainingState(config, data).load_state_dict(saved)


def test_a_run_keeps_the_measure_that_it_was_trained_with(data: Dataset) -> None:
    """Another machine may come to other last digits."""
    config = TrainingConfig(device="cpu", hidden_sizes=(20,))
    normalise = Normaliser((0.13071234567,), (0.3081,))
    saved = TrainingState(config, dataclasses.replace(data, normalise=normalise)).state_dict()
    state = TrainingState(config, dataclasses.replace(data, normalise=Normaliser((0.13071234568,), (0.3081,))))
    state.load_state_dict(saved)
    assert state.normalise == normalise


# Sizes


@pytest.mark.parametrize("test_size", [1, 3, 19, 20, 21])
def test_a_few_test_examples_are_enough(data: Dataset, test_size: int) -> None:
    few = dataclasses.replace(data, test=Examples(data.test.inputs[:test_size], data.test.labels[:test_size]))
    few = dataclasses.replace(few, validation=None)
    _, events = train(few, epochs=1, batch_size=10_000)
    preview = next(event for event in events if isinstance(event, Preview))
    assert len(preview.labels) == min(20, test_size)


def test_mistakes_of_many_classes_are_named_up_to_a_thousand() -> None:
    labels = torch.arange(4000) % 200
    examples = Examples(torch.randint(256, (4000, 4, 4), dtype=torch.uint8), labels)
    classes = tuple(map(str, range(200)))
    many = Dataset("many", examples, examples, "", classes, measure(examples.inputs))
    _, events = train(many, epochs=1)
    mistakes = next(event for event in events if isinstance(event, Mistakes))
    assert len(mistakes.confusion) == 200 and len(mistakes.indices) == 1000


def test_examples_that_would_fill_a_gpu_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Examples(torch.zeros(100, 10, 10, dtype=torch.uint8), torch.zeros(100, dtype=torch.int64))
    gpu = torch.device("meta")  # stands in for one
    monkeypatch.setattr(fit_module, "available_memory", lambda device: 20_001.0)
    assert near(examples, gpu).inputs.device == gpu
    monkeypatch.setattr(fit_module, "available_memory", lambda device: 19_999.0)
    assert near(examples, gpu).inputs.device.type == "cpu"
    assert near(examples, torch.device("cpu")) is not None
    batches = Batches(examples, 30, torch.Generator(), device=gpu)
    sizes = [(inputs.device.type, inputs.shape[0], labels.device.type) for inputs, labels in batches]
    assert sizes == [("meta", 30, "meta")] * 3 + [("meta", 10, "meta")]
    assert [inputs.device.type for inputs, _ in Batches(examples, 60, device=gpu)] == ["meta", "meta"]
