"""What may be asked of a model between two steps of its training, and what may be told of a step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..events import Drawing, Weights
from .checkpoint import TrainingState
from .datasets import SIDE, Digits, normalise

ACTIVITY_IMAGES = 1000
"""Test images that a unit must leave off, all of them, to count as dead."""


@torch.no_grad()
def read_drawing(state: TrainingState, pixels: bytes) -> Drawing:
    """What the model makes of 28x28 bytes, ink bright."""
    image = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(1, SIDE, SIDE)
    return Drawing(pixels, tuple(state.model(normalise(image.to(state.device))).softmax(-1)[0].tolist()))


@torch.no_grad()
def weights(state: TrainingState, test: Digits) -> Weights:
    """The hidden units as they are now."""
    model = state.model
    images = normalise(test.images[:ACTIVITY_IMAGES].to(state.device))
    activity = (F.relu(model.hidden(images.flatten(1))) > 0).float().mean(0)
    scale = float(model.hidden.weight.abs().max()) / 127 or 1.0
    return Weights(
        epoch=state.epoch + (1 if state.totals.batches else 0),
        batch=state.totals.batches,
        scale=scale,
        incoming=quantised(model.hidden.weight, scale),
        outgoing=tuple(map(tuple, model.output.weight.T.tolist())),
        activity=tuple(activity.tolist()),
    )


def quantised(values: Tensor, scale: float) -> tuple[bytes, ...]:
    """Rows of numbers as bytes: each by `scale`, rounded, 128 added. Numbers that are not finite become 128."""
    steps = torch.nan_to_num(values / scale, nan=0.0, posinf=0.0, neginf=0.0).round().clamp(-127, 127) + 128
    return tuple(bytes(row) for row in steps.to(torch.uint8).cpu().numpy())
