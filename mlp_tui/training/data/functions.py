"""Data sets of the user's own code: a function that returns two torch Datasets, one to train on and one to test on."""

import operator
import random
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError, blamed, kind, place
from ...events import Preparing
from ..user_code import run_file
from .batches import Dataset, Examples
from .loading import MOST_CLASSES, Loading, finished, short_name

SPLITS = ("training", "test")


def load_function(path: Path, name: str, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """What the function returns, each example once. The random numbers that it draws are the seed's.

    The file's folder is importable from then on. Raises UserError, with the line of the user's code where an
    exception came from there.
    """
    what = f"{path}:{name}"
    yield Preparing(f"Reading {path.name}:{name}")
    torch.manual_seed(loading.seed)
    random.seed(loading.seed)
    np.random.seed(loading.seed % 2**32)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module, _ = run_file(path, path.stem, "--dataset wants a file of Python")
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"{path} has no function {name}: define it, or name another.")
    with blamed(f"{name}()", place(str(path), None)):
        pair = function()
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise UserError(f"{what} returned {kind(pair)}: two torch Datasets are needed, training and test.")
    parts = []
    for split, items in zip(SPLITS, pair, strict=True):
        if not hasattr(items, "__getitem__") or not hasattr(items, "__len__"):
            raise UserError(f"{what} returned {kind(items)} for {split}: a Dataset with a length is needed.")
        parts.append((yield from read_items(what, split, items, loading)))
    names = getattr(pair[0], "classes", None)
    most = max(int(part.labels.max()) for part in parts)
    if not isinstance(names, (list, tuple)) or len(names) <= most:
        names = range(most + 1)
    return finished(what, short_name(path), parts, list(map(str, names)))


def read_items(what: str, split: str, items: Any, loading: Loading) -> Generator[Preparing, None, Examples]:
    """All items of a Dataset: their inputs, and their labels."""
    with blamed(f"the length of the Dataset for {split}", what):
        size = len(items)
    if not size:
        raise UserError(f"{what} returned an empty Dataset for {split}: put examples into it.")
    inputs, labels = torch.empty(0), torch.empty(size, dtype=torch.int64)
    for number in range(size):
        if number % 1000 == 0:
            yield Preparing(f"Reading the examples for {split}", number, size)
        item = f"{what}: example {number} for {split}"
        with blamed(f"example {number} for {split}", what):
            pair = items[number]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise UserError(f"{item} is {kind(pair)}: an input and a label are needed.")
        try:
            label = operator.index(pair[1])
        except (TypeError, ValueError, RuntimeError):  # of a tensor it may be any of them
            raise UserError(f"{item} has the label {kind(pair[1])}: whole numbers are needed.") from None
        if not 0 <= label < MOST_CLASSES:
            raise UserError(f"{item} has the label {label}: labels are from 0 to {MOST_CLASSES - 1}.")
        x = as_input(item, pair[0])
        if not number:
            inputs = loading.room((size, *x.shape), x.dtype)
        if x.shape != inputs.shape[1:] or x.dtype != inputs.dtype:
            raise UserError(
                f"{item} is of {tuple(x.shape)}, and the first of {tuple(inputs.shape[1:])}: make them alike."
            )
        inputs[number], labels[number] = x, label
    return Examples(inputs, labels)


def as_input(item: str, value: Any) -> Tensor:
    """A picture as uint8, shape (height, width) or (3, height, width), or a row of numbers as float32."""
    if not isinstance(value, Tensor):
        array = np.array(value)
        if array.ndim == 3 and array.shape[2] in (1, 3):  # a picture's channels are last
            array = array.transpose(2, 0, 1)
        if array.dtype.kind not in "uifb":
            raise UserError(f"{item} is {kind(value)}: a tensor or a picture is needed.")
        value = torch.from_numpy(np.ascontiguousarray(array))
    x: Tensor = value.detach().cpu()
    if x.dim() == 1:
        x = x.to(torch.float32)
        if not x.isfinite().all():
            raise UserError(f"{item} holds a number that is not finite: mend that.")
        return x
    if x.dim() not in (2, 3) or (x.dim() == 3 and x.shape[0] not in (1, 3)):
        raise UserError(f"{item} is of {tuple(x.shape)}: rows are (columns,), images (1 or 3 channels, height, width).")
    if x.is_floating_point():  # as ToTensor makes them
        if not 0 <= float(x.min()) <= float(x.max()) <= 1:
            raise UserError(
                f"{item} has pixels outside 0 to 1: leave Normalize out, since the program normalises by itself."
            )
        x = (x * 255).round().to(torch.uint8)
    if x.dtype == torch.bool:
        x = x.to(torch.uint8) * 255
    if x.dtype != torch.uint8:
        raise UserError(f"{item} is of {x.dtype}: images are of torch.uint8, or floating point from 0 to 1.")
    return x[0] if x.dim() == 3 and len(x) == 1 else x
