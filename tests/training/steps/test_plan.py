"""What a faster way is planned for, and what is left to the plain loop."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook

from mlp_tui.training.data.batches import Batches
from mlp_tui.training.loops import train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.steps.by_hand import StepsByHand
from mlp_tui.training.steps.plan import plan

from ..test_loops import digits
from .parity import stack


class Squared(MultiLayerPerceptron):
    """Has the same layers, and does something else with them."""

    def forward(self, x: Tensor) -> Tensor:
        return self.output(F.relu(self.hidden(x.flatten(1))) ** 2)  # type: ignore[no-any-return]


class MyLinear(nn.Linear):
    pass


class MyLoss(nn.CrossEntropyLoss):
    pass


class MyAdam(Adam):
    pass


def layers(*modules: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*modules)


@pytest.mark.parametrize(
    "model", [MultiLayerPerceptron, *(lambda n=n: stack(n) for n in range(4)), lambda: stack(1, False)]
)
def test_stacks_of_flatten_linear_and_relu_are_stepped_by_hand(model: Callable[[], nn.Module]) -> None:
    each = model()
    assert isinstance(plan(each, nn.CrossEntropyLoss(), Adam(each.parameters(), lr=1e-2)), StepsByHand)


@pytest.mark.parametrize(
    "model",
    [
        Squared,
        layers(nn.Flatten(), MyLinear(784, 10)),
        layers(nn.Linear(784, 10)),  # on images that are not flattened it is another model
        layers(nn.Flatten(0, 1), nn.Linear(28, 10)),
        layers(nn.Flatten(), nn.ReLU(), nn.Linear(784, 10)),
        layers(nn.Flatten(), nn.Linear(784, 10), nn.Dropout()),
        layers(nn.Flatten(), nn.Linear(784, 10), nn.Tanh()),
        layers(nn.Flatten(), nn.Sequential(nn.Linear(784, 10))),
        layers(nn.Flatten(), nn.Linear(784, 10), *[nn.Linear(10, 10)] * 2),  # one layer twice
        layers(nn.Flatten(), nn.Linear(784, 10, dtype=torch.float64)),
        lambda: nn.Linear(784, 10),
        lambda: nn.utils.parametrizations.weight_norm(MultiLayerPerceptron().hidden),
    ],
)
def test_other_models_are_left_to_the_plain_loop(model: Callable[[], nn.Module]) -> None:
    each = model()
    assert plan(each, nn.CrossEntropyLoss(), Adam(each.parameters(), lr=1e-2)) is None


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.NLLLoss(),
        nn.MultiMarginLoss(),
        MyLoss(),
        nn.CrossEntropyLoss(weight=torch.arange(10.0)),
        nn.CrossEntropyLoss(ignore_index=3),
        nn.CrossEntropyLoss(reduction="none"),
    ],
)
def test_other_losses_are_left_to_the_plain_loop(loss_fn: nn.Module) -> None:
    model = MultiLayerPerceptron()
    assert plan(model, loss_fn, Adam(model.parameters(), lr=1e-2)) is None


def changed(name: str, value: object) -> Callable[[nn.Module], Adam]:
    def adam(model: nn.Module) -> Adam:
        optimizer = Adam(model.parameters(), lr=1e-2)
        optimizer.param_groups[0][name] = value
        return optimizer

    return adam


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda model: optim.Adam(model.parameters(), lr=1e-2),
        lambda model: optim.SGD(model.parameters(), lr=1e-2),
        lambda model: MyAdam(model.parameters(), lr=1e-2),
        lambda model: Adam(list(model.parameters())[:2], lr=1e-2),
        lambda model: Adam(list(model.parameters())[::-1], lr=1e-2),
        lambda model: Adam(MultiLayerPerceptron().parameters(), lr=1e-2),
        lambda model: Adam([{"params": [each]} for each in model.parameters()], lr=1e-2),
        changed("weight_decay", 0.1),
        changed("amsgrad", True),
        changed("maximize", True),
    ],
)
def test_other_optimizers_are_left_to_the_plain_loop(optimizer: Callable[[nn.Module], Any]) -> None:
    model = MultiLayerPerceptron()
    assert plan(model, nn.CrossEntropyLoss(), optimizer(model)) is None


def freeze(model: MultiLayerPerceptron, optimizer: Adam) -> None:
    model.hidden.bias.requires_grad_(False)


def replace_forward(model: MultiLayerPerceptron, optimizer: Adam) -> None:
    model.hidden.forward = lambda input: input[:, :100]  # type: ignore[method-assign]


def schedule_by_torch(model: MultiLayerPerceptron, optimizer: Adam) -> None:
    optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def transpose(model: MultiLayerPerceptron, optimizer: Adam) -> None:
    model.hidden.weight.data = model.hidden.weight.data.T.contiguous().T


@pytest.mark.parametrize(
    "alter",
    [
        freeze,
        replace_forward,
        schedule_by_torch,
        transpose,
        lambda model, _: model.register_forward_hook(lambda *_: None),
        lambda model, _: model.hidden.register_forward_pre_hook(lambda *_: None),
        lambda model, _: model.output.register_full_backward_hook(lambda *_: None),
        lambda model, _: model.hidden.weight.register_hook(lambda gradient: gradient * 2),
        lambda model, _: model.hidden.weight.register_post_accumulate_grad_hook(lambda parameter: None),
        lambda _, optimizer: optimizer.register_step_pre_hook(lambda *_: None),
        lambda _, optimizer: optimizer.register_step_post_hook(lambda *_: None),
        lambda *_: nn.modules.module.register_module_forward_hook(lambda *_: None),
        lambda *_: register_optimizer_step_post_hook(lambda *_: None),
    ],
)
def test_what_is_hung_on_them_is_left_to_the_plain_loop(alter: Callable[[MultiLayerPerceptron, Adam], Any]) -> None:
    model, loss_fn = MultiLayerPerceptron(), nn.CrossEntropyLoss()
    optimizer = Adam(model.parameters(), lr=1e-2)
    assert plan(model, loss_fn, optimizer)
    handle = alter(model, optimizer)
    try:
        assert plan(model, loss_fn, optimizer) is None
    finally:
        if hasattr(handle, "remove"):
            handle.remove()


def test_a_model_with_another_forward_is_trained_as_it_says() -> None:
    torch.manual_seed(0)
    ours = Squared()
    theirs = Squared()
    theirs.load_state_dict(ours.state_dict())
    data, loss_fn = digits(640), nn.CrossEntropyLoss(weight=torch.arange(10.0))
    losses = []
    for model in (ours, theirs):
        optimizer = Adam(model.parameters(), lr=1e-3)
        steps = plan(model, loss_fn, optimizer) if model is ours else None
        losses.append([event.loss for event in train(model, Batches(data, 64), loss_fn, optimizer, steps=steps)])
    assert losses[0] == losses[1]
