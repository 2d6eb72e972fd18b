"""TrainingConfig: each setting of a run once, with its default, its help and its check."""

import dataclasses
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import platformdirs
from tyro.conf import arg

from .errors import UserError

CACHE_DIR = platformdirs.user_cache_path("mlp-tui")

PRINT_EVERY = 100
"""Batches from one line of the notebook to the next: the first one, and every so many after it."""


def default_data_dir() -> Path:
    """The folder named by `MLP_TUI_DATA_DIR`, or else the user's cache folder."""
    return Path(os.environ.get("MLP_TUI_DATA_DIR") or CACHE_DIR)


@dataclass(frozen=True)
class Bounds:
    """The numbers that a setting may take, both ends included unless `above` is set."""

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf

    def complaint(self, value: float) -> str | None:
        """What is wrong with `value`, as the end of a sentence, or None."""
        if not math.isfinite(value):
            return f"must be a finite number, not {value}"
        if value <= self.above:
            return f"must be more than {self.above:g}, not {value}"
        if value < self.least:
            return f"must be at least {self.least:g}, not {value}"
        if value > self.most:
            return f"must be at most {self.most:g}, not {value}"
        return None


COUNT = Bounds(least=1)


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one run; the defaults are the classroom notebook's.

    Raises UserError, naming the option, where a value is out of its bounds.
    """

    epochs: Annotated[int, COUNT, arg(help="How many times to go through all the training images.")] = 5
    batch_size: Annotated[int, COUNT, arg(help="Training images in a batch: one step each.")] = 64
    test_batch_size: Annotated[int, COUNT, arg(help="Test images in a batch; changes speed alone.")] = 1000
    learning_rate: Annotated[float, Bounds(above=0), arg(help="Adam's learning rate: the step's size.")] = 0.01
    schedule: Annotated[
        Literal["constant", "one-cycle"],
        arg(
            help="How the learning rate changes. constant: not at all; "
            "one-cycle: it rises to half of what is set, then falls to nothing."
        ),
    ] = "constant"
    hidden_size: Annotated[int, COUNT, arg(help="Units in the hidden layer.")] = 100
    seed: Annotated[
        int,
        Bounds(least=0, most=2**63 - 1),
        arg(help="Starts the random numbers: same seed, same run."),
    ] = 0
    dataset: Annotated[
        Literal["auto", "mnist", "synthetic"],
        arg(
            help="The digits to learn. auto: MNIST, downloaded where it is missing, or else the built-in digits; "
            "mnist: MNIST or nothing; synthetic: the built-in digits, drawn by the program."
        ),
    ] = "auto"
    data_dir: Annotated[
        Path, arg(help="Where MNIST is, or is put. MLP_TUI_DATA_DIR sets the default.", metavar="DIR")
    ] = field(default_factory=default_data_dir)
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        arg(help="What computes. auto: CUDA where there is a GPU for it, else the CPU."),
    ] = "auto"
    threads: Annotated[
        int,
        Bounds(least=0),
        arg(help="CPU threads that compute. 0: by the sizes of model, batch and machine."),
    ] = 0

    runs_dir: Annotated[Path, arg(help="Where each run gets a folder of its own.", metavar="DIR")] = Path("runs")
    checkpoint_seconds: Annotated[
        float, Bounds(least=0), arg(help="A run is saved this often, and at each epoch's end.")
    ] = 30.0

    def __post_init__(self) -> None:
        for name, bounds in BOUNDS.items():
            if complaint := bounds.complaint(getattr(self, name)):
                raise UserError(f"--{name.replace('_', '-')} {complaint}.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The settings that `as_dict` wrote; the default where one is missing. Raises UserError."""
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        paths = {name: Path(known[name]) for name in PATHS if name in known}
        return dataclasses.replace(cls(), **(known | paths))

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(self).items()}


BOUNDS = {
    name: note
    for name, hint in get_type_hints(TrainingConfig, include_extras=True).items()
    for note in getattr(hint, "__metadata__", ())
    if isinstance(note, Bounds)
}
"""The bounds of every numeric setting, by its name."""

PATHS = ("data_dir", "runs_dir")
