"""The steps by hand, against the plain loop."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mlp_tui.training.data.batches import Batches, Examples
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.loops import take_steps
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.steps.by_hand import StepsByHand, one_dnn_linear, relu_backward
from mlp_tui.training.steps.plan import plan

from ..test_loops import digits
from .parity import losses_of, plain, stack


def test_they_come_to_the_plain_loops_losses_on_real_mnist(mnist_dir: Path) -> None:
    real = read_split(mnist_dir / "MNIST" / "raw", "train")
    data = Examples(real.inputs[: 200 * 64], real.labels[: 200 * 64])
    by_loop, by_hand = (losses_of(each, data)[0] for each in (plain, plan))
    assert len(by_loop) == 200
    assert by_hand == pytest.approx(by_loop, abs=1e-4)


@pytest.mark.parametrize("hidden_layers", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("bias", "loss_fn"),
    [
        (True, nn.CrossEntropyLoss()),
        (False, nn.CrossEntropyLoss()),
        (True, nn.CrossEntropyLoss(label_smoothing=0.1)),
        (True, nn.CrossEntropyLoss(reduction="sum")),
        (False, nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.3)),
    ],
    ids=["mean", "no bias", "smoothed", "sum", "smoothed sum"],
)
def test_any_stack_and_cross_entropy_come_to_the_plain_loops_losses(
    hidden_layers: int, bias: bool, loss_fn: nn.CrossEntropyLoss
) -> None:
    data = digits(64 * 199 + 5)
    by_loop, by_hand = (
        losses_of(each, data, rate=1e-3, model=lambda: stack(hidden_layers, bias), loss_fn=loss_fn)[0]
        for each in (plain, plan)
    )
    assert len(by_loop) == 200
    # A sum is 64 times as large as a mean.
    assert by_hand == pytest.approx(by_loop, abs=1e-4 if loss_fn.reduction == "mean" else 64e-4)


def test_layers_without_relu_between_and_with_it_at_the_end_are_right_too() -> None:
    def odd() -> nn.Sequential:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 20), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU()
        )

    by_loop, by_hand = (losses_of(each, digits(64 * 50), rate=1e-3, model=odd)[0] for each in (plain, plan))
    assert by_hand == pytest.approx(by_loop, abs=1e-4)


def test_they_leave_the_plain_loops_gradients_and_adams_state() -> None:
    states = []
    for by_hand in (False, True):
        torch.manual_seed(0)
        model, loss_fn, batches = MultiLayerPerceptron(), nn.CrossEntropyLoss(), iter(Batches(digits(70), 64))
        optimizer = Adam(model.parameters(), lr=1e-2)
        steps = plan(model, loss_fn, optimizer)
        assert isinstance(steps, StepsByHand)
        stepped = steps(batches, 2) if by_hand else take_steps(model, batches, 2, loss_fn, optimizer)
        assert stepped.images == 70
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        states.append([*gradients, *(value["exp_avg_sq"] for value in optimizer.state.values()), stepped.correct])
    assert len(states[0]) == 4 + 4 + 1
    for by_loop, ours in zip(*states, strict=True):
        assert torch.allclose(by_loop, ours, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("place", ["hidden.weight", "hidden.bias", "output.weight", "output.bias"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_weight_that_is_not_finite_makes_the_loss_so(place: str, value: float) -> None:
    losses = []
    for by_hand in (False, True):
        torch.manual_seed(0)
        model, loss_fn, batches = MultiLayerPerceptron(), nn.CrossEntropyLoss(), iter(Batches(digits(128), 64))
        optimizer = Adam(model.parameters(), lr=1e-2)
        steps = plan(model, loss_fn, optimizer)
        assert steps
        with torch.no_grad():
            model.get_parameter(place).fill_(value)
        stepped = steps(batches, 2) if by_hand else take_steps(model, batches, 2, loss_fn, optimizer)
        losses.append(stepped.losses)
    assert not losses[1].isfinite().any()
    assert torch.equal(losses[0].isnan(), losses[1].isnan())


@pytest.mark.parametrize("at_once", [0.0, 1e-3])
def test_how_many_batches_an_event_has_changes_nothing(at_once: float) -> None:
    (one, first), (other, second) = (losses_of(plan, digits(64 * 230), at_once=each) for each in (at_once, 1e9))
    assert one == other
    assert all(torch.equal(first[name], second[name]) for name in first)


def refuse(*_: Any, **__: Any) -> None:
    raise TypeError("got an unexpected keyword argument")


class Operator:
    """Stands for an operator of torch of which there is nothing, or something else."""

    def __init__(self, default: Any) -> None:
        self.default = default


def other_signature(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    raise RuntimeError("aten::op() Expected a value of type 'int' for argument 'layout'")


@pytest.mark.parametrize(
    ("owner", "name", "gone"),
    [
        (torch.ops.mkldnn, "_linear_pointwise", None),
        (torch.ops.mkldnn, "_linear_pointwise", Operator(refuse)),
        (torch.ops.mkldnn, "_linear_pointwise", Operator(lambda x, weight, *_: x @ weight.T)),
        (torch.ops.aten, "threshold_backward", None),
        (torch.ops.aten, "threshold_backward", Operator(refuse)),
        (torch.ops.aten, "threshold_backward", Operator(lambda d_values, values, _: d_values * values)),
        (torch, "_fused_adam_", None),
        (torch, "_fused_adam_", refuse),
        (torch, "_fused_adam_", other_signature),
        (torch, "_fused_adam_", lambda *_, **__: None),
        (torch, "_foreach_add_", None),
        (torch, "_foreach_add_", refuse),
        (torch, "_foreach_add_", lambda *_: None),
    ],
)
def test_a_function_of_torch_that_is_gone_or_another_costs_speed_alone(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, gone: Any
) -> None:
    data = digits(64 * 40)
    expected, weights = losses_of(plain, data)
    monkeypatch.setattr(owner, name, gone)
    adam = owner is torch
    losses, ours = losses_of(plain if adam else plan, data)
    assert losses == pytest.approx(expected, abs=1e-4)
    assert all(torch.allclose(value, ours[key], atol=1e-4) for key, value in weights.items())
    model = MultiLayerPerceptron()
    steps = plan(model, nn.CrossEntropyLoss(), Adam(model.parameters(), lr=1e-2))
    if adam:
        assert steps is None
    else:
        assert isinstance(steps, StepsByHand)
        assert (steps._linear is one_dnn_linear, steps._relu_backward is relu_backward).count(False) >= 1


@pytest.mark.parametrize(
    ("build", "safe"),
    [("  - Intel(R) MKL-DNN v3.12.0 (Git", True), ("MKL-DNN v3.5.3", False), ("MKL-DNN v2.12", False), ("", False)],
)
def test_a_product_that_a_signal_would_ruin_the_heap_in_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, build: str, safe: bool
) -> None:
    monkeypatch.setattr(torch.__config__, "show", lambda: f"PyTorch built with:\n{build}")
    model = MultiLayerPerceptron()
    steps = plan(model, nn.CrossEntropyLoss(), Adam(model.parameters(), lr=1e-2))
    assert isinstance(steps, StepsByHand)
    assert steps._linear is F.linear or safe
