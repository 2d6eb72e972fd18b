"""Data sets that torchvision knows: read, and downloaded where they are missing."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from ...errors import UserError, explained, reason
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import finished

SETS: dict[str, tuple[str, dict[str, str]]] = {
    "fashion-mnist": ("FashionMNIST", {}),
    "kmnist": ("KMNIST", {}),
    "qmnist": ("QMNIST", {}),
    "emnist-digits": ("EMNIST", {"split": "digits"}),
    "emnist-letters": ("EMNIST", {"split": "letters"}),
    "emnist-balanced": ("EMNIST", {"split": "balanced"}),
    "usps": ("USPS", {}),
    "cifar10": ("CIFAR10", {}),
    "cifar100": ("CIFAR100", {}),
    "svhn": ("SVHN", {}),
}
"""torchvision's class for a data set, and what it takes, by the name that `--dataset` takes."""


def load_torchvision(name: str, data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """A data set of torchvision's from `data_dir`. Yields what it is doing. Raises UserError."""
    yield Preparing("Loading torchvision")
    class_name, more = SETS[name]
    kind = getattr(import_torchvision(f"reads {name}"), class_name)
    parts = []
    with readable(name, data_dir):
        for split in ("train", "test"):
            settings = more | ({"split": split} if name == "svhn" else {"train": split == "train"})
            yield Preparing(f"Reading {name} from {data_dir}")
            try:
                part = kind(root=data_dir, **settings)
            except Exception as error:
                if not isinstance(error, FileNotFoundError) and "not found" not in str(error):
                    raise
                yield from download(name, kind, data_dir, settings)
                part = kind(root=data_dir, **settings)
            parts.append(as_examples(part))
        classes = [str(each).split(" - ")[0] for each in getattr(part, "classes", range(10))]
        if classes[0] == "N/A":  # EMNIST's letters count from 1
            classes, parts = classes[1:], [Examples(each.inputs, each.labels - 1) for each in parts]
        if not all(0 <= int(label) < len(classes) for each in parts for label in each.labels.aminmax()):
            raise ValueError("a label is none of the classes")
    return finished(name, name, parts, classes)


def as_examples(part: Any) -> Examples:
    """The pictures and labels of a torchvision data set, all at once."""
    inputs = torch.as_tensor(part.data)
    labels = torch.as_tensor(part.labels if hasattr(part, "labels") else part.targets, dtype=torch.int64)
    if type(part).__name__ == "EMNIST":  # stored column by column (https://arxiv.org/abs/1702.05373)
        inputs = inputs.transpose(1, 2)
    if inputs.dim() == 4 and inputs.shape[3] == 3:
        inputs = inputs.permute(0, 3, 1, 2)
    labels = labels[:, 0] if labels.dim() == 2 else labels  # QMNIST says more of each digit than what it is
    if inputs.dtype != torch.uint8 or len(inputs) != len(labels):
        raise ValueError(f"{len(inputs):,} pictures of {inputs.dtype}, and {len(labels):,} labels")
    return Examples(inputs.contiguous(), labels.contiguous())


def download(name: str, kind: Any, data_dir: Path, settings: dict[str, Any]) -> Generator[Preparing, None, None]:
    """Lets torchvision download a split. It runs aside, so that a run can be stopped meanwhile."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            kind(root=data_dir, download=True, **settings)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        yield Preparing(f"Downloading {name}")
        thread.join(0.25)
    if not errors or isinstance(error := errors[0], ModuleNotFoundError):  # it is there, and reading it says what lacks
        return
    raise UserError(
        f"{name} could not be downloaded ({reason(error)}): put torchvision's files into {data_dir}, "
        "or choose another --dataset."
    ) from error


@contextmanager
def readable(name: str, data_dir: Path) -> Iterator[None]:
    """Makes a UserError of what torchvision raises while it reads a data set."""
    advice = "delete its files to have them downloaded"
    with explained(f"{name} in {data_dir} cannot be read", advice, Exception):
        try:
            yield
        except ModuleNotFoundError as error:
            lacks = str(error.name).split(".")[0]
            raise UserError(
                f"torchvision needs {lacks} to read {name}: install it with pip install {lacks}."
            ) from error


def import_torchvision(purpose: str) -> ModuleType:
    """torchvision's data sets. Raises UserError where they cannot be imported."""
    advice = "install the torchvision made for this torch (pip install --force-reinstall torch torchvision)"
    # A wheel that does not fit torch's raises RuntimeError, or worse.
    with explained(f"torchvision, which {purpose}, cannot be imported", advice, Exception):
        import torchvision.datasets

        datasets: ModuleType = torchvision.datasets
        return datasets
