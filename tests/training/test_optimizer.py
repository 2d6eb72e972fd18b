"""Adam, against torch's own."""

import copy
import subprocess
import sys

import pytest
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


def test_what_its_kernel_does_not_do_is_left_to_torch() -> None:
    for name, value in (("amsgrad", True), ("maximize", True), ("weight_decay", 0.1)):
        ours, theirs = models()
        optimizers = (Adam(ours.parameters(), lr=1e-2), optim.Adam(theirs.parameters(), lr=1e-2, fused=True))
        for optimizer, model in zip(optimizers, (ours, theirs), strict=True):
            optimizer.param_groups[0][name] = value
            for state in optimizer.state.values():
                state["max_exp_avg_sq"] = torch.zeros_like(state["exp_avg"])
            if name == "amsgrad" and not optimizer.state:
                optimizer.defaults[name] = value
            steps(optimizer, model, 5)
        assert torch.equal(ours.weight, theirs.weight), name


def test_parameters_without_a_gradient_and_several_groups_are_left_to_torch() -> None:
    ours, theirs = models()
    ours.bias.requires_grad_(False)
    theirs.bias.requires_grad_(False)
    first = Adam([{"params": [ours.weight]}, {"params": [ours.bias]}], lr=1e-2)
    steps(first, ours, 5)
    steps(optim.Adam(theirs.parameters(), lr=1e-2, fused=True), theirs, 5)
    assert torch.equal(ours.weight, theirs.weight) and torch.equal(ours.bias, theirs.bias)


def test_a_closure_is_called_and_its_loss_returned() -> None:
    model, _ = models()
    optimizer = Adam(model.parameters(), lr=1e-2)
    before = model.weight.clone()

    def closure() -> float:
        optimizer.zero_grad()
        loss = model(torch.ones(8, 5)).square().mean()
        loss.backward()
        return float(loss.item())

    expected = closure()
    assert optimizer.step(closure) == expected
    assert not torch.equal(model.weight, before)


def test_without_torchs_wrappers_or_with_them_it_is_the_same() -> None:
    program = """
import inspect, sys
import torch
if sys.argv[1] == "wrapped":
    inspect.unwrap = lambda function, **_: function
from mlp_tui.training.optimizer import Adam
torch.manual_seed(0)
model = torch.nn.Linear(5, 3)
optimizer = Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    model(torch.ones(8, 5)).square().mean().backward()
    optimizer.step()
other = Adam(model.parameters(), lr=1e-2)
other.load_state_dict(optimizer.state_dict())
print(model.weight.tolist(), other.steps)
"""
    unwrapped, wrapped = (
        subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True, check=True).stdout
        for word in ("unwrapped", "wrapped")
    )
    assert unwrapped == wrapped and unwrapped.endswith(" 3\n")


def test_it_is_loaded_into_the_tensors_that_are_there() -> None:
    """Steps that were recorded for a GPU know no others."""
    model, _ = models()
    optimizer = Adam(model.parameters(), lr=1e-2)
    steps(optimizer, model, 3)
    saved = copy.deepcopy(optimizer.state_dict())
    steps(optimizer, model, 4)
    before = [value for state in optimizer.state.values() for value in state.values()]
    optimizer.load_state_dict(saved)
    after = [value for state in optimizer.state.values() for value in state.values()]
    assert all(old is new for old, new in zip(before, after, strict=True))
    assert [int(state["step"]) for state in optimizer.state.values()] == [3, 3] and optimizer.steps == 3
    wrong = copy.deepcopy(saved)
    wrong["state"][0]["exp_avg"] = torch.ones(5)  # which would fit a copy
    with pytest.raises(ValueError, match=r"exp_avg is of \(5,\), not of \(3, 5\)"):
        optimizer.load_state_dict(wrong)
