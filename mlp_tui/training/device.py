"""What computes: the device, and how many threads of the CPU."""

import os

import torch

from ..config import TrainingConfig
from ..errors import UserError

MOST_THREADS = 8


def choose_threads(config: TrainingConfig) -> int:
    """The CPU threads to compute with: as set, or by a rule that makes the same choice on a machine each time.

    The rule gives each thread 2.5 million multiplications of the first layer's product, some 50 microseconds
    of work: with less, the threads wait for each other longer than they save. And it takes half of the cores at
    most, since threads wait by spinning: two runs of two threads each on two cores were 300 times slower.
    """
    if config.threads:
        return config.threads
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    work = config.batch_size * 28 * 28 * config.hidden_size
    return max(1, min(cores // 2, MOST_THREADS, work // 2_500_000))


def choose_device(choice: str) -> torch.device:
    """The device that `--device` names. Raises UserError where it is not there."""
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "auto":
        return torch.device("cuda" if has["cuda"] else "cpu")
    if not has[choice]:
        there = " or ".join(name for name, present in has.items() if present)
        raise UserError(f"There is no {choice} device here that PyTorch can use: choose --device {there}, or auto.")
    return torch.device(choice)


def describe(device: torch.device) -> str:
    """The device in a few words, as a person would name it."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'s' * (threads != 1)})"
    return device.type
