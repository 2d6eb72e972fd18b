"""TrainingConfig: each setting of a run once, with its default, its help and its check."""

import dataclasses
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import platformdirs
from typing_extensions import Doc

from .errors import UserError

CACHE_DIR = platformdirs.user_cache_path("mlp-tui")

PRINT_EVERY = 100
"""Batches from one line of the notebook to the next: the first one, and every so many after it."""


def default_data_dir() -> Path:
    """The folder named by `MLP_TUI_DATA_DIR`, or else the user's cache folder."""
    return Path(os.environ.get("MLP_TUI_DATA_DIR") or CACHE_DIR)


@dataclass(frozen=True)
class Bounds:
    """The numbers that a setting may take, both ends included; `above` and `below` are not."""

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf
    below: float = math.inf

    def complaint(self, value: float) -> str | None:
        """What is wrong with `value`, as the end of a sentence, or None."""
        if isinstance(value, float) and not math.isfinite(value):
            return f"must be a finite number, not {value}"
        if value <= self.above:
            return f"must be more than {self.above:g}, not {value}"
        if value < self.least:
            return f"must be at least {self.least:g}, not {value}"
        if value >= self.below:
            return f"must be less than {self.below:g}, not {value}"
        if value > self.most:
            return f"must be at most {self.most:,}, not {value}"
        return None


COUNT = Bounds(least=1, most=2**31 - 1)
"""PyTorch and the operating system count in 32 bits here and there; nothing larger would fit a machine."""


