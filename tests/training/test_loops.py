"""Training and testing, against the notebook's own loop."""

from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, TensorDataset

from mlp_tui.config import PRINT_EVERY
from mlp_tui.training.data.batches import Batches, Examples, normalise
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.loops import test as run_test
from mlp_tui.training.loops import train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.steps.plan import plan


class NotebookModel(nn.Module):
    """The notebook's model, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(28 * 28, 100)
        self.output = nn.Linear(100, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(x, 1)
        x = self.hidden(x)
        x = F.relu(x)
        x = self.output(x)
        return x


def digits(size: int, seed: int = 0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (size,), generator=generator)
    images = torch.randint(90, (size, 28, 28), generator=generator, dtype=torch.uint8)
    images[torch.arange(size), 4 + 2 * labels, 4:24] += 150
    return Examples(images, labels)


@pytest.mark.parametrize("shape", [(3, 28, 28), (3, 1, 28, 28)])
def test_the_model_takes_images_with_and_without_a_channel(shape: tuple[int, ...]) -> None:
    assert MultiLayerPerceptron()(torch.randn(shape)).shape == (3, 10)
    assert MultiLayerPerceptron(hidden_sizes=(7,)).hidden.weight.shape == (7, 784)


def test_weights_go_to_the_notebooks_model_and_back() -> None:
    ours, theirs = MultiLayerPerceptron(), NotebookModel()
    images = torch.randn(5, 28, 28)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(images), theirs(images))
    ours.load_state_dict(NotebookModel().state_dict())


def notebook_losses(batches: list[tuple[Tensor, Tensor]], model: nn.Module) -> list[float]:
    """The notebook's loop, its blanks filled in."""
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    loss_fn = nn.CrossEntropyLoss()
    losses = []
    model.train()
    for inputs, targets in batches:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_200_batches_of_real_mnist_give_the_notebooks_losses(mnist_dir: Path) -> None:
    loader = Batches(read_split(mnist_dir / "MNIST" / "raw", "train"), 64, torch.Generator().manual_seed(0))
    batches = list(islice(loader, 200))
    ours, theirs = MultiLayerPerceptron(), NotebookModel()
    theirs.load_state_dict(ours.state_dict())
    optimizer = Adam(ours.parameters(), lr=1e-2)
    events = list(train(ours, batches, nn.CrossEntropyLoss(), optimizer))
    assert [event.loss for event in events] == pytest.approx(notebook_losses(batches, theirs), abs=1e-4)
    assert events[-1].running_loss == pytest.approx(sum(event.loss for event in events) / 200)


def test_train_counts_from_one_and_averages_over_batches_and_images() -> None:
    data = digits(100)
    model = MultiLayerPerceptron()
    loader = Batches(data, 32)
    with torch.no_grad():
        first = model(normalise(data.inputs[:32])).argmax(-1) == data.labels[:32]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    events = list(train(model, loader, nn.CrossEntropyLoss(), optimizer, epoch=2))
    assert [(event.epoch, event.batch, event.batches) for event in events] == [(3, i, 4) for i in (1, 2, 3, 4)]
    assert events[0].running_accuracy == pytest.approx(first.float().mean().item())
    assert events[-1].running_loss == pytest.approx(sum(event.loss for event in events) / 4)
    assert events[-1].images_per_second == pytest.approx(100 / events[-1].seconds)


def test_train_and_test_take_a_data_loader_too() -> None:
    data = digits(640)
    dataset = TensorDataset(normalise(data.inputs), data.labels)
    model, loss_fn = MultiLayerPerceptron(), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(2):
        events = list(train(model, DataLoader(dataset, 64, shuffle=True), loss_fn, optimizer, epoch=epoch))
        assert len(events) == 10
    result = run_test(model, DataLoader(dataset, 1000), loss_fn, epoch=epoch)
    assert result.epoch == 2
    assert result.accuracy > 0.9


def test_test_averages_over_batches_and_leaves_the_weights_alone() -> None:
    data = digits(130)
    model, loss_fn = MultiLayerPerceptron(), nn.CrossEntropyLoss()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = run_test(model, Batches(data, 100), loss_fn)
    with torch.no_grad():
        outputs = model(normalise(data.inputs))
        losses = [loss_fn(outputs[:100], data.labels[:100]), loss_fn(outputs[100:], data.labels[100:])]
    assert result.loss == pytest.approx(sum(loss.item() for loss in losses) / 2)
    assert result.accuracy == pytest.approx((outputs.argmax(-1) == data.labels).float().mean().item())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training


@pytest.mark.parametrize("planned", [False, True])
def test_an_event_comes_after_the_first_batch_and_wherever_the_notebook_prints(planned: bool) -> None:
    model, loss_fn = MultiLayerPerceptron(), nn.CrossEntropyLoss()
    optimizer = Adam(model.parameters(), lr=1e-2)
    loader = Batches(digits(64 * 250), 64, torch.Generator())
    steps = plan(model, loss_fn, optimizer) if planned else None
    events = list(train(model, loader, loss_fn, optimizer, steps=steps, interval=lambda: 1e9))
    ends = [event.batch for event in events]
    assert {1, 1 + PRINT_EVERY, 1 + 2 * PRINT_EVERY, 250} <= set(ends)
    assert [len(event.losses) for event in events] == [b - a for a, b in pairwise([0, *ends])]
    assert max(len(event.losses) for event in events) > 10
