"""Choosing the device and the threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import RunStarted
from mlp_tui.training.data.batches import Dataset
from mlp_tui.training.device import choose_device, choose_threads
from mlp_tui.training.fit import fit
from mlp_tui.training.state import TrainingState

from .test_loops import digits

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here, which works")


@NO_CUDA
def test_auto_passes_over_a_gpu_that_does_not_work_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    device, notice = choose_device("auto")
    assert device == torch.device("cpu")
    assert notice.startswith("The GPU is not used, since PyTorch cannot compute on it (") and notice.endswith(").")


@NO_CUDA
def test_a_gpu_that_is_asked_for_and_does_not_work_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(UserError, match=r"^PyTorch cannot compute on the cuda device \(.+\): choose "):
        choose_device("cuda")


def test_a_gpu_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def ones(*_: object, **__: object) -> None:
        raise RuntimeError(
            "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors ..."
        )

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.ones", ones)
    device, notice = choose_device("auto")
    assert device == torch.device("cpu")
    assert notice == (
        "The GPU is not used, since PyTorch cannot compute on it "
        "(CUDA error: no kernel image is available for execution on the device)."
    )


@NO_CUDA
def test_the_run_tells_the_user_why_the_gpu_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    config, data = TrainingConfig(epochs=1), Dataset("synthetic", digits(64), digits(20), "These are built in.")
    started = next(iter(fit(config, data, "a-run", TrainingState(config, data))))
    assert isinstance(started, RunStarted)
    assert started.notice.startswith("These are built in. The GPU is not used, since ")
    assert started.device.startswith("cpu (")


def test_cublas_is_asked_for_the_same_numbers_each_time_only_where_there_is_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    choose_device("auto")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    choose_device("cpu")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    choose_device("auto")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_there_are_never_more_threads_than_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    assert choose_threads(TrainingConfig(threads=1024), 784) == cores
    assert choose_threads(TrainingConfig(threads=1), 784) == 1


def test_1024_threads_and_the_largest_batches_train_all_the_same(small_mnist: Path) -> None:
    command = [sys.executable, "-m", "mlp_tui", "--no-ui", "--data-dir", str(small_mnist), "--epochs", "1"]
    command += ["--threads", "1024", "--batch-size", str(2**31 - 1), "--test-batch-size", str(2**31 - 1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "Epoch 1, batch 1: loss" in done.stdout
