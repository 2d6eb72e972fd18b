"""What a trained model is asked about: pictures, tables and arrays, read from files of any kind and quality."""

import io
import math
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from ...errors import UserError, explained
from ...files import open_regular
from ..trained import Trained
from .arrays import Array
from .folders import SUFFIXES
from .photo import as_learnt, read_picture
from .tables import LABEL, Table, as_text

STANDARD_INPUT = "-"

MOST_INPUT = 1 << 28
"""Bytes of standard input that are read at most."""

AT_ONCE = 500
"""Examples that the model is asked about at once."""

Named = tuple[list[str], Tensor]
"""Some examples' names, and their raw inputs as in `Examples`."""


def files_of(name: str) -> list[str]:
    """The file of that name; of a folder, the pictures in it and below it. Raises UserError where it has none."""
    if name == STANDARD_INPUT or not Path(name).is_dir():
        return [name]
    found = [path for path in sorted(Path(name).rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise UserError(f"{name} has no pictures in it, such as .png or .jpg.")
    return [str(path) for path in found]


def read_inputs(name: str, learnt: Trained) -> Iterator[Named]:
    """The examples in a file, or in standard input, some at a time, like those that the model learnt from.

    Raises UserError, naming the file.
    """
    called = "standard input" if name == STANDARD_INPUT else name
    # A file of anything may make any reader raise anything.
    with explained(f"{called} cannot be read", kinds=Exception), opened(name) as file:
        if name.lower().endswith(".npz"):
            named = in_arrays(name, file, learnt)
        elif is_table(name, file, learnt):
            named = in_table(called, file, learnt)
        else:
            named = iter([([called], as_learnt(read_picture(file), learnt.shape, learnt.normalise)[None])])
        for names, inputs in named:
            for start in range(0, len(names), AT_ONCE):
                yield names[start : start + AT_ONCE], inputs[start : start + AT_ONCE]


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """The file, or what comes from standard input. Raises OSError where it is no regular file, and UserError."""
    if name == STANDARD_INPUT:
        data = sys.stdin.buffer.read(MOST_INPUT + 1)
        if len(data) > MOST_INPUT:
            raise UserError(f"Standard input has more than {MOST_INPUT:,} bytes: put them into a file.")
        if not data:
            raise UserError("Standard input is empty: send it a picture, or a table as CSV.")
        yield io.BytesIO(data)
        return
    with open(open_regular(Path(name)), "rb") as file:
        if not file.read(1):
            raise UserError(f"{name} is empty.")
        file.seek(0)
        yield file


def is_table(name: str, file: BinaryIO, learnt: Trained) -> bool:
    """Whether a file is a table: by its name; standard input by its beginning, where the model reads pictures."""
    if name != STANDARD_INPUT:
        table = name.lower().endswith(".csv")
        if not table and not learnt.pictures:
            raise UserError(f"{name} is no table: this run learnt from the rows of one, so it reads files.csv alone.")
        return table
    start = file.read(512)
    file.seek(0)
    return not learnt.pictures or (b"," in start and all(byte >= 32 or byte in b"\r\n\t" for byte in start))


def in_table(name: str, file: BinaryIO, learnt: Trained) -> Iterator[Named]:
    """The rows of a CSV file, each by its line: the columns that the run learnt from by name, or a picture's pixels."""
    table = Table(name, as_text(file))
    header, size = table.header, math.prod(learnt.shape)
    wanted = learnt.columns or [column for column in header if column.lower() != LABEL]
    if missing := [column for column in wanted if column not in header]:
        raise UserError(
            f'{name} has no column "{missing[0]}", which the run learnt from; it has {", ".join(header):.200}.'
        )
    if len(wanted) != size:
        raise UserError(f"{name} has {len(wanted):,} columns of pixels, and the run's pictures {size:,}.")
    for piece in table.pieces([header.index(column) for column in wanted], learnt.pictures):
        yield [f"{name}:{line}" for line in piece.lines], torch.from_numpy(piece.numbers).view(-1, *learnt.raw_shape)


def in_arrays(name: str, file: BinaryIO, learnt: Trained) -> Iterator[Named]:
    """The examples of an npz file: its array `x_test`, or `x`, or the only one."""
    archive = zipfile.ZipFile(file)
    arrays = [each.removesuffix(".npy") for each in archive.namelist()]
    names = [each for each in ("x_test", "x") if each in arrays] or arrays
    if len(names) != 1 and names[:1] != ["x_test"]:
        raise UserError(f"{name} has the arrays {', '.join(names) or 'of no name'}: name one x, or x_test.")
    with archive.open(f"{names[0]}.npy") as member:
        array, count = Array(f"{name}: {names[0]}", member), 0
        for inputs in array.examples(learnt.pictures):
            if (shape := tuple(inputs.shape[1:])) != learnt.raw_shape:
                raise UserError(f"{name} has examples of shape {shape}, and the run learnt from {learnt.raw_shape}.")
            yield [f"{name}[{count + i}]" for i in range(len(inputs))], inputs
            count += len(inputs)
