"""Train a multi-layer perceptron on MNIST and watch it learn, in a terminal."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("mlp-tui")

_HOMES = {
    "TrainingConfig": "config",
    "UserError": "errors",
    "Session": "session",
    "MultiLayerPerceptron": "training.model",
    "Batches": "training.data.batches",
    "train": "training.loops",
    "test": "training.loops",
    "fit": "training.fit",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    # Public names are fetched when they are asked for: importing the package must not import torch.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
