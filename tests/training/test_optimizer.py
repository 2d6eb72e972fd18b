"""Adam, against torch's own."""

import copy

import torch
from torch import nn, optim

from mlp_tui.training.optimizer import Adam


def steps(optimizer: optim.Optimizer, model: nn.Linear, count: int) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(8, 5, generator=generator)).square().mean().backward()
        optimizer.step()


def models() -> tuple[nn.Linear, nn.Linear]:
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def test_it_takes_torchs_steps_to_the_last_bit() -> None:
    ours, theirs = models()
    steps(Adam(ours.parameters(), lr=1e-2), ours, 50)
    steps(optim.Adam(theirs.parameters(), lr=1e-2, fused=True), theirs, 50)
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)


def test_its_state_goes_to_torchs_adam_and_back() -> None:
    ours, theirs = models()
    first = Adam(ours.parameters(), lr=1e-2)
    steps(first, ours, 10)
    theirs.load_state_dict(ours.state_dict())
    second = optim.Adam(theirs.parameters(), lr=1e-3, fused=True)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    third = Adam(ours.parameters(), lr=1e-3)
    third.load_state_dict(copy.deepcopy(second.state_dict()))
    steps(second, theirs, 10)
    steps(third, ours, 10)
    assert torch.equal(ours.weight, theirs.weight)


def test_a_change_of_the_learning_rate_is_honoured() -> None:
    ours, theirs = models()
    optimizers = (Adam(ours.parameters(), lr=1e-2), optim.Adam(theirs.parameters(), lr=1e-2, fused=True))
    for optimizer, model in zip(optimizers, (ours, theirs), strict=True):
        steps(optimizer, model, 5)
        optimizer.param_groups[0]["lr"] = 1e-4
        steps(optimizer, model, 5)
    assert torch.equal(ours.weight, theirs.weight)
