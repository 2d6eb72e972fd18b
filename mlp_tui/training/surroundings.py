"""What a run's bits depend on beside its settings: versions, the machine, the data, the source of the user's model."""

import platform
import zlib
from contextlib import suppress

import numpy
import torch

from . import user_model
from .data.batches import Dataset
from .device import describe
from .nested import as_bytes
from .state import TrainingState

MOST_BYTES = 1 << 28
"""Of more inputs than these only some are looked at, evenly spaced."""


def surroundings(state: TrainingState, dataset: Dataset, steps: str) -> dict[str, str]:
    """All that may change the bits of a run, by name. `steps` says how its steps are taken."""
    found = {
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "system": " ".join((platform.system(), platform.machine(), *platform.libc_ver())).strip(),
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "device": "cpu" if state.device.type == "cpu" else describe(state.device),
        "steps": steps,
        "data": data_digest(dataset),
    }
    if state.device.type == "cuda":
        found["cuda"] = f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"  # type: ignore[no-untyped-call]
    return found | {f"source of {name}": digest for name, digest in user_model.digests(state.sources).items()}


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def data_digest(dataset: Dataset) -> str:
    """A checksum of what is trained on, and of what chooses the best epoch."""
    found = zlib.crc32(repr((dataset.normalise.mean, dataset.normalise.deviation)).encode())
    for part in (dataset.train, dataset.validation):
        if part is not None:
            every = part.inputs.nbytes // MOST_BYTES + 1
            for values in (part.inputs[::every], part.labels):
                for piece in torch.split(values, 1000):
                    found = zlib.crc32(as_bytes(piece), found)
    return f"{found:08x}"
