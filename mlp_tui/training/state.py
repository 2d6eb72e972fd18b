"""TrainingState: all that a run needs to continue exactly where it was."""

import dataclasses
import math
from typing import Any

import torch

from ..config import TrainingConfig
from .data.batches import Dataset
from .device import choose_device
from .loops import Totals
from .memory import require_memory
from .model import MultiLayerPerceptron
from .optimizer import Adam
from .schedule import Schedule


class TrainingState:
    """A run's model, optimizer and schedule, its random generators, and how far it is.

    `epoch` counts the epochs done, `totals` the batches of the epoch under way. `shuffle` draws the order of
    each epoch's images; `shuffle_state` is its state at the start of the epoch under way, from which the same
    order is drawn again.

    Raises UserError where the device that is asked for cannot be used, or has too little memory.
    """

    def __init__(self, config: TrainingConfig, dataset: Dataset) -> None:
        self.device, self.notice = choose_device(config.device)
        require_memory(config, len(dataset.train), len(dataset.test), self.device)
        torch.manual_seed(config.seed)
        # Drawn on the CPU, so that they are the same on every device.
        self.model = MultiLayerPerceptron(config.hidden_size).to(self.device)
        total_steps = config.epochs * math.ceil(len(dataset.train) / config.batch_size)
        self.schedule = Schedule(config.learning_rate, config.schedule, total_steps)
        self.optimizer = Adam(self.model.parameters(), config.learning_rate, self.schedule)
        self.shuffle = torch.Generator().manual_seed(config.seed)
        self.shuffle_state = self.shuffle.get_state()
        self.epoch = 0
        self.totals = Totals()
        self.detail_next_step = False
        """Whether the next step is to be taken by itself, and a StepTaken emitted."""

    @property
    def begun(self) -> bool:
        """Whether a step has been taken."""
        return bool(self.epoch or self.totals.batches)

    @property
    def learning_rate(self) -> float:
        """The learning rate that is set: the schedule takes its share of it in each step."""
        return self.schedule.base_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.schedule.base_rate = value

    @torch.no_grad()
    def weights_are_finite(self) -> bool:
        """Whether each number of each parameter is finite. Waits for the device once."""
        return bool(torch.stack([parameter.isfinite().all() for parameter in self.model.parameters()]).all())

    @torch.no_grad()
    def largest_weight(self) -> float:
        """The largest absolute value of all finite numbers of the parameters."""
        sizes = [p.abs().nan_to_num(nan=0.0, posinf=0.0).max() for p in self.model.parameters()]
        return float(torch.stack(sizes).max())

    def end_epoch(self) -> None:
        """Counts the epoch under way as done."""
        self.epoch += 1
        self.totals = Totals()
        self.shuffle_state = self.shuffle.get_state()

    def describe(self) -> str | None:
        """How far the run is, in words; None where it has not begun."""
        if self.totals.batches:
            return f"epoch {self.epoch + 1}, batch {self.totals.batches}"
        return f"the end of epoch {self.epoch}" if self.epoch else None

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings alone: such a file loads without running any code that is in it."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "base_rate": self.schedule.base_rate,
            "epoch": self.epoch,
            "totals": dataclasses.asdict(self.totals),
            "shuffle": self.shuffle_state,
            "random": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave. Raises an Exception of many a kind where it is another model's state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A run that was saved before schedules were objects kept the rate that was set in the optimizer.
        self.schedule.base_rate = float(state.get("base_rate", self.optimizer.param_groups[0]["lr"]))
        self.epoch = state["epoch"]
        self.totals = Totals(**{sum.name: state["totals"][sum.name] for sum in dataclasses.fields(Totals)})
        self.shuffle_state = state["shuffle"].cpu()
        self.shuffle.set_state(self.shuffle_state)
        torch.set_rng_state(state["random"].cpu())
        if self.device.type == "cuda" and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"].cpu(), self.device)
