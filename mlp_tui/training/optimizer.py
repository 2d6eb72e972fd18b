"""The optimizers: Adam without the bookkeeping that torch's own does around each step; torch's AdamW and SGD."""

from collections.abc import Callable, Iterator
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn, optim

from ..config import TrainingConfig
from .schedule import Schedule

Tensors = list[Tensor]


def make_optimizer(config: TrainingConfig, parameters: list[nn.Parameter], schedule: Schedule) -> optim.Optimizer:
    """The optimizer that the settings ask for. Before each step it takes the learning rate from the schedule."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        return Adam(parameters, rate, schedule, decay)
    optimizer: optim.Optimizer
    if config.optimizer == "adamw":
        optimizer = optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        # What torch adds at the first step: a state from before it can then be put back like any other.
        for parameter in parameters:
            zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {"step": torch.zeros((), device=parameter.device), **zeros}
    else:
        optimizer = optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay, fused=True)
        # torch's kernel wants all of these or none, and some parameter may get its first gradient later than others.
        for parameter in parameters if config.momentum else ():
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    optimizer.register_step_pre_hook(lambda optimizer, arguments, keywords: schedule.set_rate(optimizer))
    return optimizer


class Adam(optim.Adam):
    """torch's Adam with its fused kernel: the same numbers and the same state dict.

    On a model of a few small tensors, torch spends half of a step on sorting out which of them have gradients
    and what is asked of them. Where each has one, and nothing but a learning rate was asked for, a step goes
    straight to torch's kernel (Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980).

    With a `schedule`, each step sets the learning rate of `param_groups` to its own before it is taken.
    """

    # As torch wraps these, each imports torch's compiler first, which takes most of a second.
    add_param_group = unwrap(optim.Optimizer.add_param_group)
    state_dict = unwrap(optim.Optimizer.state_dict)
    zero_grad = unwrap(optim.Optimizer.zero_grad)

    def __init__(self, params: Any, lr: float, schedule: Schedule | None = None, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=True)
        self.schedule = schedule
        self.steps = 0
        """Steps taken so far."""
        self.given_rates: Iterator[Tensor] | None = None
        """While steps are recorded for replaying: where each finds its learning rate, on the device."""
        self.direct = kernel_works(self.param_groups[0]["params"][0].device)
        """Whether torch's kernel can be called as it is called here."""
        self._complete_state()

    def _complete_state(self) -> None:
        """Makes what is missing of the state, and lists its tensors by their kind, as each step needs them."""
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                self.state[parameter] = {"step": torch.zeros((), device=parameter.device), **zeros}
        self._tensors = [[self.state[each][name] for each in parameters] for name in ("exp_avg", "exp_avg_sq", "step")]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the state of another Adam, or torch's. Raises ValueError or KeyError where it has other parts.

        The tensors stay the same ones: steps that were recorded for replaying know them.
        """
        own = self.state
        unwrap(optim.Optimizer.load_state_dict)(self, state_dict)
        self._complete_state()
        for parameter, loaded in self.state.items():
            for name, tensor in own[parameter].items():
                if tensor.shape != loaded[name].shape:
                    raise ValueError(f"{name} is of {tuple(loaded[name].shape)}, not of {tuple(tensor.shape)}")
                loaded[name] = tensor.copy_(loaded[name])
        self._complete_state()
        self.steps = max(int(step) for step in self._tensors[-1])  # a parameter without a gradient takes none

    @property
    def is_plain(self) -> bool:
        """Whether `update` does all that is asked of a step."""
        (group, *others) = self.param_groups
        asked = ("amsgrad", "maximize", "weight_decay", "differentiable", "decoupled_weight_decay")
        return self.direct and not others and not any(group.get(name) for name in asked)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; returns what `closure` does, if there is one."""
        gradients = [parameter.grad for group in self.param_groups for parameter in group["params"]]
        if closure is None and self.is_plain and None not in gradients:
            self.update(gradients)
            return None
        self.advance(1)
        if not self.direct:
            for group in self.param_groups:
                group["fused"] = None
        return super().step(closure)  # type: ignore[no-any-return]

    def advance(self, count: int) -> list[float]:
        """Counts the next steps as taken, and returns the learning rate of each."""
        rates = [float(self.param_groups[0]["lr"])] * count
        if self.schedule is not None:
            rates = [self.schedule.rate_at(self.steps + i) for i in range(count)]
            for group in self.param_groups:
                group["lr"] = rates[-1]
            self.schedule.steps = self.steps + count
        self.steps += count
        return rates

    def update(self, gradients: list[Tensor]) -> None:
        """One step down these gradients, one for each parameter, in their order; autograd must be off.

        Only where the optimizer `is_plain`.
        """
        (group,) = self.param_groups
        rate: float | Tensor
        if self.given_rates is not None:
            rate = next(self.given_rates)
        else:
            (rate,) = self.advance(1)
            if gradients[0].is_cuda:  # in single precision, as a replayed step has it, for the same numbers
                rate = torch.full((), rate, dtype=torch.float32, device=gradients[0].device)
        call_kernel(group["params"], gradients, self._tensors, rate, group)


def call_kernel(
    parameters: Tensors, gradients: Tensors, state: list[Tensors], rate: float | Tensor, group: dict[str, Any]
) -> None:
    """One step of Adam by torch's fused kernel, in place; `group` holds `betas` and `eps`. Not public functions."""
    means, squares, steps = state
    beta1, beta2 = group["betas"]
    options: dict[str, Any] = {"lr": rate, "beta1": beta1, "beta2": beta2, "eps": group["eps"]}
    torch._foreach_add_(steps, 1)
    torch._fused_adam_(
        parameters, gradients, means, squares, [], steps, **options, weight_decay=0.0, amsgrad=False, maximize=False
    )


@torch.no_grad()
def kernel_works(device: torch.device) -> bool:
    """Whether `call_kernel` takes right steps here: this torch may have others of these functions, or none."""
    parameter, mean, square = (torch.zeros(1, device=device) for _ in range(3))
    gradient, step = torch.ones(1, device=device), torch.zeros((), device=device)
    rates: list[float | Tensor] = [0.1, torch.full((), 0.1, device=device)]
    rates = rates[: 2 if device.type == "cuda" else 1]
    try:
        for rate in rates:
            call_kernel([parameter], [gradient], [[mean], [square], [step]], rate, {"betas": (0.9, 0.99), "eps": 1e-8})
    except Exception:
        return False
    # Down a gradient that stays the same, each step is as long as the rate.
    return abs(float(parameter) + 0.1 * len(rates)) < 1e-5 and float(step) == len(rates)
