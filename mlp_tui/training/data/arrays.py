"""Arrays: an npz file with x_train, y_train, x_test and y_test, as np.savez writes it."""

import math
import zipfile
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import PIECE, Loading, finished, in_order, reading, short_name

SPLITS = ("train", "test")
NAMES = tuple(f"{kind}_{split}" for split in SPLITS for kind in "xy")


def load_arrays(path: Path, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """Images, uint8, or rows of numbers, and their labels. Raises UserError, naming the array at fault.

    Nothing in the file is unpickled.
    """
    with reading(path) as file:
        try:
            archive = zipfile.ZipFile(file)
            missing = [name for name in NAMES if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise UserError(f"{path} has no array {missing[0]}: it needs {', '.join(NAMES)}.")
            inputs, labels = [], []
            for split in SPLITS:
                yield Preparing(f"Reading {path.name}: {split}")
                with archive.open(f"x_{split}.npy") as member:
                    inputs.append(read_inputs(f"{path}: x_{split}", member, loading))
                with archive.open(f"y_{split}.npy") as member:
                    labels.append(read_labels(f"{path}: y_{split}", member))
        # what a damaged archive may raise
        except (
            zipfile.BadZipFile,
            ValueError,
            EOFError,
            zlib.error,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise UserError(f"{path} cannot be read ({error}): write it anew with np.savez.") from error
    for split, x, y in zip(SPLITS, inputs, labels, strict=True):
        if len(x) != len(y):
            raise UserError(
                f"{path}: x_{split} has {len(x):,} examples and y_{split} {len(y):,} labels: make them as many."
            )
    train, test = inputs
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        shapes = " and ".join(f"{tuple(x.shape[1:])} {x.dtype}".replace("torch.", "") for x in inputs)
        raise UserError(f"{path}: x_train and x_test have examples of {shapes}: make them alike.")
    classes = in_order({str(label) for label in np.unique(labels[0])})
    numbers = {name: number for number, name in enumerate(classes)}
    if unknown := {str(label) for label in np.unique(labels[1])} - numbers.keys():
        raise UserError(f'{path}: y_test has the label "{min(unknown)}", which y_train does not have: train on it too.')
    coded = []
    for y in labels:
        values, places = np.unique(y, return_inverse=True)
        coded.append(torch.tensor([numbers[str(value)] for value in values])[torch.from_numpy(places)])
    columns = [f"column {number}" for number in range(train.shape[1])] if train.dim() == 2 else []
    both = Examples(train, coded[0]), Examples(test, coded[1])
    return finished(str(path), short_name(path), *both, classes, columns)


def read_header(what: str, member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran's order, and type of an array. Raises UserError, and ValueError."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(member)
    if dtype.hasobject or dtype.fields:
        raise UserError(f"{what} holds Python objects, which are not read: save numbers.")
    if not shape or not math.prod(shape):
        raise UserError(f"{what} is of shape {shape}: it holds nothing.")
    return shape, fortran, dtype


def read_inputs(what: str, member: IO[bytes], loading: Loading) -> Tensor:
    """Examples, piece by piece: uint8 images, or float32 rows."""
    shape, fortran, dtype = read_header(what, member)
    images = len(shape) in (3, 4)
    if dtype.kind not in "uifb" or (images and dtype != np.uint8) or len(shape) not in (2, 3, 4):
        raise UserError(
            f"{what} is of shape {shape} and {dtype}: images are uint8, of shape (n, height, width), with channels "
            "(1 or 3) before or behind those; rows are numbers of shape (n, columns)."
        )
    last = len(shape) == 4 and shape[3] in (1, 3)
    if len(shape) == 4 and not last and shape[1] not in (1, 3):
        raise UserError(f"{what} is of shape {shape}: images have 1 channel, or 3.")
    kept = list(shape) if not last else [shape[0], shape[3], *shape[1:3]]
    if len(kept) == 4 and kept[1] == 1:
        del kept[1]
    inputs = loading.room(kept, torch.uint8 if images else torch.float32)
    step = shape[0] if fortran else max(1, PIECE // (math.prod(shape[1:]) * dtype.itemsize))
    for start in range(0, shape[0], step):
        count = min(step, shape[0] - start)
        size = count * math.prod(shape[1:]) * dtype.itemsize
        data = member.read(size)
        if len(data) != size:
            raise UserError(f"{what} is cut short: write the file anew.")
        piece = np.frombuffer(data, dtype).reshape((count, *shape[1:]), order="F" if fortran else "C")
        if last:
            piece = piece.transpose(0, 3, 1, 2)
        with np.errstate(over="ignore"):
            piece = piece.astype(np.uint8 if images else np.float32).reshape(count, *kept[1:])
        if not images and len(wrong := np.argwhere(~np.isfinite(piece))):
            row, column = wrong[0]
            raise UserError(
                f"{what}, row {start + row} has {piece[row, column]} in column {column}: finite numbers only."
            )
        inputs[start : start + count] = torch.from_numpy(piece)
    return inputs


def read_labels(what: str, member: IO[bytes]) -> "np.ndarray[Any, Any]":
    """Labels, whole numbers or names, shape (n,)."""
    shape, _, dtype = read_header(what, member)
    if len([size for size in shape if size != 1]) > 1 or shape[0] != math.prod(shape) or dtype.kind not in "uibUS":
        raise UserError(f"{what} is of shape {shape} and {dtype}: labels are whole numbers or names, of shape (n,).")
    data = member.read(math.prod(shape) * dtype.itemsize)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise UserError(f"{what} is cut short: write the file anew.")
    labels = np.frombuffer(data, dtype)
    return np.char.decode(labels, "utf-8", "replace") if dtype.kind == "S" else labels
