"""A confusion matrix in words and in lines of text."""

import heapq
from collections.abc import Sequence

from rich.cells import cell_len

from .data import DIGITS, Data, abbreviated, padded

Matrix = Sequence[Sequence[int]]
"""`matrix[label][prediction]`: how many test examples."""

LINE = 100
"""The most columns of a line that is printed."""


def confused_pairs(matrix: Matrix, most: int = 3) -> list[tuple[int, int, int]]:
    """The labels most often taken for others: label, prediction and how often, the most frequent first."""
    pairs = (
        (label, prediction, count)
        for label, row in enumerate(matrix)
        for prediction, count in enumerate(row)
        if count and label != prediction
    )
    return heapq.nsmallest(most, pairs, key=lambda pair: -pair[2])


def confused_words(matrix: Matrix, classes: Sequence[str] = DIGITS) -> str:
    """The most confused pairs as a sentence, or one that says that there are none."""
    data = Data(tuple(classes))
    pairs = [(data.name(label), data.name(prediction), count) for label, prediction, count in confused_pairs(matrix)]
    if not pairs:
        return "Nothing was read wrong."
    (label, prediction, count), *rest = pairs
    first = f"{label} read as {prediction} ({count} time{'s' * (count != 1)})"
    return "Most often wrong: " + ", ".join([first, *(f"{a} as {b} ({n})" for a, b, n in rest)]) + "."


def most_confused(matrix: Matrix, most: int, around: tuple[int, int] | None = None) -> list[int]:
    """At most so many of the classes, in their order: all, or those most often confused.

    With `around` these are a label and a prediction, and what is most often confused with one of them.
    """
    classes = range(len(matrix))
    if len(classes) <= most:
        return list(classes)
    chosen = dict.fromkeys(around or ())
    if around:
        counts = [sum(matrix[a][b] + matrix[b][a] for b in chosen) for a in classes]
        near = heapq.nsmallest(most, classes, key=lambda a: -counts[a])
        chosen |= dict.fromkeys(a for a in near if counts[a])
    for label, prediction, _ in confused_pairs(matrix, most):
        chosen |= {label: None, prediction: None}
    chosen |= dict.fromkeys(classes[:most])
    return sorted(list(chosen)[:most])


def recall(matrix: Matrix, label: int) -> float | None:
    """The share of the label's examples that are read right; None where there are none."""
    total = sum(matrix[label])
    return matrix[label][label] / total if total else None


def names_and_heads(data: Data, classes: Sequence[int], width: int) -> tuple[list[str], list[str]]:
    """The names of these classes for their rows, and their beginnings for the columns, in that many cells.

    Where two beginnings would be the same, numbers are the heads, and stand before the names too.
    """
    names = [data.name(label) for label in classes]
    if (heads := abbreviated(names, width)) is not None:
        return names, heads
    return [f"{label} {name}" for label, name in zip(classes, names, strict=True)], [str(label) for label in classes]


def matrix_lines(matrix: Matrix, classes: Sequence[str] = DIGITS) -> list[str]:
    """The matrix as lines, each label's recall at the end of its own.

    Where there are too many classes for a line these are the classes most often confused, and a line says so.
    """
    data = Data(tuple(classes))
    margin = min(20, max(map(cell_len, ["label", *map(data.name, range(len(matrix)))])))
    shown = most_confused(matrix, (LINE - margin - 8) // 6)
    names, heads = names_and_heads(data, shown, 5)
    margin = min(20, max(map(cell_len, ["label", *names])))
    lines = ["label".ljust(margin) + "".join(" " * (6 - cell_len(head)) + head for head in heads) + "  recall"]
    for label, name in zip(shown, names, strict=True):
        share = recall(matrix, label)
        end = "" if share is None else f"{share:>8.1%}"
        name = name.rjust(margin) if margin == 5 else padded(name, margin)
        lines.append(name + "".join(f"{matrix[label][prediction]:>6}" for prediction in shown) + end)
    if len(shown) < len(matrix):
        lines.append(f"These are the {len(shown)} classes most often confused, of {len(matrix)}.")
    return lines
