"""Whatever is trained, and however: stopped anywhere and resumed, it ends with the bits of a run never stopped."""

import random
import threading
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, Detail, EpochFinished, Event, RunFinished, StepTaken
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session

from ..made_up import preview

MODELS = Path(__file__).parents[1] / "training" / "models"

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam with decay": {"weight_decay": 0.01},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.01},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.001, "learning_rate": 0.02},
}

NETWORKS: dict[str, dict[str, Any]] = {
    "random parts": {"model": f"{MODELS}/random_parts.py:Net"},
    "cnn": {"model": f"{MODELS}/cnn.py:small"},
    "layers": {"hidden_sizes": (20, 12), "dropout": 0.3, "activation": "gelu", "label_smoothing": 0.1},
}

OTHERS: dict[str, dict[str, Any]] = {
    "logistic regression": {"hidden_sizes": ()},
    "three layers": {"hidden_sizes": (20, 16, 12)},
    "tanh": {"hidden_sizes": (20,), "activation": "tanh"},
    "smoothed": {"hidden_sizes": (20,), "label_smoothing": 0.2},
    "dropout": {"hidden_sizes": (20,), "dropout": 0.5},
    "distorted": {"hidden_sizes": (20,), "augment": "elastic"},
    "distorted, in the plain loop": {"hidden_sizes": (20,), "augment": "affine", "optimizer": "adamw"},
    "the student's": {"model": f"{MODELS}/student.py:MultiLayerPerceptron"},
}


def curious(session: Session, chance: random.Random) -> list[Event | None]:
    """What a person at the dashboard may ask for between two steps."""
    asked: list[Event | None] = []
    if chance.random() < 0.5:
        session.set_detail(chance.choice(get_args(Detail)))
    if chance.random() < 0.3:
        asked = [session.read_drawing(preview().pixels[3]), session.weights()]
    return asked


def train(session: Session, chance: random.Random | None = None, steps: int = 10**9) -> list[Event]:
    """The events of a run; with `chance` it is asked questions, and stopped after so many events of batches."""
    stop, events = threading.Event(), []
    for event in session.events(stop):
        events.append(event)
        if isinstance(event, BatchFinished) and chance:
            assert None not in curious(session, chance)
            steps -= 1
            if not steps:
                stop.set()
    return events


def ending(folder: RunFolder | None) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    assert folder
    contents = torch.load(folder.checkpoint, weights_only=True)["training"]
    return torch.load(folder.model, weights_only=True), contents


@pytest.fixture(autouse=True)
def each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event after each batch, so that a run can be stopped at any."""
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)


def check(small_mnist: Path, settings: dict[str, Any], seed: int) -> None:
    """A run of 3 epochs of 10 batches, as it is and stopped at random places."""
    config = TrainingConfig(epochs=3, data_dir=small_mnist, device="cpu", test_batch_size=300, **settings)
    straight = Session(config)
    events = train(straight)
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "completed", events[-1]
    expected, expected_state = ending(straight.folder)

    chance = random.Random(seed)
    session, details, stops = Session(config), 0, 0
    while True:
        # A process of its own begins elsewhere with its random numbers.
        torch.manual_seed(chance.randrange(1000))
        events = train(session, chance, chance.randrange(1, 14))
        details += sum(isinstance(event, StepTaken) for event in events)
        if session.unfinished is None:
            break
        stops += 1
        session = Session(config, session.unfinished)
    assert isinstance(events[-1], RunFinished) and (events[-1].reason, events[-1].epochs) == ("completed", 3)
    assert details and stops
    weights, state = ending(session.folder)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    for name in ("steps", "random_python", "random_numpy"):
        assert state[name] == expected_state[name], name
    assert torch.equal(state["random"], expected_state["random"])
    assert state["steps"] == 30
    assert [state["totals"][name] for name in ("loss", "correct")] == [0, 0]


@pytest.mark.parametrize(
    ("network", "optimizer", "schedule"), list(product(NETWORKS, OPTIMIZERS, ("constant", "one-cycle")))
)
def test_a_model_with_random_parts_stopped_and_asked_ends_with_the_same_bits(
    small_mnist: Path, network: str, optimizer: str, schedule: str
) -> None:
    check(small_mnist, NETWORKS[network] | OPTIMIZERS[optimizer] | {"schedule": schedule}, len(network + optimizer))


@pytest.mark.parametrize("network", OTHERS)
def test_layers_of_every_kind_train_and_resume(small_mnist: Path, network: str) -> None:
    check(small_mnist, OTHERS[network], len(network))


def test_the_settings_of_the_layers_can_be_typed() -> None:
    from mlp_tui.commands.train import parse

    typed = parse(["--hidden-sizes", "--activation", "tanh", "--dropout", "0.2", "--label-smoothing", "0.1"]).config
    assert (typed.hidden_sizes, typed.activation, typed.dropout, typed.label_smoothing) == ((), "tanh", 0.2, 0.1)
    assert parse(["--hidden-sizes", "800", "800"]).config.hidden_sizes == (800, 800)


# The file of the model


def stopped(model: str, small_mnist: Path, **settings: Any) -> RunFolder:
    """A run of the user's model that was stopped in its second epoch."""
    session = Session(TrainingConfig(epochs=2, data_dir=small_mnist, model=model, **settings))
    train(session, random.Random(1), 14)
    assert session.unfinished
    return session.unfinished


