"""Everything that a run needs to go on exactly where it was."""

import dataclasses
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from ..config import TrainingConfig
from ..errors import UserError
from ..files import written_whole
from .device import choose_device
from .loops import Totals
from .model import MultiLayerPerceptron
from .optimizer import Adam


class TrainingState:
    """A run's model and optimizer, and how far it is.

    `epoch` counts the epochs done, `totals` the batches of the epoch under way. `shuffle` draws the order of
    each epoch's images; `shuffle_state` is its state at the start of the epoch under way, from which the same
    order is drawn again.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.device = choose_device(config.device)
        torch.manual_seed(config.seed)
        # Drawn on the CPU, so that they are the same on every device.
        self.model = MultiLayerPerceptron(config.hidden_size).to(self.device)
        self.optimizer = Adam(self.model.parameters(), lr=config.learning_rate)
        self.shuffle = torch.Generator().manual_seed(config.seed)
        self.shuffle_state = self.shuffle.get_state()
        self.epoch = 0
        self.totals = Totals()
        self.detail_next_step = False
        """Whether the next step is to be told in all its parts."""

    @property
    def begun(self) -> bool:
        """Whether a step has been taken."""
        return bool(self.epoch or self.totals.batches)

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = value

    def gradient_norm(self) -> float:
        """The norm of all gradients of the last step together."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        return float(torch.nn.utils.get_total_norm(gradients))

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
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "totals": dataclasses.asdict(self.totals),
            "shuffle": self.shuffle_state,
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
        self.totals = Totals(**state["totals"])
        self.shuffle_state = state["shuffle"].cpu()
        self.shuffle.set_state(self.shuffle_state)
        torch.set_rng_state(state["random"].cpu())


def save(path: Path, contents: dict[str, Any]) -> None:
    """Writes a file that is whole or not there. Raises OSError."""
    # By way of memory: of a full disk torch would say something that nobody understands.
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    with written_whole(path) as file:
        file.write(buffer.getbuffer())


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Reads such a file, running no code that may be in it. Raises UserError."""
    try:
        contents: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(f"{path} cannot be read ({reason}), so this run cannot be resumed.") from error
    return contents
def restore(path, state):
    try:
        contents = load(path, state.device)
        state.load_state_dict(contents["training"])
        return int(contents["log_position"])
    except (TypeError, KeyError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read ({error}), so this run cannot be resumed.") from error
