"""Chooses a faster way to take the steps of the loop, where what they are taken with is known to the last detail."""

import sys
from typing import Any

import torch
from torch import nn, optim

from ..loops import Steps
from ..model import MultiLayerPerceptron
from ..optimizer import Adam
from .by_hand import Layer, StepsByHand
from .graph import GraphedSteps


def plan(model: nn.Module, loss_fn: nn.Module, optimizer: optim.Optimizer, distorted: bool = False) -> Steps | None:
    """A way to the numbers of `loops.take_steps`, within rounding, that is faster; None where there is none.

    There is one for a MultiLayerPerceptron, or an nn.Sequential of Flatten, Linear and ReLU, with cross entropy
    and our Adam, on a CPU (StepsByHand) or a CUDA GPU (GraphedSteps): for these types exactly, not for what is
    derived from them, and as long as nothing else was hung on them. It is for these very objects, as they are now.
    What is launched as one gathers pictures as they are: it is not for those that are to be `distorted`.
    """
    layers = layers_of(model)
    if not layers or type(loss_fn) is not nn.CrossEntropyLoss or type(optimizer) is not Adam or not optimizer.is_plain:
        return None
    if loss_fn.weight is not None or loss_fn.ignore_index != -100 or loss_fn.reduction not in ("mean", "sum"):
        return None
    parameters = [parameter for layer in layers for parameter in (layer.weight, layer.bias) if parameter is not None]
    (device, *others) = {parameter.device for parameter in parameters}
    steppable = all(
        type(parameter) is nn.Parameter
        and parameter.dtype == torch.float32
        and parameter.layout == torch.strided
        and parameter.is_contiguous()
        and parameter.requires_grad
        for parameter in parameters
    )
    same = [id(parameter) for parameter in parameters] == [id(each) for each in optimizer.param_groups[0]["params"]]
    everywhere = [sys.modules[kind.__module__] for kind in (nn.Module, optim.Optimizer)]  # hooks for all of a kind
    involved = [*model.modules(), loss_fn, optimizer, *parameters, *everywhere]
    if others or not steppable or not same or any(map(altered, involved)):
        return None
    if device.type == "cpu":
        return StepsByHand(layers, loss_fn, optimizer)
    return GraphedSteps(model, loss_fn, optimizer) if device.type == "cuda" and not distorted else None


def layers_of(model: nn.Module) -> list[Layer]:
    """The linear layers of a stack, in their order; none where the model is anything else."""
    if type(model) is MultiLayerPerceptron:
        if model.dropout.p or type(model.dropout) is not nn.Dropout:
            return []
        stack: list[nn.Module] = [nn.Flatten()]
        for linear in model.linears[:-1]:
            stack += [linear, model.activation]
        stack.append(model.output)
    elif type(model) is nn.Sequential:
        stack = list(model)
    else:
        return []
    if not stack or type(first := stack.pop(0)) is not nn.Flatten or (first.start_dim, first.end_dim) != (1, -1):
        return []
    layers: list[Layer] = []
    for module in stack:
        if type(module) is nn.Linear:
            layers.append(Layer(module.weight, module.bias, False))
        elif type(module) is nn.ReLU and layers:
            layers[-1] = layers[-1]._replace(relu=True)
        else:
            return []
    return layers


def altered(thing: Any) -> bool:
    """Whether a module, a parameter or an optimizer has hooks or methods of its own, which only torch's loop calls."""
    hooks = (getattr(thing, name) for name in dir(thing) if name.endswith("_hooks"))
    methods = vars(thing).keys() & {"forward", "step", "zero_grad"}
    return bool(methods) or any(isinstance(each, dict) and each for each in hooks)
