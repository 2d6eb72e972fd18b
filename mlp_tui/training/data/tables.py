"""Tables: a CSV file with a header, a column `label`, and numbers in all other columns."""

import csv
import io
import os
from array import array
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import MOST_CLASSES, TEST_SHARE, Loading, finished, in_order, reading, short_name, too_many

LABEL = "label"
"""The column with the classes."""

MOST_LINE = 1 << 24
"""Characters of a line that are read at most."""

AT_ONCE = 1 << 20
"""Numbers that are turned into a piece of the table at once."""


def load_table(path: Path, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """A CSV file's rows, split by the seed into training and test. Raises UserError, naming the line at fault.

    Where the columns are called pixel0, pixel1, ..., and are as many as a square image has, they are gray images.
    """
    with reading(path) as file:
        try:
            table = Table(path, file, loading)
            yield from table.read()
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} cannot be read as CSV ({error}): save it as UTF-8, separated by commas."
            ) from error
    labels = torch.frombuffer(table.codes, dtype=torch.int64) if table.codes else torch.empty(0, dtype=torch.int64)
    classes = in_order(set(table.names))
    order = torch.tensor([classes.index(name) for name in table.names])
    everything = Examples(table.inputs[: len(labels)], order[labels] if len(labels) else labels)
    train, test = loading.split(everything, TEST_SHARE) if len(labels) else (everything, everything)
    columns = () if table.side else table.columns
    return finished(str(path), short_name(path), train, test, classes or [""], columns)


class Table:
    """A CSV file while it is read: its rows become `inputs`, its labels `codes`, which number the `names`."""

    def __init__(self, path: Path, file: BinaryIO, loading: Loading) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        most = 1 + max(sum(piece.count(end) for piece in pieces_of(file)) for end in (b"\n", b"\r"))
        self._rows = csv.reader(self._lines())
        header = [name.strip() for name in next(self._rows, [])]
        self._place = self._place_of_label(header)
        self.columns = tuple(header[: self._place] + header[self._place + 1 :])
        count = len(self.columns)
        pixels = [f"pixel{number}" for number in range(count)]
        self.side = side if (side := round(count**0.5)) ** 2 == count and list(self.columns) == pixels else 0
        shape = (self.side, self.side) if self.side else (count,)
        self.inputs: Tensor = loading.room((most, *shape), torch.uint8 if self.side else torch.float32)
        self.codes = array("q")
        self._codes: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._codes)

    def read(self) -> Iterator[Preparing]:
        """Reads all rows. Yields what it is doing."""
        what, size = f"Reading {self._path.name}", len(self.columns)
        piece = np.empty((max(1, AT_ONCE // size), size))
        lines: list[int] = []
        for row in self._rows:
            if not row:
                continue  # an empty line
            if len(row) != size + 1:
                self._refuse(f"has {len(row):,} values, and the header names {size + 1:,} columns")
            label = row.pop(self._place).strip()
            if not label:
                self._refuse("has no label")
            self.codes.append(self._codes.setdefault(label, len(self._codes)))
            if len(self._codes) > MOST_CLASSES:
                raise UserError(f"{self._path} has {too_many(len(self._codes))}.")
            try:
                piece[len(lines)] = np.fromiter(map(float, row), np.float64, size)
            except ValueError:
                column = next(place for place, text in enumerate(row) if not is_number(text))
                self._refuse(f'has "{row[column][:40]}" in the column {self.columns[column]:.40}: numbers are needed')
            lines.append(self._rows.line_num)
            if len(lines) == len(piece):
                self._keep(piece, lines)
                yield Preparing(what, self._file.tell(), self._size)
        self._keep(piece[: len(lines)], lines)

    def _keep(self, piece: np.ndarray, lines: list[int]) -> None:
        """Adds rows to the inputs; `lines` says where they are, and is emptied."""
        with np.errstate(over="ignore", invalid="ignore"):
            kept = piece.astype(np.uint8 if self.side else np.float32)
        wrong = np.argwhere(kept != piece if self.side else ~np.isfinite(kept))
        if len(wrong):
            row, column = wrong[0]
            needed = "brightness is a whole number from 0 to 255" if self.side else "finite numbers are needed"
            what = f"has {piece[row, column]:g} in the column {self.columns[column]:.40}: {needed}"
            self._refuse(what, lines[row])
        start = len(self.codes) - len(lines)
        if len(self.codes) > len(self.inputs):
            self._refuse("ends neither with a line feed nor with a carriage return, as others do")
        self.inputs[start : len(self.codes)] = torch.from_numpy(kept).view(len(lines), *self.inputs.shape[1:])
        lines.clear()

    def _place_of_label(self, header: list[str]) -> int:
        """Which column has the labels. Raises UserError where the first line is no header."""
        if not any(header):
            raise UserError(f"{self._path} has no header: its first line must name the columns.")
        if all(map(is_number, header)):
            raise UserError(f"{self._path} has no header: its first line is numbers; put the columns' names before it.")
        places = [place for place, name in enumerate(header) if name.lower() == LABEL]
        if len(places) != 1:
            names = ", ".join(header)
            listed = names if len(names) <= 60 else f"{names[:60]}..."
            hint = "separate the columns by commas" if len(header) == 1 else "name one so"
            raise UserError(f'{self._path} has {len(places)} columns called "{LABEL}" (it has {listed}): {hint}.')
        if len(header) == 1:
            raise UserError(f'{self._path} has no column beside "{LABEL}": add some to learn from.')
        return places[0]

    def _lines(self) -> Iterator[str]:
        self._file.seek(0)
        return lines_of(str(self._path), io.TextIOWrapper(self._file, "utf-8-sig", newline=""))

    def _refuse(self, what: str, line: int = 0) -> NoReturn:
        raise UserError(f"{self._path}, line {line or self._rows.line_num:,} {what}.")


def lines_of(name: str, text: io.TextIOWrapper) -> Iterator[str]:
    """A text's lines. Raises UserError where one has no end."""
    for number, line in enumerate(iter(partial(text.readline, MOST_LINE), ""), start=1):
        if len(line) == MOST_LINE:
            raise UserError(f"{name}, line {number:,} is longer than {MOST_LINE:,} characters.")
        yield line


def is_number(text: str) -> bool:
    """Whether a text is a number, as Python reads one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """All of a file, a megabyte at a time."""
    file.seek(0)
    return iter(partial(file.read, 1 << 20), b"")
