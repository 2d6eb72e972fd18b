"""Nested state dicts: packed and unpacked, and their digests."""

from collections import OrderedDict
from typing import Any

import pytest
import torch

from mlp_tui.training.nested import digest, pack, size, unpack

STATE: dict[str, Any] = {
    "model": OrderedDict(weight=torch.randn(3, 2), bias=torch.tensor([float("nan"), -0.0]), none=torch.empty(0, 3)),
    "optimizer": {
        "state": {0: {"step": torch.tensor(2.0)}, 1: {}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}],
    },
    "others": [torch.arange(3), torch.tensor(True), torch.randn(2, dtype=torch.complex64), torch.randn(2).bfloat16()],
    "channels last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    "sparse": torch.eye(3).to_sparse(),
    "text": "text",
    "nothing": None,
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.layout == b.layout and digest({"": a}) == digest({"": b})
    return bool(a == b)


def test_what_is_unpacked_is_as_it_was_and_shares_no_memory() -> None:
    packed = pack(STATE)
    first, second = unpack(packed), unpack(packed)
    first["model"]["weight"].zero_()
    assert same(second, STATE) and not same(first, STATE)
    assert second["channels last"].stride() == STATE["channels last"].stride()


def test_tensors_of_a_type_become_one() -> None:
    kinds = [tensor.dtype for tensor in pack(STATE)["tensors"]]
    assert len(kinds) == len(set(kinds)) and kinds[0] == torch.float32
    assert sum(tensor.numel() for tensor in pack({"a": torch.ones(2, 3), "b": [torch.ones(4)]})["tensors"]) == 10


def test_the_size_is_that_of_all_tensors() -> None:
    assert size({"a": torch.ones(2, 3), "b": [torch.ones(4, dtype=torch.uint8)], "c": "text"}) == 6 * 4 + 4


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.ones(2, 3, dtype=torch.float64)},
        {"a": torch.ones(3, 2)},
        {"b": torch.ones(2, 3)},
        {"a": torch.ones(2, 3).nextafter(torch.tensor(2.0))},
        {"a": torch.ones(2, 3), "b": torch.ones(1)},
    ],
)
def test_a_digest_tells_of_names_types_shapes_and_bits(other: dict[str, Any]) -> None:
    assert digest({"a": torch.ones(2, 3)}) == digest({"a": torch.ones(2, 3)}) != digest(other)


def test_a_digest_does_not_depend_on_how_numbers_lie_in_memory() -> None:
    values = torch.randn(3, 4)
    assert digest({"a": values.t()}) == digest({"a": values.t().contiguous()})
    assert digest({"a": torch.tensor(-0.0)}) != digest({"a": torch.tensor(0.0)})
