"""What computes: the device, and how many threads of the CPU."""

import os

import torch

from ..config import TrainingConfig
from ..errors import UserError

MOST_THREADS = 8


def choose_threads(config: TrainingConfig, inputs: int) -> int:
    """The CPU threads to compute with: as set, or by a rule that makes the same choice on a machine each time.

    `inputs` is how many numbers an example has; of a model of the user's own, how many parameters that has.

    The rule gives each thread 2.5 million multiplications of the first layer's product, some 50 microseconds
    of work: with less, the threads wait for each other longer than they save. And it takes half of the cores at
    most, since threads wait by spinning: two runs of two threads each on two cores were 300 times slower. For
    the same reason there are never more threads than cores; where the system refuses a thread, OpenMP ends the
    process.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if config.threads:
        return min(config.threads, cores)
    work = config.batch_size * inputs * (1 if config.model else (config.hidden_sizes or (1,))[0])
    return max(1, min(cores // 2, MOST_THREADS, work // 2_500_000))


def choose_device(choice: str) -> tuple[torch.device, str]:
    """The device that `--device` names, and a sentence for the user where `auto` passes over a GPU.

    Raises UserError where the device is not there, or does not work.
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "cpu" or (choice == "auto" and not has["cuda"]):
        return torch.device("cpu"), ""
    device = torch.device("cuda" if choice == "auto" else choice)
    if not has[device.type]:
        there = " or ".join(name for name, present in has.items() if present)
        raise UserError(f"There is no {choice} device here that PyTorch can use: choose --device {there}, or auto.")
    if not (reason := trial(device)):
        return device, ""
    if choice == "auto":
        return torch.device("cpu"), f"The GPU is not used, since PyTorch cannot compute on it ({reason})."
    raise UserError(f"PyTorch cannot compute on the {choice} device ({reason}): choose --device cpu, or auto.")


def trial(device: torch.device) -> str:
    """Why a first small computation on a device fails, or nothing: the GPU may be too old for this PyTorch, or taken.

    It is the first thing that is done on a GPU.
    """
    # With a workspace of one size cuBLAS computes the same each time: a replayed step as one that is not
    # (https://docs.nvidia.com/cuda/cublas/#results-reproducibility). It is read when CUDA starts.
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        ones = torch.ones(8, 8, device=device)
        if float((ones @ ones).relu().sum()) == 512:
            return ""
        return "it computes 8 x 8 x 8 wrong"
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for CUDA
        return str(error).split("\n")[0].rstrip(".")


def describe(device: torch.device) -> str:
    """The device in a few words, as a person would name it."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'s' * (threads != 1)})"
    return device.type
