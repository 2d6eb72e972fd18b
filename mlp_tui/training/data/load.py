"""The data set that `--dataset` names."""

import os
import re
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import cast

from ...config import CACHE_DIR, DATA_SETTINGS, TrainingConfig
from ...errors import UserError, explained
from ...events import Preparing
from ..memory import gigabytes
from .arrays import load_arrays
from .batches import Dataset
from .folders import load_folder
from .functions import load_function
from .loading import Loading, with_validation
from .mnist import load_mnist
from .synthetic import load_synthetic
from .tables import load_table
from .torchvision_sets import SETS, load_torchvision

OWN_DATA = "a folder of pictures, a file.npz, a file.csv, or file.py:function"


def load_for(config: TrainingConfig) -> Generator[Preparing, None, Dataset]:
    """The data set that the settings ask for, as `load_dataset` has it."""
    return load_dataset(**{name: getattr(config, name) for name in DATA_SETTINGS})


def load_at_once(config: TrainingConfig, say: Callable[[str], object] = lambda what: None) -> Dataset:
    """The same, once it is loaded; `say` gets what is being done, as it begins. Raises UserError."""
    loading = load_for(config)
    while True:
        try:
            event = next(loading)
        except StopIteration as loaded:
            return cast(Dataset, loaded.value)
        if not event.done:
            say(event.what)


def load_dataset(
    dataset: str, data_dir: Path, seed: int = 0, image_size: int = 0, validation: float = 0.0
) -> Generator[Preparing, None, Dataset]:
    """Yields what it is doing, and returns the data set. Raises UserError where it cannot be had.

    `seed` splits it where it has no test set, and splits `validation`, a share of the training set, off.
    """
    loading = Loading(seed, image_size)
    if dataset == "synthetic":
        data = yield from load_synthetic()
    elif dataset in ("auto", "mnist"):
        data = yield from load_mnist_or_else(dataset, data_dir)
    elif dataset in SETS:
        data = yield from load_torchvision(dataset, data_dir)
    else:
        data = yield from load_own(dataset, loading)
    if validation:
        data = with_validation(data, validation, loading)
    if loading.in_files:
        parts = [part for part in (data.train, data.validation, data.test) if part is not None]
        notice = (
            f"{gigabytes(sum(part.inputs.nbytes for part in parts))} of examples do not fit in memory: "
            f"they are read as they are needed, from a file in {CACHE_DIR}."
        )
        data = replace(data, notice=f"{data.notice} {notice}".strip())
    return data


def load_mnist_or_else(choice: str, data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """MNIST; with "auto", the built-in digits where it cannot be had."""
    try:
        return (yield from load_mnist(data_dir))
    except UserError as error:
        if choice == "mnist":
            raise
        notice = f"These are the program's own built-in digits, not MNIST. {error}"
        return (yield from load_synthetic(notice))


def load_own(choice: str, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """The user's own data, at a path."""
    file, _, function = choice.rpartition(":") if re.search(r"\.py:\w+$", choice) else (choice, "", "")
    path = Path(os.path.abspath(file))
    with explained(f"{file[:200]!r} cannot be read", "name another --dataset", (OSError, ValueError)):
        try:
            path.stat()
        except FileNotFoundError:
            names = ", ".join(("auto", "mnist", "synthetic", *SETS))
            raise UserError(
                f'There is no data set and no file "{file[:200]}": name one of {names}; or {OWN_DATA}.'
            ) from None
    if function:
        return (yield from load_function(path, function, loading))
    if path.is_dir():
        return (yield from load_folder(path, loading))
    loaders = {".csv": load_table, ".npz": load_arrays}
    if loader := loaders.get(path.suffix.lower()):
        return (yield from loader(path, loading))
    raise UserError(f"{path} is no data set: name {OWN_DATA}.")
