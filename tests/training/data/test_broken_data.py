"""Data sets that are no good: each gets one sentence, which names the file, the line or the example."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_tui.errors import UserError
from mlp_tui.training.data.load import load_dataset

from .conftest import result
from .own_data import arrays, write_arrays, write_function, write_kaggle, write_pictures, write_table

BROKEN: list[tuple[str, Callable[[Path], object], str]] = []
"""What is broken, what breaks it (in an empty folder; it returns what --dataset says), and the sentence, a pattern."""


def gets(sentence: str) -> Callable[[Callable[[Path], object]], None]:
    """Adds a data set that is broken, and the sentence it gets."""

    def add(make: Callable[[Path], object]) -> None:
        BROKEN.append((make.__name__, make, sentence))

    return add


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


# Anything


@gets(r'There is no data set and no file "cats": name one of auto, mnist, .*cifar10.*; or a folder of pictures, a .*')
def nothing_of_that_name(tmp: Path) -> object:
    return "cats"


@gets(r"'a\\x00b' cannot be read \(embedded null byte\): name another --dataset")
def a_name_with_a_nul(tmp: Path) -> object:
    return "a\0b"


@gets(r"'a{200}' cannot be read \(File name too long\): name another --dataset")
def a_name_without_end(tmp: Path) -> object:
    return "a" * 5000


@gets(r"'.*/t\.csv' cannot be read \(Too many levels of symbolic links\): name another --dataset")
def a_link_to_itself(tmp: Path) -> object:
    (tmp / "t.csv").symlink_to(tmp / "t.csv")
    return tmp / "t.csv"


@gets(r".*/t\.csv cannot be read \(it is not a regular file\): mend that, or name another")
def a_pipe(tmp: Path) -> object:
    os.mkfifo(tmp / "t.csv")
    return tmp / "t.csv"


@gets(r".*/t\.xlsx is no data set: name a folder of pictures, a file\.npz, a file\.csv, or file\.py:function")
def another_kind_of_file(tmp: Path) -> object:
    (tmp / "t.xlsx").write_bytes(b"PK")
    return tmp / "t.xlsx"


# Folders


@gets(r".*/p has no sub-folders: put the pictures of each class into one, named as the class is")
def an_empty_folder(tmp: Path) -> object:
    (tmp / "p").mkdir()
    return tmp / "p"


@gets(r".*/p has no sub-folders: .*")
def pictures_without_classes(tmp: Path) -> object:
    (tmp / "p").mkdir()
    Image.new("L", (8, 8)).save(tmp / "p" / "one.png")
    return tmp / "p"


@gets(r".*/p/yellow has no pictures in it: add some, or delete that folder")
def an_empty_class(tmp: Path) -> object:
    (write_pictures(tmp / "p") / "yellow").mkdir()
    return tmp / "p"


@gets(r'.*/p has one class alone, "red": add examples of another, to tell them apart')
def a_folder_with_one_class(tmp: Path) -> object:
    (tmp / "p").mkdir()
    (write_pictures(tmp / "all") / "red").rename(tmp / "p" / "red")
    return tmp / "p"


@gets(r".*/p has 3 examples to train on and 0 to test on: add some")
def one_picture_a_class(tmp: Path) -> object:
    return write_pictures(tmp / "p", each=1)


@gets(r".*/p/red/003\.png cannot be read as a picture \(it is none\): mend or delete it")
def a_picture_that_is_none(tmp: Path) -> object:
    (write_pictures(tmp / "p") / "red" / "003.png").write_text("not a picture")
    return tmp / "p"


@gets(r".*/p/red/003\.png cannot be read as a picture \(.+\): mend or delete it")
def a_picture_cut_short(tmp: Path) -> object:
    path = write_pictures(tmp / "p") / "red" / "003.png"
    path.write_bytes(path.read_bytes()[:100])
    return tmp / "p"


@gets(r".*/p/red/003\.png cannot be read \(Too many levels of symbolic links\): mend that, or name another")
def a_picture_that_is_a_link_to_itself(tmp: Path) -> object:
    path = write_pictures(tmp / "p") / "red" / "003.png"
    path.unlink()
    path.symlink_to(path)
    return tmp / "p"


@gets(r".*/p/red/003\.png cannot be read \(it is not a regular file\): mend that, or name another")
def a_picture_that_is_a_pipe(tmp: Path) -> object:
    path = write_pictures(tmp / "p") / "red" / "003.png"
    path.unlink()
    os.mkfifo(path)
    return tmp / "p"


@gets(r".*/p/red/one\.png cannot be read as a picture \(Image size \(400000000 pixels\) exceeds limit .*\): mend .*")
def a_picture_of_millions_of_pixels(tmp: Path) -> object:
    Image.new("1", (20_000, 20_000)).save(write_pictures(tmp / "p") / "red" / "one.png")
    return tmp / "p"


@gets(r".* is \d+x\d+ pixels large and .* \d+x\d+: give one --image-size to all")
def pictures_of_different_sizes(tmp: Path) -> object:
    Image.new("RGB", (9, 8)).save(write_pictures(tmp / "p") / "red" / "wide.png")
    return tmp / "p"


@gets(r".*/p/test/yellow has no counterpart in .*/p/train: put pictures there, too")
def a_class_in_the_test_alone(tmp: Path) -> object:
    write_pictures(tmp / "p" / "train")
    (write_pictures(tmp / "p" / "test") / "red").rename(tmp / "p" / "test" / "yellow")
    return tmp / "p"


# Tables


@gets(r".*/t\.csv has no header: its first line must name the columns")
def an_empty_table(tmp: Path) -> object:
    return text(tmp / "t.csv", "")


@gets(r".*/t\.csv has 0 examples to train on and 0 to test on: add some")
def a_header_alone(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a")


@gets(r".*/t\.csv has no header: its first line is numbers; put the columns' names before it")
def no_header(tmp: Path) -> object:
    return text(tmp / "t.csv", "1,2.5,3", "0,2,3")


@gets(r'.*/t\.csv has 0 columns called "label" \(it has a, b\): name one so')
def no_label_column(tmp: Path) -> object:
    return text(tmp / "t.csv", "a,b", "1,2")


@gets(r'.*/t\.csv has 2 columns called "label" \(it has label, a, label\): name one so')
def two_label_columns(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,label", "1,2,3")


@gets(r'.*/t\.csv has 0 columns called "label" \(it has label;a\): separate the columns by commas')
def semicolons(tmp: Path) -> object:
    return text(tmp / "t.csv", "label;a", "1;2")


@gets(r'.*/t\.csv has no column beside "label": add some to learn from')
def labels_alone(tmp: Path) -> object:
    return text(tmp / "t.csv", "label", "1", "2")


@gets(r".*/t\.csv, line 3 has 2 values, and the header names 3 columns")
def rows_of_different_length(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,b", "x,1,2", "x,1")


@gets(r'.*/t\.csv, line 4 has "three" in the column b: numbers are needed')
def a_word_among_the_numbers(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,b", "x,1,2", "y,1,2", "y,1,three", "x,2,2")


@gets(r'.*/t\.csv, line 2 has "" in the column a: numbers are needed')
def a_missing_value(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,b", "x,,2")


@gets(r".*/t\.csv, line 3 has nan in the column b: finite numbers are needed")
def a_nan(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,b", "x,1,2", "y,1,nan", "y,1,3")


@gets(r".*/t\.csv, line 3 has -inf in the column a: finite numbers are needed")
def an_infinite_number(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a,b", "x,1,2", "y,-inf,2", "y,1,3")


@gets(r".*/t\.csv, line 2 has 1e\+39 in the column a: finite numbers are needed")
def a_number_too_large(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a", "x,1e39", "y,2")


@gets(r".*/t\.csv, line 3 has no label")
def a_row_without_a_label(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a", "x,1", ",2")


@gets(r'.*/t\.csv has one class alone, "x": add examples of another, to tell them apart')
def a_table_with_one_class(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a", "x,1", "x,2")


@gets(r".*/t\.csv has 1,001 different labels, and 1,000 classes are the most: labels must not be measurements")
def measurements_as_labels(tmp: Path) -> object:
    return text(tmp / "t.csv", "label,a", *(f"{row / 7},1" for row in range(3000)))


@gets(r".*/t\.csv, line \d+ has 256 in the column pixel100: brightness is a whole number from 0 to 255")
def a_pixel_too_bright(tmp: Path) -> object:
    lines = write_kaggle(tmp / "t.csv").read_text().split("\n")
    cells = lines[10].split(",")
    cells[101] = "256"
    return text(tmp / "t.csv", *lines[:10], ",".join(cells), *lines[11:])


@gets(r".*/t\.csv, line 2 is longer than 16,777,216 characters")
def a_line_without_end(tmp: Path) -> object:
    with (tmp / "t.csv").open("wb") as file:
        file.write(b"label,a\nx,")
        file.truncate(1 << 30)  # a gigabyte of zeros, which takes no room on the disk
    return tmp / "t.csv"


@gets(r".*/t\.csv cannot be read as CSV \(.*codec can't decode.*\): save it as UTF-8, separated by commas")
def another_encoding(tmp: Path) -> object:
    (tmp / "t.csv").write_bytes("label,größe\nx,1\n".encode("utf-16"))
    return tmp / "t.csv"


@gets(r".*/t\.csv cannot be read as CSV \(field larger than field limit.*\): save it as UTF-8, separated by commas")
def a_quote_that_never_ends(tmp: Path) -> object:
    return text(tmp / "t.csv", 'label,"a', *["x,1"] * 100_000)


# Arrays


@gets(r".*/a\.npz has no array y_test: it needs x_train, y_train, x_test, y_test")
def a_missing_array(tmp: Path) -> object:
    np.savez(tmp / "a.npz", **{name: each for name, each in arrays().items() if name != "y_test"})
    return tmp / "a.npz"


@gets(r".*/a\.npz cannot be read \(File is not a zip file\): write it anew with np\.savez")
def no_archive(tmp: Path) -> object:
    return text(tmp / "a.npz", "no archive")


@gets(r".*/a\.npz cannot be read \(.+\): write it anew with np\.savez")
def an_archive_with_a_damaged_byte(tmp: Path) -> object:
    data = bytearray(write_arrays(tmp / "a.npz").read_bytes())
    place = data.index(b"NUMPY") + 400
    data[place] ^= 255
    (tmp / "a.npz").write_bytes(data)
    return tmp / "a.npz"


@gets(r".*/a\.npz: y_train holds Python objects, which are not read: save numbers")
def pickled_objects(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", y_train=np.array([Bomb()] * 60, dtype=object))


class Bomb:
    """What must never be unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("it was unpickled",)


