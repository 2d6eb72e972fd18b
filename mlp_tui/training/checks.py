"""Whether a network will train: what is looked at, one thing after the other, and what there is to say of it."""

import dataclasses
import math
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from ..config import TrainingConfig
from ..events import BatchFinished
from . import checkpoint
from .data.batches import Batches, Dataset, Examples
from .device import choose_threads, describe
from .fit import fit
from .loops import take_steps
from .questions import evaluating
from .state import TrainingState
from .steps.plan import plan

OVERFIT_STEPS, OVERFIT_SECONDS = 300, 20.0
"""How long a batch is learnt by heart at most."""

LAYERS = 8
"""The most layers that are named one by one."""

BATCHES = 8
"""The batches of the short runs that are compared."""

SPEED_SECONDS = 1.0


class Line(NamedTuple):
    """One thing that was looked at: whether it is well (None: it is only said), and what there is to say."""

    well: bool | None
    text: str


def checked(config: TrainingConfig, dataset: Dataset) -> Iterator[Line]:
    """A line for each thing that is looked at. Raises UserError, and what the user's own code raises."""
    config = dataclasses.replace(config, schedule="constant", epochs=1)
    state = TrainingState(config, dataset)
    model = state.model
    loss_fn = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        examples = dataset.train.to(state.device)
        taken = dataset.normalise, state.input_shape, None, state.distort
        loader = Batches(examples, config.batch_size, state.shuffle, *taken)
        return chain.from_iterable(repeat(loader))

    inputs, targets = next(batches())
    yield from shapes(model, inputs)
    parameters = list(model.parameters())
    frozen = sum(p.numel() for p in parameters if not p.requires_grad)
    total = sum(p.numel() for p in parameters)
    yield Line(None, f"{total:,} parameters, {f'{frozen:,} of them frozen' if frozen else 'all of them trained'}")

    torch.set_num_threads(choose_threads(config, total if config.model else math.prod(dataset.shape)))
    model.train()
    for _ in range(2):  # the first one also loads what the second has
        state.optimizer.zero_grad()
        started = time.perf_counter()
        logits = model(inputs)
        loss = loss_fn(logits, targets)
        loss.backward()
        took = time.perf_counter() - started
    what = f"forward and backward of a batch of {len(inputs):,} work"
    yield Line(True, f"{what} ({took * 1000:.3g} ms, on {describe(state.device)})")
    yield gradients(state)
    yield first_loss(float(loss.detach()), logits, len(dataset.classes))

    yield overfitted(TrainingState(config, dataset), inputs, targets, loss_fn)
    yield from agreement(config, dataset)

    steps, source, done = plan(model, loss_fn, state.optimizer), batches(), 0
    started = time.perf_counter()
    while (took := time.perf_counter() - started) < SPEED_SECONDS:
        if steps is None:
            take_steps(model, source, 1, loss_fn, state.optimizer)
        else:
            steps(source, 1)
        done += 1
    an_epoch = math.ceil(len(dataset.train) / config.batch_size) * took / done
    name = "the plain loop" if steps is None else steps.name
    yield Line(None, f"{done / took:,.0f} batches a second ({name}): {an_epoch:,.3g} s an epoch of training")


def shapes(model: nn.Module, inputs: Tensor) -> Iterator[Line]:
    """The shapes, layer by layer, as two examples pass."""
    names = {module: name for name, module in model.named_modules() if not list(module.children())}
    seen: list[tuple[nn.Module, str]] = []

    def note(module: nn.Module, arguments: Any, outputs: Any) -> None:
        both = (*arguments[:1], outputs)
        words = (str(tuple(each.shape)) if isinstance(each, Tensor) else type(each).__name__ for each in both)
        if module in names:
            seen.append((module, " -> ".join(words)))

    two = inputs[:1].expand(2, *inputs.shape[1:])
    hook = register_module_forward_hook(note)
    try:
        with evaluating(model):
            outputs = model(two)
    finally:
        hook.remove()
    yield Line(True, f"inputs of shape {tuple(two.shape)} give logits of shape {tuple(outputs.shape)}")
    for module, text in seen[:LAYERS]:
        own = sum(parameter.numel() for parameter in module.parameters())
        what = f"  {names[module]:<12} {type(module).__name__:<12} {text:<36}"
        yield Line(None, what + (f" {own:,} parameters" if own else ""))
    if len(seen) > LAYERS:
        yield Line(None, f"  and {len(seen) - LAYERS} more layers")


