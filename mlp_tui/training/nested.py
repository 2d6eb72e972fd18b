"""State dicts, nested as they are: packed into a few long tensors, and their digests."""

import copy
import hashlib
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Leaf = Callable[[Any], Any]


def mapped(value: Any, function: Leaf) -> Any:
    """Nested dicts, lists and tuples of the same kinds, with `function` of each value in them, in their order."""
    if isinstance(value, dict):
        new = copy.copy(value)  # torch's own have attributes
        for key in new:
            new[key] = mapped(new[key], function)
        return new
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        values = [mapped(each, function) for each in value]
        return values if isinstance(value, list) else tuple(values)
    return function(value)


def is_plain(value: Any) -> bool:
    """Whether it is a tensor whose numbers lie in memory in their order."""
    return (
        isinstance(value, Tensor) and value.layout is torch.strided and not value.is_quantized and value.is_contiguous()
    )


def size(state: dict[str, Any]) -> int:
    """The bytes of all tensors."""
    sizes: list[int] = []
    mapped(state, lambda value: sizes.append(value.nbytes) if isinstance(value, Tensor) else None)
    return sum(sizes)


@torch.no_grad()
def pack(state: dict[str, Any]) -> dict[str, Any]:
    """A copy in which all tensors of a type lie in one, so that it is made and written several times as fast."""
    kinds: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}

    def placed(value: Any) -> Any:
        if not is_plain(value):
            return copy.deepcopy(value)
        kinds.setdefault((value.dtype, value.device), []).append(value.flatten())
        return torch.Size((list(kinds).index((value.dtype, value.device)), *value.shape))

    places = mapped(state, placed)
    return {"places": places, "tensors": [torch.cat(tensors) for tensors in kinds.values()]}


def unpack(packed: dict[str, Any]) -> dict[str, Any]:
    """A copy of what was packed, as it was. Raises an Exception of many a kind where it is something else."""
    starts = [0] * len(packed["tensors"])

    def taken(value: Any) -> Any:
        if not isinstance(value, torch.Size):
            return copy.deepcopy(value)
        kind, *shape = value
        start = starts[kind]
        starts[kind] += math.prod(shape)
        return packed["tensors"][kind][start : starts[kind]].view(shape).clone()

    state: dict[str, Any] = mapped(packed["places"], taken)
    return state


def digest(state: dict[str, Any]) -> str:
    """SHA-256 of a state's names and of its tensors in their order: their types, their shapes and their bits."""
    found = hashlib.sha256(repr(list(state)).encode())

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            found.update(f"{value.dtype} {tuple(value.shape)}".encode())
            found.update(as_bytes(value.dequantize() if value.is_quantized else value.to_dense()))

    mapped(state, add)
    return found.hexdigest()


def as_bytes(values: Tensor) -> memoryview:
    """The bytes of all its numbers, in their order."""
    return values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
