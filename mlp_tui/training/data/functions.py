"""Data sets of the user's own code: a function that returns two torch Datasets, one to train on and one to test on."""

import importlib.util
import operator
import random
import sys
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import MOST_CLASSES, Loading, finished, short_name

SPLITS = ("training", "test")


def load_function(path: Path, name: str, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """What the function returns, each example once. The random numbers that it draws are the seed's.

    Raises UserError, with the line of the user's code where an exception came from there.
    """
    what = f"{path}:{name}"
    yield Preparing(f"Reading {path.name}:{name}")
    torch.manual_seed(loading.seed)
    random.seed(loading.seed)
    np.random.seed(loading.seed % 2**32)
    with own_code(path, name):
        pair = imported(path, name)()
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise UserError(f"{what} returned {described(pair)}: two torch Datasets are needed, training and test.")
    parts = []
    for split, items in zip(SPLITS, pair, strict=True):
        if not hasattr(items, "__getitem__") or not hasattr(items, "__len__"):
            raise UserError(f"{what} returned {described(items)} for {split}: a Dataset with a length is needed.")
        parts.append((yield from read_items(what, path, split, items, loading)))
    train, test = parts
    if train.inputs.shape[1:] != test.inputs.shape[1:] or train.inputs.dtype != test.inputs.dtype:
        shapes = " and ".join(str(tuple(part.inputs.shape[1:])) for part in parts)
        raise UserError(f"{what} gives examples of {shapes} for training and test: make them alike.")
    names = getattr(pair[0], "classes", None)
    most = int(torch.cat([train.labels, test.labels]).max())
    if not isinstance(names, (list, tuple)) or len(names) <= most:
        names = range(most + 1)
    if len(unknown := set(test.labels.tolist()) - set(train.labels.tolist())):
        raise UserError(
            f"{what}: the test has the label {min(unknown)}, which the training does not: train on it, too."
        )
    columns = [f"column {number}" for number in range(train.inputs.shape[1])] if train.inputs.dim() == 2 else []
    return finished(what, short_name(path), train, test, list(map(str, names)), columns)


def imported(path: Path, name: str) -> Any:
    """That function of that file, whose folder is importable from then on."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # as pickle and dataclasses need it
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"{path} has no function {name}: define it, or name another.")
    return function


class own_code:
    """Turns what the user's code raises into a UserError that names its line."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, (UserError, KeyboardInterrupt, GeneratorExit)):
            return
        own = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == str(self._path)]
        line = (
            error.lineno if isinstance(error, SyntaxError) and error.filename == str(self._path) else (own or [0])[-1]
        )
        where = f"{self._path}, line {line}" if line else f"{self._path}:{self._name}"
        message = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
        raise UserError(
            f"{where} raised {type(error).__name__}: {message or 'no message'}"[:400].rstrip(".") + "."
        ) from error


def read_items(what: str, path: Path, split: str, items: Any, loading: Loading) -> Generator[Preparing, None, Examples]:
    """All items of a Dataset: their inputs, and their labels."""
    with own_code(path, what):
        size = len(items)
    if not size:
        raise UserError(f"{what} returned an empty Dataset for {split}: put examples into it.")
    inputs, labels = torch.empty(0), torch.empty(size, dtype=torch.int64)
    for number in range(size):
        if number % 1000 == 0:
            yield Preparing(f"Reading the examples for {split}", number, size)
        item = f"{what}: example {number} for {split}"
        with own_code(path, what):
            pair = items[number]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise UserError(f"{item} is {described(pair)}: an input and a label are needed.")
        try:
            label = operator.index(pair[1])
        except (TypeError, ValueError, RuntimeError):  # of a tensor it may be any of them
            raise UserError(f"{item} has the label {described(pair[1])}: whole numbers are needed.") from None
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
            raise UserError(f"{item} is {described(value)}: a tensor or a picture is needed.")
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


def described(value: object) -> str:
    """A value in a few words, for a sentence."""
    return "None" if value is None else f"a {type(value).__name__}"
