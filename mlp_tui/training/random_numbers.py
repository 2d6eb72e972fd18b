"""The random generators that a model may draw from: PyTorch's, Python's and NumPy's."""

import functools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch


def seed(number: int) -> None:
    """Starts all of them."""
    torch.manual_seed(number)
    random.seed(number)
    numpy.random.seed(number % 2**32)


@functools.lru_cache(maxsize=4)
def as_text(state: tuple[Any, ...]) -> str:
    """A generator's state as JSON. Few models draw from Python's and NumPy's: it is often the last one again."""
    return json.dumps(state)


def states(device: torch.device) -> dict[str, Any]:
    """Where they are, as tensors and texts. Of PyTorch's there are the CPU's and the device's."""
    name, keys, *place = numpy.random.get_state(legacy=True)
    found = {
        "random": torch.get_rng_state(),
        "random_python": as_text(random.getstate()),
        "random_numpy": as_text((name, tuple(numpy.asarray(keys).tolist()), *place)),
    }
    if device.type in ("cuda", "mps"):
        found[f"random_{device.type}"] = torch.get_device_module(device).get_rng_state()
    return found


def restore(found: dict[str, Any], device: torch.device) -> None:
    """Puts them where they were; those that `found` does not have stay. Raises an Exception of many a kind."""
    torch.set_rng_state(found["random"].cpu())
    if "random_python" in found:
        version, keys, gauss = json.loads(found["random_python"])
        random.setstate((version, tuple(keys), gauss))
    if "random_numpy" in found:
        numpy.random.set_state(json.loads(found["random_numpy"]))
    if (name := f"random_{device.type}") in found:
        torch.get_device_module(device).set_rng_state(found[name].cpu())


@contextmanager
def kept(device: torch.device) -> Iterator[None]:
    """Whatever is drawn in between, they are afterwards where they were before."""
    devices = [device] if device.type in ("cuda", "mps") else []
    python, legacy = random.getstate(), numpy.random.get_state()
    try:
        with torch.random.fork_rng(devices, device_type=device.type if devices else "cuda"):
            yield
    finally:
        random.setstate(python)
        numpy.random.set_state(legacy)
