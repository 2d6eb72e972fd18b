"""What a trained model is asked about: pictures, tables and arrays, read from files of any kind and quality."""

import csv
import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ...files import open_regular
from .batches import Normaliser
from .folders import SUFFIXES
from .photo import as_learnt, read_picture
from .tables import lines_of

STANDARD_INPUT = "-"

MOST_INPUT = 1 << 28
"""Bytes of standard input that are read at most."""

AT_ONCE = 500
"""Examples that are read before the model is asked."""


class Learnt(Protocol):
    """What a model learnt from, as `Trained` has it."""

    @property
    def normalise(self) -> Normaliser: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def columns(self) -> tuple[str, ...]: ...


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


def read_inputs(name: str, learnt: Learnt) -> Iterator[Named]:
    """The examples in a file, or in standard input, some at a time, like those that the model learnt from.

    Raises UserError, naming the file.
    """
    called = "standard input" if name == STANDARD_INPUT else name
    try:
        with opened(name) as file:
            if name.lower().endswith(".npz"):
                yield from in_arrays(name, file, learnt)
            elif is_table(name, file, learnt):
                yield from in_table(called, file, learnt)
            else:
                yield [called], as_learnt(read_picture(file), learnt.shape, learnt.normalise)[None]
    except UserError:
        raise
    except Exception as error:  # a file of anything may make any reader raise anything
        reason = " ".join(str(getattr(error, "strerror", "") or error or type(error).__name__).split())
        raise UserError(f"{called} cannot be read ({reason.rstrip('.')[:200]}).") from error


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


def is_table(name: str, file: BinaryIO, learnt: Learnt) -> bool:
    """Whether a file is a table: by its name; standard input by its beginning, where the model reads pictures."""
    if len(learnt.shape) == 1 and name != STANDARD_INPUT and not name.lower().endswith(".csv"):
        raise UserError(f"{name} is no table: this run learnt from the rows of one, so it reads files.csv alone.")
    if len(learnt.shape) == 1 or name != STANDARD_INPUT:
        return len(learnt.shape) == 1 or name.lower().endswith(".csv")
    start = file.read(512)
    file.seek(0)
    return b"," in start and all(byte >= 32 or byte in b"\r\n\t" for byte in start)


def in_table(name: str, file: BinaryIO, learnt: Learnt) -> Iterator[Named]:
    """The rows of a CSV file, each by its line: the columns that the run learnt from by name, or a picture's pixels."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    rows = csv.reader(lines_of(name, text))
    header = [column.strip() for column in next(rows, [])]
    wanted = list(learnt.columns) or [column for column in header if column.lower() != "label"]
    if missing := [column for column in wanted if column not in header]:
        raise UserError(
            f'{name} has no column "{missing[0]}", which the run learnt from; it has {", ".join(header):.200}.'
        )
    if len(wanted) != math.prod(learnt.shape):
        raise UserError(
            f"{name} has {len(wanted):,} columns of pixels, and the run's pictures {math.prod(learnt.shape):,}."
        )
    places = [header.index(column) for column in wanted]
    table = len(learnt.shape) == 1
    shape = learnt.shape if table or learnt.shape[0] > 1 else learnt.shape[1:]

    def numbers() -> Iterator[tuple[str, list[float]]]:
        for row in rows:
            if row:
                try:
                    values = [float(row[place]) for place in places]
                except (ValueError, IndexError):
                    values = [math.nan]
                if not all(map(math.isfinite if table else is_byte, values)):
                    kind = "a finite number" if table else "a whole number from 0 to 255"
                    raise UserError(
                        f"{name}, line {rows.line_num:,}: each of its {len(places):,} columns must be {kind}."
                    )
                yield f"{name}:{rows.line_num}", values

    each = numbers()
    while some := list(islice(each, AT_ONCE)):
        values = torch.tensor([values for _, values in some], dtype=torch.float32 if table else torch.uint8)
        yield [where for where, _ in some], values.view(-1, *shape)


def is_byte(value: float) -> bool:
    """Whether it is a whole number from 0 to 255."""
    return 0 <= value <= 255 and value == int(value)


def in_arrays(name: str, file: BinaryIO, learnt: Learnt) -> Iterator[Named]:
    """The examples of an npz file: its array `x_test`, or `x`, or the only one."""
    with np.load(file, allow_pickle=False) as arrays:
        names = [each for each in ("x_test", "x") if each in arrays] or list(arrays)
        if len(names) != 1 and names[:1] != ["x_test"]:
            raise UserError(f"{name} has the arrays {', '.join(names) or 'of no name'}: name one x, or x_test.")
        array = arrays[names[0]]
    inputs = torch.from_numpy(np.ascontiguousarray(array))
    if tuple(inputs.shape[1:3]) == learnt.shape[1:] and inputs.dim() == 4:
        inputs = inputs.permute(0, 3, 1, 2)  # the channels last
    expected = learnt.shape[1:] if len(learnt.shape) == 3 and learnt.shape[0] == 1 else learnt.shape
    if tuple(inputs.shape[1:]) not in (learnt.shape, expected) or not inputs.dim():
        raise UserError(f"{name} has examples of shape {tuple(inputs.shape[1:])}, and the run learnt from {expected}.")
    kept = inputs.to(torch.float32 if len(learnt.shape) == 1 else torch.uint8)
    if not bool((kept == inputs).all() if len(learnt.shape) == 3 else kept.isfinite().all()):
        needed = "finite numbers" if len(learnt.shape) == 1 else "whole numbers from 0 to 255"
        raise UserError(f"{name} has others than {needed} in its array {names[0]}.")
    for start, part in enumerate(torch.split(kept.reshape(-1, *expected), AT_ONCE)):
        yield [f"{name}[{start * AT_ONCE + i}]" for i in range(len(part))], part
