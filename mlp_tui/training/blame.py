"""Blame: the batch by which a run was ruined, and the layer in which that began, found by training again."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..errors import UserError
from ..events import StepTaken
from .random_numbers import kept
from .replay import Replay

NOT_THE_SAME = "The run, trained again, does not come to the same."

Outputs = dict[str, float]
"""The largest absolute value that each layer with parameters gives, by its name, in their order: perhaps nan or inf."""


@dataclass(frozen=True)
class Blame:
    """The batch that is to blame: its number `step`, counted over all epochs from 1, and what happened in it.

    `by_data`: its examples alone are to blame, since the weights of a batch before make no better of them. `where`: the
    layer in which it began, in words, or nothing.
    """

    step: int
    by_data: bool
    where: str
    details: StepTaken


def find(replay: Replay, first: int, last: int, is_bad: Callable[[float], bool]) -> Blame:
    """What is to blame for the bad loss of the batch number `first`; or, where that is 0, for the weights after `last`.

    The replay is then at the moment before the batch that is to blame. Raises UserError where the run, trained again,
    does not come to the same.
    """
    blame = _of_a_loss(replay, first, is_bad) if first else _of_weights(replay, last)
    replay.go(blame.step - 1)
    replay.prepare_batch()
    return blame


def _of_a_loss(replay: Replay, first: int, is_bad: Callable[[float], bool]) -> Blame:
    """The batch whose loss was bad, or the one before: had the weights from before that one a good loss on it."""
    before, good, sound, earlier = first, _values(replay.state.model), {}, None
    while earlier is None and before > replay.first + 1:
        before -= 1
        replay.go(before - 1)
        good, earlier = _values(replay.state.model), replay.take_step()  # none, where a hand has skipped it
    if earlier is not None:
        sound = _outputs(replay, good, replay.last_batch()[0])
    replay.go(first - 1)
    weights, taken = _values(replay.state.model), replay.take_step()
    if taken is None or not is_bad(taken[0].loss):
        raise UserError(NOT_THE_SAME)
    inputs, targets = replay.last_batch()
    where = _where(sound, _outputs(replay, weights, inputs))
    if not inputs.isfinite().all():
        where = "in the inputs, which are not finite"
    if earlier is not None:
        with _asking(replay):
            loss = replay.loss_fn(torch.func.functional_call(replay.state.model, good, (inputs,)), targets)
        if not is_bad(float(loss)):
            return Blame(before, False, where, earlier[1])
    return Blame(first, True, where, taken[1])


def _of_weights(replay: Replay, last: int) -> Blame:
    """Of the first batch behind which the weights are not finite: they stay so, which allows to halve the distance."""
    good, bad = replay.first, last
    while bad - good > 1:
        middle = (good + bad) // 2
        replay.go(middle)
        good, bad = (middle, bad) if replay.state.weights_are_finite() else (good, middle)
    replay.go(bad - 1)
    taken = replay.take_step()
    if taken is None or replay.state.weights_are_finite():
        raise UserError(NOT_THE_SAME)
    backwards = list(replay.state.model.named_parameters())[::-1]
    gradients = [name for name, each in backwards if each.grad is not None and not each.grad.isfinite().all()]
    weights = [name for name, each in backwards if not each.isfinite().all()]
    where = f"in {f'the gradient of {gradients[0]}' if gradients else weights[0]}, which is not finite"
    return Blame(bad, False, where, taken[1])


def _values(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@contextmanager
def _asking(replay: Replay) -> Iterator[None]:
    """The model is asked as it is in training, and the random generators stay where they are."""
    with torch.no_grad(), kept(replay.state.device):
        yield


def _outputs(replay: Replay, values: dict[str, Tensor], inputs: Tensor) -> Outputs:
    """What the layers of the model give for a batch where it has those values."""
    model, outputs = replay.state.model, Outputs()

    def note(name: str, module: nn.Module, arguments: object, output: object) -> None:
        if isinstance(output, Tensor) and output.numel():
            outputs[name] = float(output.abs().max())

    layers = {name: each for name, each in model.named_modules() if [*each.parameters(recurse=False)]}
    hooks = [layer.register_forward_hook(partial(note, name or "forward")) for name, layer in layers.items()]
    try:
        with _asking(replay):
            torch.func.functional_call(model, values, (inputs,))
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


def _where(before: Outputs, now: Outputs) -> str:
    """The first layer whose output is not finite; or else the one whose output has grown most."""
    for name, largest in now.items():
        if not math.isfinite(largest):
            return f"in layer {name}, whose output is not finite"
    growth = {name: now[name] / before[name] for name in now if before.get(name)}
    if not growth:
        return ""
    name = max(growth, key=growth.__getitem__)
    return f"in layer {name}, whose largest output became {growth[name]:.3g} times as large"
