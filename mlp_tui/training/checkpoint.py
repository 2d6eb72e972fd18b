"""Everything that a run needs to go on exactly where it was."""

import dataclasses
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..config import TrainingConfig
from ..errors import UserError
from ..files import open_regular, written_whole
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


def restore(path: Path, state: TrainingState) -> int:
    """Puts a new state where a checkpoint was saved; returns the length that the run's log had then, in bytes.

    Runs no code that may be in the file. Raises UserError where the file is not what was written, or is of another
    model.
    """
    try:
        with open(open_regular(path), "rb") as file:
            # torch does not look at the checksums of what it reads.
            if damaged := zipfile.ZipFile(file).testzip():
                raise ValueError(f"{damaged} in it is damaged")
            file.seek(0)
            contents = torch.load(file, map_location=state.device, weights_only=True)
        own = {"training": state.state_dict(), "log_position": 0}
        if difference := _difference(contents, own):
            raise ValueError(f"{difference}")
        state.load_state_dict(contents["training"])
    except Exception as error:  # zipfile, pickle and torch raise a dozen kinds over a file that is damaged
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path} cannot be read ({reason:.200}): put a copy of it back, or delete it to train the run anew."
        ) from error
    return int(contents["log_position"])


def _difference(saved: Any, own: Any, name: str = "the checkpoint") -> str | None:
    """Where saved values are of another kind, or of other shapes, than a state's own; None where they are alike.

    Flags are left out: torch adds some to an optimizer from version to version.
    """
    if own is None or isinstance(own, bool):
        return None
    if isinstance(own, (int, float)):
        fits = isinstance(saved, (int, float) if isinstance(own, float) else int) and 0 <= saved < math.inf
        return None if fits else f"{name} is {saved!r:.40}"
    if not isinstance(saved, type(own)):
        return f"{name} is no {type(own).__name__}"
    if isinstance(own, Tensor):
        kinds = [(str(each.dtype), str(each.layout), tuple(each.shape), each.is_meta) for each in (saved, own)]
        return None if kinds[0] == kinds[1] else f"{name} has the shape {kinds[0][2]} in place of {kinds[1][2]}"
    if isinstance(own, (list, tuple)):
        if len(saved) != len(own):
            return f"{name} has {len(saved)} values in place of {len(own)}"
        own, saved = dict(enumerate(own)), dict(enumerate(saved))
    if not isinstance(own, dict):
        return None
    for key, value in own.items():
        if key not in saved and not isinstance(value, bool) and value is not None:
            return f"{name} has no {key}"
        if difference := _difference(saved.get(key), value, str(key)):
            return difference
    return None
