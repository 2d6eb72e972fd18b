"""Arrays: an npz file with x_train, y_train, x_test and y_test, as np.savez writes it."""

import math
import zipfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError, explained
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import PIECE, Loading, finished, in_order, reading, short_name

SPLITS = ("train", "test")
NAMES = tuple(f"{kind}_{split}" for split in SPLITS for kind in "xy")

DAMAGED = (zipfile.BadZipFile, ValueError, EOFError, zlib.error, NotImplementedError, RuntimeError)
"""What a damaged archive may raise."""


def load_arrays(path: Path, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """Images, uint8, or rows of numbers, and their labels. Raises UserError, naming the array at fault.

    Nothing in the file is unpickled.
    """
    inputs, labels = [], []
    with reading(path) as file, explained(f"{path} cannot be read", "write it anew with np.savez", DAMAGED):
        archive = zipfile.ZipFile(file)
        missing = [name for name in NAMES if f"{name}.npy" not in archive.namelist()]
        if missing:
            raise UserError(f"{path} has no array {missing[0]}: it needs {', '.join(NAMES)}.")
        for split in SPLITS:
            yield Preparing(f"Reading {path.name}: {split}")
            with archive.open(f"x_{split}.npy") as member:
                inputs.append(read_inputs(Array(f"{path}: x_{split}", member), loading))
            with archive.open(f"y_{split}.npy") as member:
                labels.append(read_labels(Array(f"{path}: y_{split}", member)))
            x, y = inputs[-1], labels[-1]
            if len(x) != len(y):
                raise UserError(
                    f"{path}: x_{split} has {len(x):,} examples and y_{split} {len(y):,} labels: make them as many."
                )
    names = [[str(name) for name in np.unique(each)] for each in labels]
    classes = in_order({*names[0], *names[1]})
    parts = []
    for x, y, own in zip(inputs, labels, names, strict=True):
        codes = np.array([classes.index(name) for name in own])
        parts.append(Examples(x, torch.from_numpy(codes[np.unique(y, return_inverse=True)[1]])))
    return finished(str(path), short_name(path), parts, classes)


class Array:
    """An array in an npz file, read piece by piece; `what` names it in sentences.

    Raises UserError, also while its pieces are read, and ValueError.
    """

    def __init__(self, what: str, member: IO[bytes]) -> None:
        self.what = what
        self._member = member
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        self.shape, self._fortran, self.dtype = read(member)
        if self.dtype.hasobject or self.dtype.fields:
            raise UserError(f"{what} holds Python objects, which are not read: save numbers.")
        if not self.shape or not math.prod(self.shape):
            raise UserError(f"{what} is of shape {self.shape}: it holds nothing.")

    def pieces(self) -> Iterator["np.ndarray[Any, Any]"]:
        """The array, cut along its first dimension; in Fortran's order it has to be in one piece."""
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        step = self.shape[0] if self._fortran else max(1, PIECE // max(1, size))
        for start in range(0, self.shape[0], step):
            count = min(step, self.shape[0] - start)
            data = self._member.read(count * size)
            if len(data) != count * size:
                raise UserError(f"{self.what} is cut short: write the file anew.")
            order = "F" if self._fortran else "C"
            yield np.frombuffer(data, self.dtype).reshape((count, *self.shape[1:]), order=order)  # type: ignore[call-overload]

    def examples(self, images: bool) -> Iterator[Tensor]:
        """Its pieces as `Examples` has them: images of bytes, or rows of finite numbers, float32."""
        needed, start = "whole numbers from 0 to 255" if images else "finite numbers", 0
        for piece in self.pieces():
            with np.errstate(over="ignore", invalid="ignore"):
                kept = piece.astype(np.uint8 if images else np.float32)
            for place in np.argwhere(kept != piece if images else ~np.isfinite(kept)):
                row, value = start + place[0], (piece if images else kept)[tuple(place)]
                raise UserError(f"{self.what}, row {row} has {value} in column {place[-1]}: {needed} only.")
            start += len(piece)
            yield as_images(kept)


def read_inputs(array: Array, loading: Loading) -> Tensor:
    """Examples, piece by piece: uint8 images, or float32 rows."""
    shape, dtype = array.shape, array.dtype
    images = len(shape) in (3, 4)
    if dtype.kind not in "uifb" or (images and dtype != np.uint8) or len(shape) not in (2, 3, 4):
        raise UserError(
            f"{array.what} is of shape {shape} and {dtype}: images are uint8, of shape (n, height, width), with "
            "channels (1 or 3) before or behind those; rows are numbers of shape (n, columns)."
        )
    if len(shape) == 4 and not {shape[1], shape[3]} & {1, 3}:
        raise UserError(f"{array.what} is of shape {shape}: images have 1 channel, or 3.")
    inputs, start = torch.empty(0), 0
    for piece in array.examples(images):
        if not start:
            inputs = loading.room((shape[0], *piece.shape[1:]), piece.dtype)
        inputs[start : start + len(piece)] = piece
        start += len(piece)
    return inputs


def as_images(piece: "np.ndarray[Any, Any]") -> Tensor:
    """Images with their channels before or behind height and width as `Examples` has them; rows as they are."""
    if piece.ndim == 4 and piece.shape[3] in (1, 3):
        piece = piece.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(piece[:, 0] if piece.ndim == 4 and piece.shape[1] == 1 else piece))


def read_labels(array: Array) -> "np.ndarray[Any, Any]":
    """Labels, whole numbers or names, shape (n,)."""
    shape, dtype = array.shape, array.dtype
    if shape[0] != math.prod(shape) or dtype.kind not in "uibUS":
        raise UserError(
            f"{array.what} is of shape {shape} and {dtype}: labels are whole numbers or names, of shape (n,)."
        )
    labels = np.concatenate([piece.reshape(-1) for piece in array.pieces()])
    return np.char.decode(labels, "utf-8", "replace") if dtype.kind == "S" else labels
