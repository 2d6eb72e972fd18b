"""Fixtures: real MNIST where it is, and small datasets in its format where it is not."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from .terminal import Terminal

FILES = (
    ("train-images-idx3-ubyte", 3),
    ("train-labels-idx1-ubyte", 1),
    ("t10k-images-idx3-ubyte", 3),
    ("t10k-labels-idx1-ubyte", 1),
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests measured: what they gave to `record_property`."""
    figures = [figure for report in terminalreporter.getreports("passed") for figure in report.user_properties]
    for what, figure in figures:
        terminalreporter.write_line(f"| {what} | {figure} |")


@pytest.fixture(autouse=True)
def all_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures must not depend on the terminal that runs the tests."""
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")


@pytest.fixture(autouse=True)
def fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that a test works in, where its runs get theirs."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """A folder with real MNIST in it."""
    folder = Path(os.environ.get("MLP_TUI_DATA_DIR", ""))
    if not (folder / "MNIST" / "raw" / FILES[0][0]).exists():
        pytest.skip("real MNIST is not here: MLP_TUI_DATA_DIR does not name a folder with it")
    return folder.absolute()


def idx(values: torch.Tensor) -> bytes:
    """A uint8 tensor in MNIST's file format."""
    header = bytes([0, 0, 8, values.dim()]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return header + values.numpy().tobytes()


def write_mnist(folder: Path, train: int = 640, test: int = 1100) -> Path:
    """A small dataset in MNIST's format, easy to learn: each label lights its own rows."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = torch.Generator().manual_seed(1)
    for split, size in (("train", train), ("t10k", test)):
        labels = torch.randint(10, (size,), generator=generator, dtype=torch.uint8)
        images = torch.randint(80, (size, 28, 28), generator=generator, dtype=torch.uint8)
        for row in (0, 1):
            images[torch.arange(size), 4 + 2 * labels.long() + row, 4:24] += 150
        (raw / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


@pytest.fixture
def small_mnist(tmp_path: Path) -> Path:
    """A data folder with a small dataset in MNIST's format: 640 images to train, 1,100 to test."""
    return write_mnist(tmp_path / "data")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts programs in pseudo-terminals, and ends them after the test."""
    terminals: list[Terminal] = []

    def start(command: list[str], columns: int = 80, rows: int = 24, **environment: str) -> Terminal:
        terminals.append(Terminal(command, columns, rows, **environment))
        return terminals[-1]

    yield start
    for each in terminals:
        each.close()
