"""The confusion matrix in words and lines."""

from mlp_tui.headless.confusion import confused_pairs, confused_words, matrix_lines, recall

MATRIX = ((8, 2, 0), (1, 9, 0), (3, 0, 0))


def test_the_most_confused_pairs_come_first_and_no_digit_is_confused_with_itself() -> None:
    assert confused_pairs(MATRIX) == [(2, 0, 3), (0, 1, 2), (1, 0, 1)]
    assert confused_pairs(MATRIX, most=1) == [(2, 0, 3)]


def test_the_pairs_in_words() -> None:
    assert confused_words(MATRIX) == "Most often wrong: 2 read as 0 (3 times), 0 as 1 (2), 1 as 0 (1)."
    assert confused_words(((5, 1), (0, 5))) == "Most often wrong: 0 read as 1 (1 time)."
    assert confused_words(((5, 0), (0, 5))) == "Nothing was read wrong."


def test_recall_is_the_share_of_a_label_that_is_read_right() -> None:
    assert [recall(MATRIX, label) for label in range(3)] == [0.8, 0.9, 0.0]
    assert recall(((0, 0), (0, 1)), 0) is None


def test_the_matrix_in_lines_stands_in_columns() -> None:
    assert matrix_lines(MATRIX) == [
        "label     0     1     2  recall",
        "    0     8     2     0   80.0%",
        "    1     1     9     0   90.0%",
        "    2     3     0     0    0.0%",
    ]
