"""Trained: the model of a run, read from its folder, to be asked without training it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..errors import blamed, explained
from . import checkpoint, user_model
from .data.batches import Dataset, Examples, Normaliser
from .model import make_model

MNIST = {"classes": tuple("0123456789"), "shape": (1, 28, 28), "columns": (), "mean": (0.1307,), "deviation": (0.3081,)}
"""What a run learnt from that was saved before checkpoints said so."""


@dataclass(frozen=True)
class Trained:
    """A model on the CPU in evaluation mode, and what its inputs and classes are, as in `Dataset`."""

    model: nn.Module
    input_shape: tuple[int, ...]
    """The shape of an example as the model takes it."""
    normalise: Normaliser
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    columns: tuple[str, ...]

    @property
    def pictures(self) -> bool:
        """Whether it learnt from pictures, and not from a table."""
        return len(self.shape) == 3

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """The shape of a raw input in `Examples`, where gray pictures have no channel."""
        return self.shape[1:] if self.pictures and self.shape[0] == 1 else self.shape

    def logits(self, inputs: Tensor) -> Tensor:
        """Raw inputs (images uint8, or rows of a table), shape (n, ...), to logits, shape (n, classes).

        Raises UserError where a model of the user's own fails.
        """
        with blamed("forward", "The model"), torch.no_grad():
            parts = torch.split(inputs, 1000)
            return torch.cat([self.model(self.normalise(part).view(-1, *self.input_shape)) for part in parts])


def load_trained(config: TrainingConfig, checkpoint_file: Path, model_file: Path) -> Trained:
    """The model of a run with these settings: of one that is complete its last weights, else those last saved.

    Raises UserError where its files cannot be read, or are those of another model; or where the text of one of the
    user's own is not what it was when the run was saved.
    """
    file, cpu = checkpoint_file, torch.device("cpu")
    state: dict[str, Any] = {"data": MNIST, "epoch": config.epochs, "model": {}, "sources": {}}
    # A file of anything may make torch's reader raise anything.
    with explained(f"{file} cannot be read", "there is no model of this run", Exception):
        if checkpoint_file.exists() or not model_file.exists():
            state |= checkpoint.load(checkpoint_file, cpu)["training"]
        dataset = stand_in(state["data"])
        complete = model_file.exists() and state["epoch"] >= config.epochs
    if complete:
        file = model_file
        with explained(f"{file} cannot be read", "there is no model of this run", Exception):
            state["model"] = checkpoint.load(model_file, cpu)
    with explained(f"{file} holds another model than the run's settings", kinds=Exception):
        input_shape = tuple(dataset.train.inputs.shape[1:])
        if config.model:
            model, input_shape, now = user_model.load(config.model, dataset)
            user_model.refuse_changed(state["sources"], now, checkpoint_file.parent)
        else:
            model = make_model(config, dataset)
        model.load_state_dict(state["model"])
    return Trained(model.eval(), input_shape, dataset.normalise, dataset.classes, dataset.shape, dataset.columns)


def stand_in(data: dict[str, Any]) -> Dataset:
    """A data set of two empty examples like those that a checkpoint describes, to make a model for.

    Raises any Exception where it describes none.
    """
    shape = tuple(map(int, data["shape"]))
    if not (len(shape) in (1, 3) and min(shape) > 0 and math.prod(shape) < 2**31 and data["classes"]):
        raise ValueError(f"it is of examples of shape {shape}")
    inputs = torch.zeros(2, *shape, dtype=torch.float32 if len(shape) == 1 else torch.uint8)
    examples = Examples(
        inputs[:, 0] if len(shape) == 3 and shape[0] == 1 else inputs, torch.zeros(2, dtype=torch.int64)
    )
    mean, deviation = (tuple(map(float, data[name])) for name in ("mean", "deviation"))
    classes, columns = (tuple(map(str, data[name])) for name in ("classes", "columns"))
    return Dataset("", examples, examples, "", classes, Normaliser(mean, deviation), columns)