@gets(r".*/a\.npz: x_train is of shape \(60, 8, 8, 3\) and float64: images are uint8, of shape .*")
def images_of_another_type(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", x_train=arrays()["x_train"] / 255)


@gets(r".*/a\.npz: x_train is of shape \(60, 8, 8, 4\): images have 1 channel, or 3")
def images_of_four_channels(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", x_train=np.zeros((60, 8, 8, 4), np.uint8))


@gets(r".*/a\.npz: x_train is of shape \(60,\) and uint8: images are uint8, of shape .*")
def inputs_of_one_dimension(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", x_train=np.zeros(60, np.uint8))


@gets(r".*/a\.npz has examples of \(3, 8, 8\) uint8 to train on and of \(3, 9, 8\) uint8 to test on: make them alike")
def splits_of_different_shapes(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", x_test=np.zeros((30, 9, 8, 3), np.uint8))


@gets(r".*/a\.npz: x_test has 30 examples and y_test 29 labels: make them as many")
def fewer_labels_than_examples(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", y_test=np.zeros(29, np.int64))


@gets(r".*/a\.npz: y_train is of shape \(60,\) and float64: labels are whole numbers or names, of shape \(n,\)")
def labels_that_are_no_whole_numbers(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", y_train=np.linspace(0, 1, 60))


@gets(r".*/a\.npz: y_train is of shape \(60, 3\) and float64: labels are whole numbers or names, of shape \(n,\)")
def labels_in_three_columns(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", y_train=np.eye(3)[arrays()["y_train"]])


@gets(r'.*/a\.npz: the test has the label "9", which the training does not have: train on it, too')
def a_label_in_the_test_alone(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", y_test=np.array([0, 1, 9] * 10))


@gets(r".*/a\.npz: x_test is of shape \(0, 8, 8, 3\): it holds nothing")
def an_empty_array(tmp: Path) -> object:
    return write_arrays(tmp / "a.npz", x_test=np.zeros((0, 8, 8, 3), np.uint8))


@gets(r".*/a\.npz: x_train, row 7 has inf in column 3: finite numbers only")
def an_infinite_number_in_an_array(tmp: Path) -> object:
    rows = np.ones((60, 5))
    rows[7, 3] = np.inf
    return write_arrays(tmp / "a.npz", x_train=rows, x_test=np.ones((30, 5)))


# Functions


def function(tmp: Path, body: str, name: str = "make") -> str:
    """A file whose function `make` has that body, the second line; `data` is a good Dataset."""
    good = "import torch\ndata = torch.utils.data.TensorDataset(torch.rand(6, 4), torch.arange(6) % 2)\n"
    (tmp / "mine.py").write_text(f"def make():\n    {body}\n\n{good}")
    return f"{tmp / 'mine.py'}:{name}"


@gets(r".*/mine\.py has no function made: define it, or name another")
def no_such_function(tmp: Path) -> object:
    return function(tmp, "pass", "made")


@gets(r"mine\.py, line 2: loading it fails with SyntaxError: '\(' was never closed")
def a_syntax_error(tmp: Path) -> object:
    return function(tmp, "return (")


@gets(r"mine\.py, line 2: make\(\) fails with ZeroDivisionError: division by zero")
def a_function_that_raises(tmp: Path) -> object:
    return function(tmp, "return 1 / 0")


@gets(r"mine\.py, line 1: loading it fails with ModuleNotFoundError: No module named 'no_such_module'")
def an_import_error(tmp: Path) -> object:
    return f"{text(tmp / 'mine.py', 'import no_such_module')}:make"


@gets(r"mine\.py, line 2: make\(\) ends the program \(SystemExit\): leave that out, or put it under .*")
def a_function_that_ends_the_program(tmp: Path) -> object:
    return function(tmp, "raise SystemExit(3)")


@gets(r".*/mine\.py:make returned None: two torch Datasets are needed, training and test")
def a_function_that_returns_nothing(tmp: Path) -> object:
    return function(tmp, "pass")


@gets(r".*/mine\.py:make returned a generator for training: a Dataset with a length is needed")
def a_function_that_returns_generators(tmp: Path) -> object:
    return function(tmp, "return (x for x in data), data")


@gets(r".*/mine\.py:make returned an empty Dataset for test: put examples into it")
def an_empty_dataset(tmp: Path) -> object:
    return function(tmp, "return data, []")


@gets(r".*/mine\.py:make: example 0 for training is a Tensor: an input and a label are needed")
def examples_without_labels(tmp: Path) -> object:
    return function(tmp, "return torch.rand(5, 3), data")


@gets(r".*/mine\.py:make: example 1 for training has the label a float: whole numbers are needed")
def a_label_that_is_no_whole_number(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4), 0), (torch.rand(4), 0.5)], data")


@gets(r".*/mine\.py:make: example 0 for training has the label -1: labels are from 0 to 999")
def a_negative_label(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4), -1)], data")


@gets(r".*/mine\.py:make: example 0 for training is of \(2, 3, 4, 4\): rows are \(columns,\), images .*")
def inputs_of_four_dimensions(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(2, 3, 4, 4), 0)], data")


@gets(r".*/mine\.py:make: example 0 for training has pixels outside 0 to 1: leave Normalize out, .*")
def normalised_images(tmp: Path) -> object:
    return function(tmp, "return [(torch.full((4, 4), -1.5), 0)], data")


@gets(r".*/mine\.py:make: example 1 for training is of \(5,\), and the first of \(4,\): make them alike")
def inputs_of_different_sizes(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4), 0), (torch.rand(5), 1)], data")


@gets(r".*/mine\.py:make: example 0 for training holds a number that is not finite: mend that")
def a_nan_from_a_function(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4) / 0, 0)], data")


