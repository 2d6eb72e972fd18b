"""Rows of a table in characters: as many of their values as have room, the most telling columns first."""

from collections.abc import Sequence

from ...headless.data import Data, cut
from .glyphs import Glyphs

CELL = 11
"""The cells of a value, the blank before it included."""


def telling_columns(rows: Sequence[Sequence[float]], labels: Sequence[int]) -> list[int]:
    """The columns' numbers, those first in which rows of different labels differ most.

    It is the correlation ratio that counts: the share of a column's variance that lies between the labels.
    """
    import numpy as np

    table, classes = np.nan_to_num(np.array(rows, np.float64)), np.array(labels)
    middle = table.mean(0)
    total = ((table - middle) ** 2).sum(0)
    groups = [table[classes == label] for label in set(labels)]
    between = np.sum([len(group) * (group.mean(0) - middle) ** 2 for group in groups], axis=0)
    ratios = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    order: list[int] = np.argsort(-ratios.round(9), kind="stable").tolist()
    return order


def number(value: float) -> str:
    """A value of a table in at most ten characters."""
    return f"{value:.4g}"


def values(row: Sequence[float], order: Sequence[int], width: int) -> str:
    """The values of a row in columns of equal width, in that order, as many as have room."""
    return "".join(number(row[i] if i < len(row) else float("nan")).rjust(CELL) for i in order[: max(0, width // CELL)])


def heads(data: Data, order: Sequence[int], width: int, glyphs: Glyphs) -> str:
    """The names of these columns, each over its values."""
    return "".join(cut(data.column(i), CELL - 1, glyphs.ellipsis).rjust(CELL) for i in order[: max(0, width // CELL)])