DATA_SETTINGS = ("dataset", "data_dir", "seed", "image_size", "validation")
"""The settings that a data set is loaded by: where one changes, it is loaded anew."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one run; the defaults are the classroom notebook's.

    Raises UserError, naming the option, where a value is out of its bounds.
    """

    epochs: Annotated[int, COUNT, Doc("How many times to go through all the training images.")] = 5
    batch_size: Annotated[int, COUNT, Doc("Training images in a batch: one step each.")] = 64
    test_batch_size: Annotated[int, COUNT, Doc("Test images in a batch; changes speed alone.")] = 1000
    learning_rate: Annotated[float, Bounds(above=0), Doc("The learning rate: the step's size.")] = 0.01
    schedule: Annotated[
        Literal["constant", "one-cycle"],
        Doc(
            "How the learning rate changes. constant: not at all; "
            "one-cycle: it rises to half of what is set, then falls to nothing."
        ),
    ] = "constant"
    hidden_sizes: Annotated[
        tuple[int, ...], COUNT, Doc("Units in each hidden layer, as many layers as numbers; none: logistic regression.")
    ] = (100,)
    activation: Annotated[Literal["relu", "tanh", "gelu"], Doc("What follows each hidden layer.")] = "relu"
    dropout: Annotated[
        float, Bounds(least=0, below=1), Doc("The share of each hidden layer's units that a training step leaves out.")
    ] = 0.0
    optimizer: Annotated[Literal["adam", "adamw", "sgd"], Doc("How a step follows from the gradients.")] = "adam"
    momentum: Annotated[
        float, Bounds(least=0, below=1), Doc("The share of the step before in each step; of sgd alone.")
    ] = 0.0
    weight_decay: Annotated[float, Bounds(least=0), Doc("How strongly weights are drawn towards zero.")] = 0.0
    label_smoothing: Annotated[
        float, Bounds(least=0, below=1), Doc("The share of a label's probability that is spread over all classes.")
    ] = 0.0
    seed: Annotated[
        int,
        Bounds(least=0, most=2**63 - 1),
        Doc("Starts the random numbers: same seed, same run."),
    ] = 0
    model: Annotated[
        str,
        Doc(
            "A network of your own in place of the layers above: net.py:Net or package.module:Net, "
            "a torch.nn.Module or a function that makes one."
        ),
    ] = ""
    dataset: Annotated[
        str,
        Doc(
            "What to learn from. auto: MNIST, downloaded where it is missing, or else the built-in digits; "
            "mnist: MNIST or nothing; synthetic: the built-in digits, drawn by the program; fashion-mnist, kmnist, "
            "qmnist, emnist-digits, emnist-letters, emnist-balanced, usps, cifar10, cifar100 or svhn, by torchvision. "
            "Your own: a folder of pictures with one folder a class, a file.npz, a file.csv, or file.py:function."
        ),
    ] = "auto"
    image_size: Annotated[
        int, Bounds(least=0, most=4096), Doc("Pixels along each side of a folder's pictures. 0: as they are.")
    ] = 0
    augment: Annotated[
        Literal["none", "affine", "elastic"],
        Doc(
            "How the training pictures are distorted, otherwise in each epoch. affine: turned, scaled and sheared a "
            "little; elastic: bent as well."
        ),
    ] = "none"
    validation: Annotated[
        float,
        Bounds(least=0, below=1),
        Doc("The share of the training set that is split off to choose the best epoch by; the test comes at the end."),
    ] = 0.0
    data_dir: Annotated[
        Path, Doc("Where MNIST and torchvision's data sets are, or are put. MLP_TUI_DATA_DIR sets the default.")
    ] = field(default_factory=default_data_dir)
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        Doc("What computes. auto: CUDA where there is a GPU for it, else the CPU."),
    ] = "auto"
    threads: Annotated[
        int,
        Bounds(least=0, most=1024),
        Doc("CPU threads that compute. 0: by the sizes of model, batch and machine."),
    ] = 0
    runs_dir: Annotated[Path, Doc("Where each run gets a folder of its own.")] = Path("runs")
    checkpoint_seconds: Annotated[
        float, Bounds(least=0), Doc("A run is saved this often, and at each epoch's end.")
    ] = 30.0
    tripwire: Annotated[
        Literal["tenfold", "infinite"],
        Doc(
            "What ends a run as diverged: a loss that is not finite, or also (tenfold) one that stays, 20 batches "
            "in a row, more than ten times as large as it usually was."
        ),
    ] = "tenfold"
    history_mb: Annotated[
        float, Bounds(least=0), Doc("Megabytes for snapshots of a run, from which any moment of it can be had again.")
    ] = 64.0

    def __post_init__(self) -> None:
        for name, (kind, bounds) in KINDS.items():
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            complaints = [wrong_kind(kind, value) or (bounds and bounds.complaint(each)) for each in numbers]
            if complaint := next(filter(None, complaints), None):
                raise UserError(f"--{name.replace('_', '-')} {complaint}.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The settings that `as_dict` wrote; the default where one is missing. Raises UserError."""
        known = {name: values[name] for name in KINDS if name in values}
        if "hidden_size" in values:  # as it was called while there was one layer
            known["hidden_sizes"] = [values["hidden_size"]]
        for name, value in known.items():
            kind = KINDS[name][0]
            if kind is Path and isinstance(value, str):
                known[name] = Path(value)
            elif get_origin(kind) is tuple and isinstance(value, list):
                known[name] = tuple(value)
            elif kind is float and type(value) is int:  # JSON has one kind of number
                known[name] = float(str(value))  # infinite where it is too large, which `float(value)` refuses
        return dataclasses.replace(cls(), **known)

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        values = dataclasses.asdict(self).items()
        return {k: str(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v for k, v in values}


RECIPES: dict[str, dict[str, Any]] = {
    "notebook": {},
    "quick": {"epochs": 4, "batch_size": 512, "learning_rate": 0.03, "schedule": "one-cycle", "hidden_sizes": (200,)},
    "accurate": {
        "epochs": 80,
        "batch_size": 128,
        "learning_rate": 0.004,
        "schedule": "one-cycle",
        "hidden_sizes": (800, 800),
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "augment": "elastic",
    },
}
"""What `--recipe` stands for: the settings that are not the notebook's, by the recipe's name."""


def as_options(settings: dict[str, Any]) -> str:
    """Settings as one would type them."""
    return " ".join(f"--{name.replace('_', '-')} {as_text(value)}" for name, value in settings.items())


def as_text(value: object) -> str:
    """A value as one would type it."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(value).removesuffix(".0")


def wrong_kind(kind: Any, value: object) -> str | None:
    """What is wrong with the kind of a value, from the command line or a file, as the end of a sentence, or None."""
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return None if value in words else f"must be one of {', '.join(words)}, not {value!r:.40}"
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        complaints = [wrong_kind(item, each) for each in value] if isinstance(value, tuple) else ["must be a list"]
        return next(filter(None, complaints), None)
    what = {int: "a whole number", float: "a number", str: "a text", Path: "the name of a folder"}[kind]
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if isinstance(value, Path):
        try:
            if b"\0" in os.fsencode(value):
                return "must be the name of a folder, without a NUL character"
        except UnicodeEncodeError:
            return f"must be a name that a folder can have, not {str(value)!a:.40}"
    return None if fits else f"must be {what}, not {value!r:.40}"


def _read_kinds() -> dict[str, tuple[Any, Bounds | None]]:
    hints = get_type_hints(TrainingConfig, include_extras=True)
    kinds = {}
    for name, hint in hints.items():
        kind, *notes = get_args(hint)
        kinds[name] = kind, next((note for note in notes if isinstance(note, Bounds)), None)
    return kinds


KINDS = _read_kinds()
"""The type of every setting, and the bounds of the numeric ones, by the setting's name."""
