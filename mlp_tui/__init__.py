"""Train a multi-layer perceptron on MNIST and watch it learn, in a terminal.

The words that the code uses:

- run: one training from its first batch to its last, in a folder of its own, however often it is stopped between.
- step: one batch: fetch, zero the gradients, outputs, loss, backpropagation, descent. Epoch: all batches once.
- plan: the choice of a faster way to take the same steps.
- event: what a run emits, as it happens: a frozen dataclass, and a line of JSON.
- source: what emits the events of a run: a session, which trains, or a watched log.
- sink: what a session emits its events to, beside whoever pulls them: the recorder is one.
- state: all that a run is between two steps. Checkpoint: the state in a file.
- stop: end a run, which saves it. Resume: train on from its checkpoint. Resume point: where that was.
- pause: hold a run between two steps. Unpause: train on from there.
- detach: leave a run to a process of its own. Watch: show a run that another process trains.
- phase: what a run is doing, on the screen: loading, ready, training, paused, ...
- front end: whoever pulls a source's events and shows them: the dashboard, or lines without one (headless).
- tab, screen, widget, picture: a page of the dashboard, what comes up over it, a part of a page, characters.
"""

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
    "fit": "from_python",
    "show": "from_python",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    # Public names are fetched when they are asked for: importing the package must not import torch.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
