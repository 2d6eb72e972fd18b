"""How much memory a run needs, and how much there is."""

import contextlib
import math
from itertools import pairwise
from pathlib import Path

import psutil
import torch

from ..config import TrainingConfig
from ..errors import UserError
from .data.batches import Dataset

CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available_memory(device: torch.device | None = None) -> float:
    """The bytes that this process may still take: of the machine, of its container, and of a CUDA device."""
    there = math.inf
    with contextlib.suppress(OSError, RuntimeError, psutil.Error):
        there = min(psutil.virtual_memory().available, cgroup_limit() - psutil.Process().memory_info().rss)
    if device is not None and device.type == "cuda":
        there = min(there, torch.cuda.mem_get_info(device)[0])
    return there


def cgroup_limit() -> float:
    """The least memory limit, in bytes, of the control groups that this process is in; inf where there is none.

    Versions 2 and 1 (https://docs.kernel.org/admin-guide/cgroup-v2.html). A group's limit holds for those below it.
    """
    limit = math.inf
    with contextlib.suppress(OSError, ValueError):
        for line in OWN_CGROUPS.read_text().splitlines():
            _, controllers, own = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            kind, name = ("memory", "memory.limit_in_bytes") if controllers else ("", "memory.max")
            folder = Path(own.lstrip("/"))
            for group in (folder, *folder.parents):
                with contextlib.suppress(OSError, ValueError):  # it is not seen from in here, or it says "max"
                    limit = min(limit, int((CGROUPS / kind / group / name).read_text()))
    return limit


def needed_memory(config: TrainingConfig, train_size: int, test_size: int, inputs: int, outputs: int) -> int:
    """The bytes that a run on so many images needs besides them.

    Seven times the parameters: weights, gradients, Adam's two moments, and a copy of all but the gradients while it
    is saved. Then what the layers hold of the largest batch: for training, values and their gradients. A pixel that
    is to be distorted takes four numbers: itself, the two of its place, and what is found there.
    """
    sizes = [inputs, *config.hidden_sizes, outputs]
    parameters = sum((before + 1) * after for before, after in pairwise(sizes))
    rows = max(2 * min(config.batch_size, train_size), min(config.test_batch_size, test_size))
    distorted = 4 * inputs * min(config.batch_size, train_size) * (config.augment != "none")
    return torch.float32.itemsize * (7 * parameters + rows * sum(sizes) + distorted)


def require_memory(config: TrainingConfig, dataset: Dataset, device: torch.device) -> None:
    """Raises UserError where a run would need more memory than there is; of the user's own model nobody knows."""
    if config.model:
        return
    sizes = len(dataset.train), len(dataset.test), math.prod(dataset.shape), len(dataset.classes)
    needed, there = needed_memory(config, *sizes), available_memory(device)
    if needed > there:
        units = " and ".join(f"{size:,}" for size in config.hidden_sizes) or "no"
        raise UserError(
            f"Hidden layers of {units} units and batches of {config.batch_size:,} need "
            f"{gigabytes(needed)} of memory (weights, gradients, Adam's two moments, a copy to save, a batch's "
            f"activations), and {gigabytes(there)} are available: choose smaller --hidden-sizes, --batch-size or "
            "--test-batch-size."
        )


def gigabytes(size: float) -> str:
    """A number of bytes, as a person reads it."""
    return f"{size / 1e9:,.3g} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