@gets(r'.*/mine\.py:make: the test has the label "1", which the training does not have: train on it, too')
def a_label_that_the_training_lacks(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4), 0)], data")


@gets(r'.*/mine\.py:make has one class alone, "0": add examples of another, to tell them apart')
def a_function_with_one_class(tmp: Path) -> object:
    return function(tmp, "return [(torch.rand(4), 0)], [(torch.rand(4), 0)]")


def test_there_are_enough() -> None:
    assert len(BROKEN) >= 60


@pytest.mark.parametrize(("name", "make", "sentence"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_broken_data_get_one_sentence(
    name: str, make: Callable[[Path], object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError) as refused:
        result(load_dataset(str(make(tmp_path)), tmp_path))
    assert re.fullmatch(sentence + r"\.", str(refused.value)), refused.value


def test_an_exception_in_the_middle_of_a_dataset_names_the_line(tmp_path: Path) -> None:
    path = write_function(tmp_path / "mine.py")
    path.write_text(
        path.read_text().replace("        return torch.full", "        1 / (number - 7)\n        return torch.full")
    )
    with pytest.raises(UserError, match=r"mine\.py, line 19: example 7 for training fails with ZeroDivisionError: "):
        result(load_dataset(f"{path}:pictures", tmp_path))


def test_a_table_of_good_rows_is_no_broken_one(tmp_path: Path) -> None:
    assert len(result(load_dataset(str(write_table(tmp_path / "t.csv")), tmp_path)).train) == 96
    assert torch.isfinite(result(load_dataset(str(write_arrays(tmp_path / "a.npz")), tmp_path)).train.inputs).all()
