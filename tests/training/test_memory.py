"""The memory that a run needs, and that there is."""

import math
import threading
from pathlib import Path

import psutil
import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.events import RunFinished
from mlp_tui.session import Session
from mlp_tui.training import memory
from mlp_tui.training.data.batches import Dataset
from mlp_tui.training.memory import available_memory, cgroup_limit, gigabytes, needed_memory
from mlp_tui.training.state import TrainingState

from .test_loops import digits


def test_a_model_for_which_there_is_no_memory_is_a_sentence_before_anything_is_allocated(small_mnist: Path) -> None:
    config = TrainingConfig(hidden_sizes=(10**9,), data_dir=small_mnist, device="cpu")
    before = psutil.Process().memory_info().rss
    *_, end = Session(config).events(threading.Event())
    assert isinstance(end, RunFinished) and end.reason == "failed"
    assert end.message.startswith(
        "Hidden layers of 1,000,000,000 units and batches of 64 need 26,260 GB of memory (weights, gradients, "
    )
    assert end.message.endswith(" are available: choose smaller --hidden-sizes, --batch-size or --test-batch-size.")
    assert psutil.Process().memory_info().rss < before + 200e6
    assert not list(Path("runs").glob("*"))


MNIST = 60_000, 10_000, 28 * 28, 10
"""Examples to train on and to test on, the numbers of each, and classes."""


def test_a_batch_needs_memory_for_the_images_that_there_are() -> None:
    small, large = (needed_memory(TrainingConfig(batch_size=size), *MNIST) for size in (64, 60_000))
    assert large > small + 60_000 * 784 * 4 * 2
    assert needed_memory(TrainingConfig(batch_size=2**31 - 1), *MNIST) == large
    tests = needed_memory(TrainingConfig(batch_size=1, test_batch_size=2**31 - 1), *MNIST)
    assert tests > 10_000 * (784 + 100) * 4


def test_what_a_run_takes_is_within_what_it_was_said_to_need() -> None:
    config = TrainingConfig(hidden_sizes=(20_000,), device="cpu")
    data = Dataset("mnist", digits(64), digits(10))
    before = psutil.Process().memory_info().rss
    state = TrainingState(config, data)
    state.model(torch.zeros(64, 28, 28)).sum().backward()
    taken = psutil.Process().memory_info().rss - before
    parameters = 20_000 * 784 * 4
    assert 2 * parameters < taken < needed_memory(config, 64, 10, 784, 10)


def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, limits: dict[str, str]) -> None:
    (tmp_path / "own").write_text(own)
    for name, limit in limits.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(limit)
    monkeypatch.setattr(memory, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")


@pytest.mark.parametrize(
    ("own", "limits", "limit"),
    [
        ("0::/job/step\n", {"job/step/memory.max": "max\n", "job/memory.max": "5000\n", "memory.max": "max\n"}, 5000),
        ("0::/\n", {"memory.max": "7000\n"}, 7000),
        ("0::/\n", {}, math.inf),
        ("4:cpu,memory:/job\n1:cpu:/\n", {"memory/job/memory.limit_in_bytes": "6000\n", "cpu/memory.max": "1"}, 6000),
        ("4:memory:/of/the/host\n0::/\n", {"memory/memory.limit_in_bytes": "3000\n"}, 3000),
        ("nonsense\n", {"memory.max": "1"}, math.inf),
    ],
)
def test_the_limit_of_a_container_or_a_job_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, limits: dict[str, str], limit: float
) -> None:
    groups(tmp_path, monkeypatch, own, limits)
    assert cgroup_limit() == limit


def test_a_limit_that_is_lower_than_the_machines_memory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups(tmp_path, monkeypatch, "0::/\n", {})
    free = available_memory()
    own = psutil.Process().memory_info().rss
    groups(tmp_path, monkeypatch, "0::/\n", {"memory.max": str(own + 50_000_000)})
    assert 0 < available_memory() < 60_000_000 < free


def test_without_any_figures_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("there is no /proc here")

    monkeypatch.setattr("psutil.virtual_memory", refuse)
    assert available_memory() == math.inf


def test_sizes_are_readable() -> None:
    assert [gigabytes(size) for size in (2.34e7, 1.26e9, 2.71e13)] == ["0.0234 GB", "1.26 GB", "27,100 GB"]
