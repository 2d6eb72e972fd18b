"""A mirror of MNIST on this machine, and built-in digits that are few."""

import hashlib
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import torchvision

from mlp_tui.events import Preparing
from mlp_tui.training.data import synthetic
from mlp_tui.training.data.batches import Dataset

from ...conftest import write_mnist
from ...mirror import Server


def result(loading: Generator[Preparing, None, Dataset]) -> Dataset:
    """What a generator returns, its events passed over."""
    while True:
        try:
            next(loading)
        except StopIteration as end:
            dataset = end.value
            assert isinstance(dataset, Dataset)
            return dataset


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A mirror of a small dataset, which torchvision takes for MNIST's only one."""
    server = Server(write_mnist(tmp_path / "served"))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server.url])
    checksums = [(path[1:], hashlib.md5(data).hexdigest()) for path, data in server.files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", checksums)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def few_built_in_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the built-in digits few, and their cache a folder of the test's."""
    monkeypatch.setattr(synthetic, "CACHE_DIR", tmp_path / "cache")
    monkeypatch.setattr(synthetic, "SIZES", [300, 100])
    return tmp_path / "cache"
