"""What may be asked of a model between two steps of its training: a drawing, its weights, a step's details."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from ..events import SIDE, DigitImages, Drawing, Mistakes, StepTaken, Weights
from .data.batches import Dataset, Examples
from .data.centring import centred
from .loops import TestResult
from .model import MultiLayerPerceptron
from .random_numbers import kept
from .state import TrainingState

NAMED = 10
"""The most mistakes of one kind, a label taken for a digit, that are named one by one."""

ALL_NAMED = 1000
"""The most mistakes that are named in all: more than ten classes can have."""

ACTIVITY_EXAMPLES = 1000
"""Test examples that a unit must leave off, all of them, to count as dead."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that no statistics are kept; then as it was, and the random generators too.

    One of the user's own may draw random numbers in that mode as well.
    """
    modes = {module: module.training for module in model.modules()}
    device = next(model.parameters()).device
    model.eval()
    try:
        with torch.no_grad(), nullcontext() if isinstance(model, MultiLayerPerceptron) else kept(device):
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def read_drawing(state: TrainingState, pixels: bytes) -> Drawing | None:
    """What the model makes of a drawing, 28x28 bytes, ink bright, once it is `centred` and as large as its pictures.

    None where there is no ink, or where the model does not read gray pictures.
    """
    if state.shape[:-2] != (1,) or (seen := centred(pixels)) is None:
        return None
    image = torch.frombuffer(bytearray(seen), dtype=torch.uint8).view(1, SIDE, SIDE)
    if (size := state.shape[1:]) != (SIDE, SIDE):
        image = (
            nn.functional.interpolate(image[None].float(), size=size, mode="bilinear", antialias=True)[0]
            .round()
            .to(torch.uint8)
        )
        seen = bytes(image.flatten().numpy())
    with evaluating(state.model):
        return Drawing(seen, tuple(state.model(state.as_taken(image)).softmax(-1)[0].tolist()))


def weights(state: TrainingState, dataset: Dataset) -> Weights:
    """The units of the first layer that reads pixels, and how active they are on the first test examples."""
    epoch, batch = state.epoch + (1 if state.totals.batches else 0), state.totals.batches
    activity: dict[nn.Module, Tensor] = {}

    def measure(module: nn.Module, inputs: object, outputs: Tensor) -> None:
        on = outputs > 0 if outputs.dim() == 2 else (outputs > 0).flatten(2).any(2)
        activity[module] = on.float().mean(0)

    layers = layers_that_read(state.model, dataset.shape)
    hooks = [layer.register_forward_hook(measure) for layer in layers.values()]
    try:
        with evaluating(state.model):
            if layers:
                state.model(state.as_taken(dataset.held_out.inputs[:ACTIVITY_EXAMPLES]))
    finally:
        for hook in hooks:
            hook.remove()
    used = ((name, layer) for name, layer in layers.items() if layer in activity)
    if (found := next(used, None)) is None:
        return Weights(epoch, batch, 1.0, (), (), (), (0, 0), "")
    name, layer = found
    values = layer.weight.detach()
    size = dataset.shape[1:] if isinstance(layer, nn.Linear) else values.shape[2:]
    values = values.view(len(values), -1, *size).mean(1)
    scale = float(values.abs().max()) / 127 or 1.0
    outgoing = next_to_the_classes(state.model, layer, len(dataset.classes))
    return Weights(
        epoch=epoch,
        batch=batch,
        scale=scale,
        incoming=quantised(values.flatten(1), scale),
        outgoing=tuple(map(tuple, outgoing.weight.T.tolist())) if outgoing else (),
        activity=tuple(activity[layer].tolist()),
        shape=tuple(size),
        layer=name,
    )


def layers_that_read(model: nn.Module, shape: tuple[int, ...]) -> dict[str, nn.Linear | nn.Conv2d]:
    """The layers that may read examples of that shape as pixels, by their names, in their order."""
    layers: dict[str, nn.Linear | nn.Conv2d] = {}
    for name, module in model.named_modules() if len(shape) == 3 else ():
        linear = isinstance(module, nn.Linear) and module.in_features == math.prod(shape)
        convolution = isinstance(module, nn.Conv2d) and module.in_channels == shape[0] and module.groups == 1
        if linear or convolution:
            layers[name] = module
    return layers


def next_to_the_classes(model: nn.Module, layer: nn.Module, classes: int) -> nn.Linear | None:
    """The linear layer that makes logits of what `layer` gives; None where others come between."""
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if len(linears) == 2 and linears[0] is layer and linears[1].out_features == classes:
        return linears[1]
    return None


def quantised(values: Tensor, scale: float) -> tuple[bytes, ...]:
    """Numbers, shape (rows, n), as n bytes a row: each by `scale`, rounded, 128 added; 128 if not finite."""
    steps = torch.nan_to_num(values / scale, nan=0.0, posinf=0.0, neginf=0.0).round().clamp(-127, 127) + 128
    return tuple(bytes(row) for row in steps.to(torch.uint8).cpu().numpy())


def copied(model: nn.Module) -> dict[str, Tensor]:
    """The parameters as they are now, by their names."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def step_details(state: TrainingState, batch: Examples, before: dict[str, Tensor], loss_fn: nn.Module) -> StepTaken:
    """What the last step did: it was taken on that batch of raw inputs, from the parameters `before`."""
    model, inputs, targets = state.model, state.as_taken(batch.inputs), batch.labels.to(state.device)
    with evaluating(model):
        logits = torch.func.functional_call(model, before, (inputs,))
        loss, loss_after = float(loss_fn(logits, targets)), float(loss_fn(model(inputs), targets))
    pixels, values = as_shown(batch.inputs)
    parameters = dict(model.named_parameters())
    updates = {name: parameter.detach() - before[name] for name, parameter in parameters.items()}
    reading = next((f"{name}.weight" for name in layers_that_read(model, state.shape)), "")
    return StepTaken(
        epoch=state.epoch + 1,
        batch=state.totals.batches,
        learning_rate=float(state.optimizer.param_groups[0]["lr"]),
        labels=tuple(batch.labels.tolist()),
        pixels=pixels,
        logits=tuple(map(tuple, logits.tolist())),
        loss=loss,
        loss_after=loss_after,
        parameters=tuple(parameters),
        gradient_norms=tuple(0.0 if p.grad is None else float(p.grad.norm()) for p in parameters.values()),
        update_norms=tuple(float(update.norm()) for update in updates.values()),
        weight_norms=tuple(float(before[name].norm()) for name in parameters),
        values=values,
        unit_updates=tuple(updates[reading].flatten(1).norm(dim=1).tolist()) if reading in updates else (),
    )


