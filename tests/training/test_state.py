"""The state of the training, and checkpoints of it."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, Event
from mlp_tui.training import checkpoint
from mlp_tui.training.data.batches import Dataset
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.fit import fit
from mlp_tui.training.state import TrainingState

from ..odd_files import as_fifo, as_folder, as_link_to_itself
from .test_loops import digits

EARLIER = Path(__file__).with_name("earlier-checkpoint.pt")
"""Saved by a version whose schedule was no object: after batch 4 of epoch 2, at a rate that was set by hand."""


def dataset(train: int = 640, test: int = 100) -> Dataset:
    return Dataset("mnist", digits(train), digits(test))


def state(**settings: object) -> TrainingState:
    return TrainingState(TrainingConfig(device="cpu", **settings), dataset())  # type: ignore[arg-type]


def losses_in(events: Iterator[Event]) -> list[float]:
    return [loss for event in events if isinstance(event, BatchFinished) for loss in event.losses]


def test_a_state_comes_back_from_a_checkpoint_with_all_that_a_run_needs(tmp_path: Path) -> None:
    config, data = TrainingConfig(epochs=2, device="cpu", schedule="one-cycle"), dataset()
    ours = TrainingState(config, data)
    events = fit(config, data, "a-run", ours)
    next(event for event in events if isinstance(event, BatchFinished) and event.epoch == 2)
    ours.learning_rate = 0.005
    checkpoint.save(tmp_path / "file", {"training": ours.state_dict(), "log_position": 12})
    expected_numbers = torch.rand(3)
    other = TrainingState(config, data)
    assert checkpoint.restore(tmp_path / "file", other) == 12
    assert (other.epoch, other.totals, other.learning_rate) == (ours.epoch, ours.totals, 0.005)
    assert other.describe() == ours.describe() == f"epoch 2, batch {ours.totals.batches}"
    assert other.begun
    assert torch.equal(torch.rand(3), expected_numbers)
    ends = [losses_in(events), losses_in(fit(config, data, "a-run", other))]
    assert ends[0] == ends[1] and ends[0]
    assert all(torch.equal(a, b) for a, b in zip(ours.model.parameters(), other.model.parameters(), strict=True))


def test_a_checkpoint_of_an_earlier_version_is_resumed(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)  # an event after batch 3, on a slow day too
    raw = small_mnist / "MNIST" / "raw"
    data = Dataset("mnist", read_split(raw, "train"), read_split(raw, "t10k"))
    config = TrainingConfig(epochs=3, hidden_sizes=(2,), schedule="one-cycle", device="cpu")
    resumed, straight = TrainingState(config, data), TrainingState(config, data)
    assert checkpoint.restore(EARLIER, resumed) > 0
    assert (resumed.epoch, resumed.totals.batches, resumed.learning_rate) == (1, 4, 0.005)
    ends = []
    for now in (resumed, straight):
        for event in fit(config, data, "a-run", now):
            if now is straight and isinstance(event, BatchFinished) and (event.epoch, event.batch) == (1, 3):
                now.learning_rate = 0.005
        ends.append(torch.cat([parameter.detach().flatten() for parameter in now.model.parameters()]))
    assert torch.allclose(ends[0], ends[1], atol=1e-4)  # another machine rounds otherwise


def test_weights_that_are_not_finite_are_found_wherever_they_are() -> None:
    now = state()
    assert now.weights_are_finite()
    for parameter in now.model.parameters():
        for value in (torch.nan, torch.inf, -torch.inf):
            with torch.no_grad():
                before = parameter.flatten()[-1].item()
                parameter.view(-1)[-1] = value
                assert not now.weights_are_finite()
                parameter.view(-1)[-1] = before
    assert now.weights_are_finite()


def test_large_weights_are_finite() -> None:
    now = state()
    with torch.no_grad():
        next(now.model.parameters()).fill_(3e38)  # their sum, and their squares, are not
    assert now.weights_are_finite()


# Files that are not right


def put_nothing(path: Path) -> None:
    path.touch()


def put_half(path: Path) -> None:
    path.write_bytes(EARLIER.read_bytes()[:20_000])


def put_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"training": print}))


def put_saved(contents: object) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        torch.save(contents, path)

    return put


def put_changed(**changes: object) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        contents = {"training": state().state_dict(), "log_position": 5}
        contents["training"].update(changes)  # type: ignore[attr-defined]
        checkpoint.save(path, contents)

    return put


@pytest.mark.parametrize(
    "put",
    [
        as_folder,
        as_fifo,
        as_link_to_itself,
        put_nothing,
        put_half,
        put_pickle,
        put_saved(3),
        put_saved([1, 2]),
        put_saved(torch.ones(3)),
        put_saved({"training": {}}),
        put_saved({"training": None, "log_position": 1}),
        put_saved({"training": state().state_dict(), "log_position": "x"}),
        put_changed(epoch="two"),
        put_changed(epoch=-1),
        put_changed(totals={"batches": 3}, epoch=None),
        put_changed(totals={"batches": "3"}),
        put_changed(totals={"batches": -3}),
        put_changed(totals={"others": 3}),
        put_changed(totals={"loss": 1.0, "correct": 1, "images": 9, "batches": 10**6, "seconds": 1.0}),
        put_changed(shuffle=torch.zeros(4, dtype=torch.uint8)),
        put_changed(shuffle="a word"),
        put_changed(base_rate="fast"),
        put_changed(random=torch.zeros(3)),
        put_changed(model={}),
        put_changed(optimizer={"state": {}, "param_groups": []}),
        put_changed(model=state(hidden_sizes=(7,)).state_dict()["model"]),
    ],
)
def test_a_checkpoint_that_is_something_else_is_a_sentence(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = tmp_path / "checkpoint.pt"
    put(path)
    with pytest.raises(UserError) as error:
        checkpoint.restore(path, state())
    message = str(error.value)
    assert message.startswith(f"{path} cannot be read (") and "), so this run cannot be resumed: put " in message
    assert "\n" not in message and len(message) < 500


@pytest.mark.parametrize("seed", range(100))
def test_a_checkpoint_of_random_bytes_is_a_sentence(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "checkpoint.pt"
    data = torch.randint(256, (seed * 7,), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    path.write_bytes((b"\x80\x02" if seed % 2 else b"") + bytes(data.tolist()))  # a pickle's beginning, or not
    with pytest.raises(UserError, match="so this run cannot be resumed"):
        checkpoint.restore(path, state())