def gradients(state: TrainingState) -> Line:
    """Whether the backward reached each parameter."""
    named = [(name, parameter) for name, parameter in state.model.named_parameters() if parameter.requires_grad]
    missing = [name for name, parameter in named if parameter.grad is None]
    zero = [name for name, parameter in named if parameter.grad is not None and not parameter.grad.any()]
    if missing:
        return Line(False, f"no gradient reaches {listed(missing)}: use that in forward, or delete it.")
    if zero:
        return Line(False, f"the gradient of {listed(zero)} is all zeros: look for a dead ReLU, or a weight of 0.")
    return Line(True, "each parameter gets a gradient")


def first_loss(loss: float, logits: Tensor, classes: int) -> Line:
    """What the loss at the start says."""
    guessing = math.log(classes)
    text = f"the loss at the start is {loss:.3g}; that of guessing is ln({classes}) = {guessing:.3g}"
    sums = logits.detach().sum(-1)
    if bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()):
        return Line(False, f"{text}; the logits are probabilities already: leave out softmax, the loss has its own.")
    if not loss < guessing + max(0.7, 0.5 * guessing):
        return Line(False, f"{text}: make the first weights smaller, or normalise what goes into the last layer.")
    return Line(True, text)


def overfitted(state: TrainingState, inputs: Tensor, targets: Tensor, loss_fn: Any) -> Line:
    """Whether one batch can be learnt by heart, by the settings' own optimizer."""
    started, done, right, loss = time.perf_counter(), 0, 0.0, math.inf
    while right < 1 and done < OVERFIT_STEPS and time.perf_counter() - started < OVERFIT_SECONDS:
        state.model.train()
        take_steps(state.model, repeat((inputs, targets)), 10, loss_fn, state.optimizer)
        done += 10
        with evaluating(state.model):
            logits = state.model(inputs)
            loss = float(torch.nn.functional.cross_entropy(logits, targets))
            right = float((logits.argmax(-1) == targets).float().mean())
    text = f"one batch is read {right:.0%} right after {done} steps on it (loss {loss:.3g})"
    if right < 0.9:
        return Line(False, f"{text}: try a smaller --learning-rate, or look whether forward uses each layer.")
    return Line(True, text)


def agreement(config: TrainingConfig, dataset: Dataset) -> Iterator[Line]:
    """Whether a short run, made again, ends with the same bits, and so does one that a checkpoint breaks off."""
    # As many whole batches, and the odd one at an epoch's end.
    size = config.batch_size
    parts = ((dataset.train, BATCHES * size + len(dataset.train) % size), (dataset.test, 200))
    train, test = (Examples(part.inputs[:count], part.labels[:count]) for part, count in parts)
    short = dataclasses.replace(dataset, train=train, test=test)
    whole = []
    for _ in range(2):
        state = TrainingState(config, short)
        for _ in fit(config, short, "check", state):
            pass
        whole.append(state.state_dict())
    same = difference(*whole)
    hint = "draw random numbers by torch, random or numpy.random alone, and see torch.use_deterministic_algorithms."
    yield Line(not same, f"two runs differ ({same}): {hint}" if same else "two runs agree to the bit")
    broken, restored = (TrainingState(config, short) for _ in range(2))
    broken.detail = "batches"
    next(event for event in fit(config, short, "check", broken) if isinstance(event, BatchFinished))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        checkpoint.save(path, {"training": broken.state_dict(), "log_position": 0})
        checkpoint.restore(path, restored)
        megabytes = path.stat().st_size / 1e6
    for _ in fit(config, short, "check", restored):
        pass
    lost = difference(whole[0], restored.state_dict())
    hint = "what forward changes must be a parameter or a buffer (register_buffer), and no Generator of its own."
    well = f"a checkpoint comes back to the bit ({megabytes:.3g} MB)"
    yield Line(not lost, f"a run that a checkpoint breaks off ends otherwise ({lost}): {hint}" if lost else well)


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Where two states of training differ, or nothing."""
    pairs = ((name, value.nan_to_num(), other["model"][name].nan_to_num()) for name, value in one["model"].items())
    changed = [name for name, mine, theirs in pairs if not torch.equal(mine, theirs)]
    if changed:
        return listed(changed)
    drawn = [[str(value) for name, value in state.items() if name.startswith("random_")] for state in (one, other)]
    same = drawn[0] == drawn[1] and torch.equal(one["random"], other["random"])
    return "" if same else "the random numbers"


def listed(names: list[str]) -> str:
    """A few names in words."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
