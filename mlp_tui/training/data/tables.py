"""Tables: a CSV file with a header, a column `label`, and numbers in all other columns."""

import csv
import io
from array import array
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import numpy as np
import torch

from ...errors import UserError, explained
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import MOST_CLASSES, TEST_SHARE, Loading, finished, in_order, reading, short_name, too_many

LABEL = "label"
"""The column with the classes."""

MOST_LINE = 1 << 24
"""Characters of a line that are read at most."""

AT_ONCE = 1 << 20
"""Numbers that are turned into a piece of the table at once."""


class Piece(NamedTuple):
    """Some rows: their lines in the file, their labels where these were asked for, and numbers, shape (n, columns)."""

    lines: list[int]
    labels: list[str]
    numbers: np.ndarray


class Table:
    """A CSV file, read once from its beginning."""

    def __init__(self, name: str, text: io.TextIOWrapper) -> None:
        self._name = name
        self._rows = csv.reader(lines_of(name, text))
        self.header = [column.strip() for column in next(self._rows, [])]

    def pieces(self, places: Sequence[int], pixels: bool, label: int | None = None) -> Iterator[Piece]:
        """The columns at those places, as float32, or as uint8 where they are pixels.

        Raises UserError, naming the line at fault.
        """
        size = len(places)
        numbers = np.empty((max(1, AT_ONCE // size), size))
        lines: list[int] = []
        labels: list[str] = []
        for row in filter(None, self._rows):  # without empty lines
            line = self._rows.line_num
            if len(row) != len(self.header):
                self._refuse(line, f"has {len(row):,} values, and the header names {len(self.header):,} columns")
            if label is not None:
                labels.append(row[label].strip() or self._refuse(line, "has no label"))
            try:
                numbers[len(lines)] = np.fromiter((float(row[place]) for place in places), np.float64, size)
            except ValueError:
                wrong = next(place for place in places if not is_number(row[place]))
                what = f'has "{row[wrong][:40]}" in the column {self.header[wrong]:.40}: numbers are needed'
                self._refuse(line, what)
            lines.append(line)
            if len(lines) == len(numbers):
                yield Piece(lines, labels, self._checked(numbers, lines, places, pixels))
                lines, labels = [], []
        if lines:
            yield Piece(lines, labels, self._checked(numbers[: len(lines)], lines, places, pixels))

    def _checked(self, numbers: np.ndarray, lines: list[int], places: Sequence[int], pixels: bool) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            kept = numbers.astype(np.uint8 if pixels else np.float32)
        for row, column in np.argwhere(kept != numbers if pixels else ~np.isfinite(kept)):
            needed = "brightness is a whole number from 0 to 255" if pixels else "finite numbers are needed"
            what = f"has {numbers[row, column]:g} in the column {self.header[places[column]]:.40}: {needed}"
            self._refuse(lines[row], what)
        return kept

    def _refuse(self, line: int, what: str) -> NoReturn:
        raise UserError(f"{self._name}, line {line:,} {what}.")


def load_table(path: Path, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """A CSV file's rows, split by the seed into training and test. Raises UserError, naming the line at fault.

    Where the columns are called pixel0, pixel1, ..., and are as many as a square image has, they are gray images.
    """
    advice = "save it as UTF-8, separated by commas"
    with reading(path) as file, explained(f"{path} cannot be read as CSV", advice, (csv.Error, UnicodeDecodeError)):
        text = as_text(file)
        lines, size = sum(1 for _ in lines_of(str(path), text)), file.tell()
        text.seek(0)
        table = Table(str(path), text)
        label = place_of_label(path, table.header)
        places = [place for place in range(len(table.header)) if place != label]
        columns = [table.header[place] for place in places]
        side = round(len(columns) ** 0.5)
        pixels = columns == [f"pixel{number}" for number in range(side * side)]
        shape = (side, side) if pixels else (len(columns),)
        inputs = loading.room((lines, *shape), torch.uint8 if pixels else torch.float32)
        codes = array("q")
        names: dict[str, int] = {}
        for piece in table.pieces(places, pixels, label):
            start = len(codes)
            for name in piece.labels:
                codes.append(names.setdefault(name, len(names)))
                if len(names) > MOST_CLASSES:
                    raise UserError(f"{path} has {too_many(len(names))}.")
            inputs[start : len(codes)] = torch.from_numpy(piece.numbers).view(-1, *shape)
            yield Preparing(f"Reading {path.name}", file.tell(), size)
    classes = in_order(set(names))
    order = torch.tensor([classes.index(name) for name in names], dtype=torch.int64)
    everything = Examples(inputs[: len(codes)], order[torch.from_numpy(np.array(codes))])
    parts = loading.split(everything, TEST_SHARE) if len(codes) else (everything, everything)
    return finished(str(path), short_name(path), parts, classes, () if pixels else columns)


def place_of_label(path: Path, header: list[str]) -> int:
    """Which column has the labels. Raises UserError where the first line is no header."""
    if not any(header):
        raise UserError(f"{path} has no header: its first line must name the columns.")
    if all(map(is_number, header)):
        raise UserError(f"{path} has no header: its first line is numbers; put the columns' names before it.")
    places = [place for place, name in enumerate(header) if name.lower() == LABEL]
    if len(places) != 1:
        names = ", ".join(header)
        listed = names if len(names) <= 60 else f"{names[:60]}..."
        hint = "separate the columns by commas" if len(header) == 1 else "name one so"
        raise UserError(f'{path} has {len(places)} columns called "{LABEL}" (it has {listed}): {hint}.')
    if len(header) == 1:
        raise UserError(f'{path} has no column beside "{LABEL}": add some to learn from.')
    return places[0]


def as_text(file: BinaryIO) -> io.TextIOWrapper:
    """The text of a CSV file, whose lines end as they do there."""
    return io.TextIOWrapper(file, "utf-8-sig", newline="")


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
