"""What may be asked of a model between two steps of its training: a drawing, its weights, a step's details."""

from collections import Counter
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..events import SIDE, DigitImages, Drawing, Mistakes, StepTaken, Weights
from .data.batches import Digits, normalise
from .data.centring import centred
from .loops import TestResult
from .state import TrainingState

NAMED = 10
"""The most mistakes of one kind, a label taken for a digit, that are named one by one."""

ACTIVITY_IMAGES = 1000
"""Test images that a unit must leave off, all of them, to count as dead."""


@torch.no_grad()
def read_drawing(state: TrainingState, pixels: bytes) -> Drawing | None:
    """What the model makes of a drawing, 28x28 bytes, ink bright, once it is `centred`; None where there is no ink."""
    if (seen := centred(pixels)) is None:
        return None
    image = torch.frombuffer(bytearray(seen), dtype=torch.uint8).view(1, SIDE, SIDE)
    return Drawing(seen, tuple(state.model(normalise(image.to(state.device))).softmax(-1)[0].tolist()))


@torch.no_grad()
def weights(state: TrainingState, test: Digits) -> Weights:
    """The hidden units as they are now, and how active they are on the first images of `test`."""
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
    """Numbers, shape (rows, n), as n bytes a row: each by `scale`, rounded, 128 added; 128 if not finite."""
    steps = torch.nan_to_num(values / scale, nan=0.0, posinf=0.0, neginf=0.0).round().clamp(-127, 127) + 128
    return tuple(bytes(row) for row in steps.to(torch.uint8).cpu().numpy())


def copied(model: nn.Module) -> dict[str, Tensor]:
    """The parameters as they are now, by their names."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@torch.no_grad()
def step_details(state: TrainingState, digits: Digits, rows: Tensor, before: dict[str, Tensor]) -> StepTaken:
    """What the last step did: it was taken on those rows of `digits`, from the parameters `before`."""
    model, pixels, labels = state.model, digits.images[rows], digits.labels[rows]
    inputs, targets = normalise(pixels.to(state.device)), labels.to(state.device)
    logits = torch.func.functional_call(model, before, (inputs,))
    parameters = dict(model.named_parameters())
    return StepTaken(
        epoch=state.epoch + 1,
        batch=state.totals.batches,
        learning_rate=float(state.optimizer.param_groups[0]["lr"]),
        labels=tuple(labels.tolist()),
        pixels=as_bytes(pixels),
        logits=tuple(map(tuple, logits.tolist())),
        loss=float(F.cross_entropy(logits, targets)),
        loss_after=float(F.cross_entropy(model(inputs), targets)),
        parameters=tuple(parameters),
        gradient_norms=tuple(float(p.grad.norm()) for p in parameters.values() if p.grad is not None),
        update_norms=tuple(float((p - before[name]).norm()) for name, p in parameters.items()),
        weight_norms=tuple(float(before[name].norm()) for name in parameters),
    )


def examine(result: TestResult, digits: Digits, emitted: set[int]) -> Iterator[DigitImages | Mistakes]:
    """What a test of `digits` got wrong; first the pixels of those that were not `emitted` yet, which then are."""
    logits, labels = result.logits.cpu(), digits.labels.cpu()
    confidences, predictions = logits.softmax(1).max(1)
    confusion = torch.bincount(labels * 10 + predictions, minlength=100).view(10, 10)
    wrong = (predictions != labels).nonzero()[:, 0]
    wrong = wrong[confidences[wrong].argsort(descending=True, stable=True)]
    named, counts = [], Counter[tuple[int, int]]()
    for place, pair in zip(
        wrong.tolist(), zip(labels[wrong].tolist(), predictions[wrong].tolist(), strict=True), strict=True
    ):
        counts[pair] += 1
        if counts[pair] <= NAMED:
            named.append(place)
    new = [place for place in named if place not in emitted]
    emitted.update(new)
    if new:
        yield DigitImages(tuple(new), as_bytes(digits.images[new]))
    yield Mistakes(
        epoch=result.epoch,
        confusion=tuple(map(tuple, confusion.tolist())),
        indices=tuple(named),
        labels=tuple(labels[named].tolist()),
        predictions=tuple(predictions[named].tolist()),
        confidences=tuple(confidences[named].tolist()),
    )


def as_bytes(images: Tensor) -> tuple[bytes, ...]:
    """Images, uint8, shape (n, 28, 28), as bytes each, row by row."""
    return tuple(bytes(image) for image in images.flatten(1).cpu().numpy())
