"""The same training with and without a faster way to take its steps."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from mlp_tui.training.data.batches import Batches, Examples
from mlp_tui.training.loops import Steps, train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.schedule import Schedule

Plan = Callable[[nn.Module, nn.Module, Adam], Steps | None]


def plain(model: nn.Module, loss_fn: nn.Module, optimizer: Adam) -> None:
    """The plan to take the plain steps."""


def stack(hidden_layers: int, bias: bool = True) -> nn.Sequential:
    """A stack of Flatten, Linear and ReLU from 784 pixels to ten digits."""
    sizes = [784, 48, 32, 24][: hidden_layers + 1]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10, bias=bias))


def losses_of(
    plan: Plan,
    data: Examples,
    epochs: int = 1,
    device: str = "cpu",
    at_once: float = 1e9,
    rate: float = 1e-2,
    total_steps: int = 0,
    model: Callable[[], nn.Module] = MultiLayerPerceptron,
    loss_fn: nn.Module | None = None,
) -> tuple[list[float], dict[str, Tensor]]:
    """The losses of all batches and the weights at the end, from the same start whatever the plan."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net, loss_fn = model().to(device), loss_fn or nn.CrossEntropyLoss()
    schedule = Schedule(rate, "one-cycle" if total_steps else "constant", total_steps)
    optimizer = Adam(net.parameters(), rate, schedule)
    loader = Batches(data.to(torch.device(device)), 64, torch.Generator().manual_seed(0))
    steps = plan(net, loss_fn, optimizer)
    assert steps is not None or plan is plain
    losses: list[float] = []
    for epoch in range(epochs):
        for event in train(net, loader, loss_fn, optimizer, epoch, steps=steps, interval=lambda: at_once):
            losses += event.losses
    return losses, {name: value.cpu() for name, value in net.state_dict().items()}
