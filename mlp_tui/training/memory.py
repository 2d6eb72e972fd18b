"""How much memory a run needs, and how much there is."""

import contextlib
import math
from pathlib import Path

import psutil
import torch

from ..config import TrainingConfig
from ..errors import UserError
from ..events import SIDE

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


def needed_memory(config: TrainingConfig, train_size: int, test_size: int) -> int:
    """The bytes that a run on so many images needs besides them.

    Seven times the parameters: weights, gradients, Adam's two moments, and a copy of all but the gradients while it
    is saved. Then what the layers hold of the largest batch: for training, values and their gradients.
    """
    inputs, outputs = SIDE * SIDE, 10
    parameters = (inputs + 1) * config.hidden_size + (config.hidden_size + 1) * outputs
    rows = max(2 * min(config.batch_size, train_size), min(config.test_batch_size, test_size))
    return torch.float32.itemsize * (7 * parameters + rows * (inputs + config.hidden_size + outputs))


def require_memory(config: TrainingConfig, train_size: int, test_size: int, device: torch.device) -> None:
    """Raises UserError where a run would need more memory than there is."""
    needed, there = needed_memory(config, train_size, test_size), available_memory(device)
    if needed > there:
        raise UserError(
            f"A hidden layer of {config.hidden_size:,} units and batches of {config.batch_size:,} need "
            f"{gigabytes(needed)} of memory (weights, gradients, Adam's two moments, a copy to save, a batch's "
            f"activations), and {gigabytes(there)} are available: choose a smaller --hidden-size, --batch-size or "
            "--test-batch-size."
        )


def gigabytes(size: float) -> str:
    """A number of bytes, as a person reads it."""
    return f"{size / 1e9:,.3g} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
