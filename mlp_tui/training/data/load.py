"""The data set that `--dataset` names."""

from collections.abc import Generator
from pathlib import Path

from ...errors import UserError
from ...events import Preparing
from .batches import Dataset
from .mnist import load_mnist
from .synthetic import load_synthetic


def load_dataset(choice: str, data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """Yields what it is doing, and returns the data set. Raises UserError where it cannot be had."""
    if choice == "synthetic":
        return (yield from load_synthetic())
    try:
        return (yield from load_mnist(data_dir))
    except UserError as error:
        if choice == "mnist":
            raise
        notice = f"These are the program's own built-in digits, not MNIST. {error}"
        return (yield from load_synthetic(notice))
