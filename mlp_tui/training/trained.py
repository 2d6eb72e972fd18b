"""Trained: the model of a run, read from its folder, to be asked without training it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..errors import UserError
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

    def logits(self, inputs: Tensor) -> Tensor:
        """Raw inputs (images uint8, or rows of a table), shape (n, ...), to logits, shape (n, classes).

        Raises UserError where a model of the user's own fails.
        """
        try:
            with torch.no_grad():
                parts = [
                    self.model(self.normalise(part).view(-1, *self.input_shape)) for part in torch.split(inputs, 1000)
                ]
            return torch.cat(parts)
        except Exception as error:
            raise UserError(f"The model fails with {type(error).__name__} ({_reason(error)}).") from error


def load_trained(config: TrainingConfig, checkpoint_file: Path, model_file: Path) -> Trained:
    """The model of a run with these settings: of one that is complete its last weights, else those last saved.

    Raises UserError where its files cannot be read, or are those of another model.
    """
    file = checkpoint_file
    try:
        state: dict[str, Any] = {"data": MNIST, "epoch": config.epochs}
        if checkpoint_file.exists() or not model_file.exists():
            state = checkpoint.load(checkpoint_file, torch.device("cpu"))["training"]
        weights: dict[str, Any] = state.get("model", {})
        if model_file.exists() and state["epoch"] >= config.epochs:
            file, weights = model_file, checkpoint.load(model_file, torch.device("cpu"))
        data = state.get("data", MNIST)
        normalise = Normaliser(*(tuple(map(float, data[name])) for name in ("mean", "deviation")))
        classes, columns = (tuple(map(str, data[name])) for name in ("classes", "columns"))
        shape = tuple(map(int, data["shape"]))
        dataset = stand_in(shape, classes, columns, normalise)
    except Exception as error:  # a file of anything may make torch's reader raise anything
        raise UserError(f"{file} cannot be read ({_reason(error)}), so there is no model of this run.") from error
    try:
        model, input_shape = make(config, dataset, state.get("sources", {}), checkpoint_file.parent)
        model.load_state_dict(weights)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{file} holds another model than the run's settings ({_reason(error)}).") from error
    model.eval()
    shape_in = input_shape or tuple(dataset.train.inputs.shape[1:])
    return Trained(model, shape_in, normalise, classes, shape, columns)


def make(
    config: TrainingConfig, dataset: Dataset, sources: user_model.Sources, run: Path
) -> tuple[nn.Module, tuple[int, ...] | None]:
    """The model that the settings ask for, and the shape of an example as it takes it, where that is another.

    Raises UserError where one of the user's own is not what it was when the run with that folder was saved.
    """
    if not config.model:
        return make_model(config, dataset), None
    model, input_shape, now = user_model.load(config.model, dataset)
    user_model.refuse_changed(sources, now, run)
    return model, input_shape


def stand_in(
    shape: tuple[int, ...], classes: tuple[str, ...], columns: tuple[str, ...], normalise: Normaliser
) -> Dataset:
    """A data set of two empty examples, to make a model for. Raises ValueError where the shape is no example's."""
    if not (len(shape) in (1, 3) and min(shape) > 0 and math.prod(shape) < 2**31 and classes):
        raise ValueError(f"it is of examples of shape {shape}")
    kind = torch.float32 if len(shape) == 1 else torch.uint8
    inputs = torch.zeros(2, *(shape[1:] if len(shape) == 3 and shape[0] == 1 else shape), dtype=kind)
    examples = Examples(inputs, torch.zeros(2, dtype=torch.int64))
    return Dataset("", examples, examples, classes=classes, normalise=normalise, columns=columns)


def _reason(error: Exception) -> str:
    """What an error says, on one line."""
    said = str(getattr(error, "strerror", "") or error or type(error).__name__).strip()
    lines = " ".join(said.split())[:200]
    return f"it has no {lines}" if isinstance(error, KeyError) else lines.rstrip(".:")
