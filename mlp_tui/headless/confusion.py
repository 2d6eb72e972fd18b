"""A confusion matrix in words and in lines of text."""

from collections.abc import Sequence

Matrix = Sequence[Sequence[int]]
"""`matrix[label][prediction]`: how many test digits."""


def confused_pairs(matrix: Matrix, most: int = 3) -> list[tuple[int, int, int]]:
    """The labels most often taken for other digits: label, prediction and how often, the most frequent first."""
    pairs = [
        (label, prediction, count)
        for label, row in enumerate(matrix)
        for prediction, count in enumerate(row)
        if label != prediction and count
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def confused_words(matrix: Matrix) -> str:
    """The most confused pairs as a sentence, or one that says that there are none."""
    pairs = confused_pairs(matrix)
    if not pairs:
        return "Nothing was read wrong."
    (label, prediction, count), *rest = pairs
    first = f"{label} read as {prediction} ({count} time{'s' * (count != 1)})"
    return "Most often wrong: " + ", ".join([first, *(f"{a} as {b} ({n})" for a, b, n in rest)]) + "."


def recall(matrix: Matrix, label: int) -> float | None:
    """The share of the label's digits that are read right; None where there are none."""
    total = sum(matrix[label])
    return matrix[label][label] / total if total else None


def matrix_lines(matrix: Matrix) -> list[str]:
    """The matrix as lines, each label's recall at the end of its own."""
    lines = ["label" + "".join(f"{digit:>6}" for digit in range(len(matrix))) + "  recall"]
    for label, row in enumerate(matrix):
        share = recall(matrix, label)
        end = "" if share is None else f"{share:>8.1%}"
        lines.append(f"{label:>5}" + "".join(f"{count:>6}" for count in row) + end)
    return lines
