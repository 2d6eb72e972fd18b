"""Fixtures: runs to ask, and a process that runs commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlp_tui import TrainingConfig, fit
from mlp_tui.events import RunStarted

from ..conftest import write_mnist
from ..one_process import OneProcess


@pytest.fixture(scope="session")
def program() -> Iterator[OneProcess]:
    process = OneProcess()
    yield process
    process.close()


def trained(config: TrainingConfig) -> Path:
    """The folder of a run that was trained with these settings."""
    (name,) = [event.run for event in fit(config) if isinstance(event, RunStarted)]
    return Path(config.runs_dir, name)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mnist(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_config(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    """Settings for a run of a second, on a data set in MNIST's format."""
    return TrainingConfig(
        epochs=2, dataset="mnist", data_dir=small_data, runs_dir=tmp_path_factory.mktemp("runs"), threads=1
    )


@pytest.fixture(scope="session")
def small_run(small_config: TrainingConfig) -> Path:
    return trained(small_config)


@pytest.fixture(scope="session")
def mnist_run(mnist_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on real MNIST: two epochs, some 97 % right."""
    runs = tmp_path_factory.mktemp("mnist-runs")
    return trained(TrainingConfig(epochs=2, schedule="one-cycle", dataset="mnist", data_dir=mnist_dir, runs_dir=runs))