def resumed(folder: RunFolder) -> RunFinished:
    end = train(Session(TrainingConfig.from_dict(folder.read_config()), folder))[-1]
    assert isinstance(end, RunFinished)
    return end


def test_a_changed_file_is_refused_by_name_and_its_old_text_is_in_the_runs_folder(small_mnist: Path) -> None:
    old = (MODELS / "student.py").read_text()
    Path("net.py").write_text(old)
    folder = stopped("net.py:MultiLayerPerceptron", small_mnist)
    Path("net.py").write_text(old.replace("F.relu(x)", "F.gelu(x)"))
    end = resumed(folder)
    assert (end.reason, end.message) == (
        "failed",
        "net.py has changed since the run was saved: put the old text back "
        f"(it is in {folder.path}/model.py), or train the new one as a new run.",
    )
    Path("net.py").unlink()
    assert resumed(folder).message.endswith(f" The text that the run was made from is in {folder.path}/model.py.")
    Path("net.py").write_text((folder.path / "model.py").read_text())
    assert resumed(folder).reason == "completed"


def test_an_error_that_is_not_the_models_does_not_point_to_its_text(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("net.py").write_text((MODELS / "student.py").read_text())
    folder = stopped("net.py:MultiLayerPerceptron", small_mnist)

    def no_device(choice: str) -> None:
        raise UserError("There is no such device.")

    monkeypatch.setattr("mlp_tui.training.state.choose_device", no_device)
    assert resumed(folder).message == "There is no such device."


def test_a_change_in_a_file_that_the_model_imports_is_refused_too(small_mnist: Path) -> None:
    Path("sizes.py").write_text("HIDDEN = 100\n")
    text = (MODELS / "student.py").read_text().replace("import torch\n", "import torch\nfrom sizes import HIDDEN\n", 1)
    Path("net.py").write_text(text)
    folder = stopped("net.py:MultiLayerPerceptron", small_mnist)
    Path("sizes.py").write_text("HIDDEN = 100  # units\n")
    assert resumed(folder).message.startswith("sizes.py has changed since the run was saved: ")
    Path("sizes.py").write_text((folder.path / "model-1.py").read_text())
    assert resumed(folder).reason == "completed"


def test_the_checkpoint_has_the_text_and_its_hash_and_no_class(small_mnist: Path) -> None:
    folder = stopped(f"{MODELS}/student.py:MultiLayerPerceptron", small_mnist)
    state = torch.load(folder.checkpoint, weights_only=True)["training"]  # which unpickles no class
    (text,), (digest,) = state["sources"].values(), state["sha256"].values()
    assert text == (MODELS / "student.py").read_text() and len(digest) == 64


def test_a_relative_model_is_found_from_another_folder(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("package").mkdir()
    Path("package/net.py").write_text((MODELS / "student.py").read_text())
    folders = [stopped(f"package{name}:MultiLayerPerceptron", small_mnist) for name in ("/net.py", ".net")]
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert [resumed(folder).reason for folder in folders] == ["completed", "completed"]


def test_the_students_class_reaches_the_notebooks_accuracy(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.03)
    model = f"{MODELS}/student.py:MultiLayerPerceptron"
    events = train(Session(TrainingConfig(data_dir=mnist_dir, dataset="mnist", model=model)))
    accuracies = [event.test_accuracy for event in events if isinstance(event, EpochFinished)]
    assert len(accuracies) == 5 and 0.94 <= accuracies[-1] <= 0.955, accuracies