def examine(
    result: TestResult, examples: Examples, classes: int, emitted: set[int]
) -> Iterator[DigitImages | Mistakes]:
    """What a test of `examples` got wrong; first those that were not `emitted` yet, which then are."""
    logits, labels = result.logits.cpu(), examples.labels.cpu()
    confidences, predictions = logits.softmax(1).max(1)
    confusion = torch.bincount(labels * classes + predictions, minlength=classes**2).view(classes, classes)
    wrong = (predictions != labels).nonzero()[:, 0]
    wrong = wrong[confidences[wrong].argsort(descending=True, stable=True)]
    named: list[int] = []
    counts = Counter[tuple[int, int]]()
    for place, pair in zip(
        wrong.tolist(), zip(labels[wrong].tolist(), predictions[wrong].tolist(), strict=True), strict=True
    ):
        if len(named) == ALL_NAMED:
            break
        counts[pair] += 1
        if counts[pair] <= NAMED:
            named.append(place)
    new = [place for place in named if place not in emitted]
    emitted.update(new)
    if new:
        yield DigitImages(tuple(new), *as_shown(examples.inputs[new]))
    yield Mistakes(
        epoch=result.epoch,
        confusion=tuple(map(tuple, confusion.tolist())),
        indices=tuple(named),
        labels=tuple(labels[named].tolist()),
        predictions=tuple(predictions[named].tolist()),
        confidences=tuple(confidences[named].tolist()),
    )


def as_shown(inputs: Tensor) -> tuple[tuple[bytes, ...], tuple[tuple[float, ...], ...]]:
    """Raw inputs as an event has them: images as bytes each, row by row, channels last; or the rows of a table."""
    if inputs.is_floating_point():
        return (), tuple(map(tuple, inputs.tolist()))
    if inputs.dim() == 4:
        inputs = inputs.permute(0, 2, 3, 1)
    return tuple(bytes(image) for image in inputs.flatten(1).cpu().numpy()), ()
