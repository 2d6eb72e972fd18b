"""Say in a screenful whether a network will train, and what to do where it will not."""

import dataclasses
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..config import TrainingConfig
from ..errors import UserError, place_in, said
from ..events import BatchFinished
from ..headless.characters import can_show_blocks
from ..streams import complain, standard_output
from . import parse_options

if TYPE_CHECKING:
    from torch import Tensor

    from ..training.data.batches import Dataset
    from ..training.state import TrainingState

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


def run(arguments: list[str]) -> int:
    """Checks the model that the first argument names, or the layers that the options ask for.

    Returns 0 where all is well, else 1. Raises UserError where the arguments are wrong, and SystemExit as tyro does.
    """
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--model", *arguments]
    config = parse_options(TrainingConfig, "check net.py:Net", __doc__, arguments)
    out, well = sys.stdout, True
    marks = marks_for(getattr(out, "encoding", None) or "ascii")
    # What the user's own model prints is no result.
    with standard_output(), redirect_stdout(sys.stderr):
        for line in lines(config):
            print(marks[line.well], line.text, file=out, flush=True)
            well = well and line.well is not False
    return int(not well)


def marks_for(encoding: str) -> dict[bool | None, str]:
    """What a line begins with."""
    marks = "✓✗·" if can_show_blocks(encoding) else "+!-"
    return dict(zip((True, False, None), marks, strict=True))


def lines(config: TrainingConfig) -> Iterator[Line]:
    """What there is to say, as it is found out; the first thing that fails in the user's code is the last."""
    try:
        yield from looked_at(config)
    except UserError as error:
        yield Line(False, str(error))
    except (Exception, SystemExit) as error:
        where = place_in(error)
        yield Line(False, f"{where and f'{where}: '}training fails with {said(error)}: mend that, and check again.")


def looked_at(config: TrainingConfig) -> Iterator[Line]:
    import torch

    from ..training.data.batches import Batches
    from ..training.data.load import load_at_once
    from ..training.device import choose_threads, describe
    from ..training.loops import take_steps
    from ..training.state import TrainingState
    from ..training.steps.plan import plan

    config = dataclasses.replace(config, schedule="constant", epochs=1)
    dataset = load_at_once(config, lambda what: print(f"{what} ...", file=sys.stderr))
    if dataset.notice:
        complain(dataset.notice)
    state = TrainingState(config, dataset)
    model = state.model
    loss_fn = torch.nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)

    def batches(of: TrainingState) -> "Iterator[tuple[Tensor, Tensor]]":
        loader = Batches(dataset.train.to(of.device), config.batch_size, of.shuffle, dataset.normalise, of.input_shape)
        return chain.from_iterable(repeat(loader))

    inputs, targets = next(batches(state))
    yield from shapes(state, inputs)
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

    # Speed
    steps, source, done = plan(model, loss_fn, state.optimizer), batches(state), 0
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


def shapes(state: "TrainingState", inputs: "Tensor") -> Iterator[Line]:
    """The shapes, layer by layer, as two examples pass."""
    from torch import Tensor, nn

    from ..training.questions import evaluating

    seen: list[tuple[str, nn.Module, str]] = []

    def note(name: str, module: nn.Module, arguments: Any, outputs: Any) -> None:
        parts = [
            tuple(each.shape) if isinstance(each, Tensor) else type(each).__name__ for each in (*arguments[:1], outputs)
        ]
        seen.append((name, module, " -> ".join(map(str, parts))))

    leaves = [(name, module) for name, module in state.model.named_modules() if not list(module.children())]
    hooks = [
        module.register_forward_hook(
            lambda module, arguments, outputs, name=name: note(name, module, arguments, outputs)
        )
        for name, module in leaves
    ]
    two = inputs[:1].expand(2, *inputs.shape[1:])
    try:
        with evaluating(state.model):
            outputs = state.model(two)
    finally:
        for hook in hooks:
            hook.remove()
    yield Line(True, f"inputs of shape {tuple(two.shape)} give logits of shape {tuple(outputs.shape)}")
    for name, module, text in seen[:LAYERS]:
        own = sum(parameter.numel() for parameter in module.parameters())
        yield Line(
            None, f"  {name:<12} {type(module).__name__:<12} {text:<36}" + (f" {own:,} parameters" if own else "")
        )
    if len(seen) > LAYERS:
        yield Line(None, f"  and {len(seen) - LAYERS} more layers")


def gradients(state: "TrainingState") -> Line:
    """Whether the backward reached each parameter."""
    named = [(name, parameter) for name, parameter in state.model.named_parameters() if parameter.requires_grad]
    missing = [name for name, parameter in named if parameter.grad is None]
    zero = [name for name, parameter in named if parameter.grad is not None and not parameter.grad.any()]
    if missing:
        return Line(False, f"no gradient reaches {listed(missing)}: use that in forward, or delete it.")
    if zero:
        return Line(False, f"the gradient of {listed(zero)} is all zeros: look for a dead ReLU, or a weight of 0.")
    return Line(True, "each parameter gets a gradient")


def first_loss(loss: float, logits: "Tensor", classes: int) -> Line:
    """What the loss at the start says."""
    guessing = math.log(classes)
    text = f"the loss at the start is {loss:.3g}; that of guessing is ln({classes}) = {guessing:.3g}"
    sums = logits.detach().sum(-1)
    if bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()):
        return Line(False, f"{text}; the logits are probabilities already: leave out softmax, the loss has its own.")
    if not loss < guessing + max(0.7, 0.5 * guessing):
        return Line(False, f"{text}: make the first weights smaller, or normalise what goes into the last layer.")
    return Line(True, text)


def overfitted(state: "TrainingState", inputs: "Tensor", targets: "Tensor", loss_fn: Any) -> Line:
    """Whether one batch can be learnt by heart, by the settings' own optimizer."""
    import torch

    from ..training.loops import take_steps
    from ..training.questions import evaluating

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


def agreement(config: TrainingConfig, dataset: "Dataset") -> Iterator[Line]:
    """Whether a short run, made again, ends with the same bits, and so does one that a checkpoint breaks off."""
    from ..training import checkpoint
    from ..training.fit import fit
    from ..training.state import TrainingState

    # As many whole batches, and the odd one at an epoch's end.
    size = config.batch_size
    few = dataset.train
    rows = few.inputs[: BATCHES * size + len(few) % size], few.labels[: BATCHES * size + len(few) % size]
    tests = dataset.test.inputs[:200], dataset.test.labels[:200]
    short = dataclasses.replace(dataset, train=type(few)(*rows), test=type(few)(*tests))
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
    import torch

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
