"""The built-in digits' cache."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mlp_tui.training.data.batches import Dataset
from mlp_tui.training.data.synthetic import load_synthetic

from ...odd_files import as_fifo, as_folder, as_link_to_itself
from .conftest import result


def same(a: Dataset, b: Dataset) -> bool:
    return torch.equal(a.train.inputs, b.train.inputs) and torch.equal(a.test.labels, b.test.labels)


def test_the_built_in_digits_are_kept_and_the_same_each_time(few_built_in_digits: Path) -> None:
    first = result(load_synthetic())
    assert (len(first.train), len(first.test), first.notice) == (300, 100, "")
    assert [event.what for event in load_synthetic()] == ["Reading the built-in digits"]
    assert same(result(load_synthetic()), first)
    for file in few_built_in_digits.iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert same(result(load_synthetic()), first)


def test_a_cache_that_cannot_be_written_is_a_warning(
    few_built_in_digits: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few_built_in_digits.write_text("a file where the folder should be")
    assert len(result(load_synthetic()).train) == 300
    assert "they are drawn anew each time" in caplog.text


def put_other_images(path: Path) -> None:
    torch.save((torch.zeros(400, 28, 28), torch.zeros(400, dtype=torch.int64)), path)


def put_other_labels(path: Path) -> None:
    torch.save((torch.zeros(400, 28, 28, dtype=torch.uint8), torch.full((400,), 10)), path)


def put_endless(path: Path) -> None:
    """A file of a terabyte that takes no room on the disk."""
    path.touch()
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize(
    "put",
    [as_folder, as_fifo, as_link_to_itself, put_other_images, put_other_labels, put_endless],
    ids=lambda put: put.__name__,
)
def test_what_else_lies_in_the_caches_place_is_passed_over(
    few_built_in_digits: Path, put: Callable[[Path], None]
) -> None:
    few_built_in_digits.mkdir()
    put(few_built_in_digits / "built-in-digits-1.pt")
    dataset = result(load_synthetic())
    assert dataset.train.inputs.dtype == torch.uint8 and int(dataset.train.labels.max()) == 9
    # It is replaced, but for a folder.
    assert put is as_folder or [event.what for event in load_synthetic()] == ["Reading the built-in digits"]
