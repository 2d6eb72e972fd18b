"""Influences: which training examples taught a network to read an example as it does."""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from ..events import FlipFound, Influences
from .data.batches import Examples, ShuffledBatches
from .flips import Interrupted, find_flip
from .questions import as_shown, copied, evaluating
from .replay import Replay
from .state import TrainingState

Weights = dict[str, Tensor]
"""A tensor for each of a model's weights, by its name."""

BATCHES = 10
"""The last batches whose examples may have taught something."""

MOST_FOR, MOST_AGAINST = 8, 4
"""The most training examples that are named for a reading, and against it."""


def influences(
    replay: Replay, index: int, earlier: int, later: int, interrupted: Interrupted
) -> Influences | FlipFound | None:
    """What taught the reading that an example came to between two steps: the last batches until then."""
    flip = find_flip(replay, index, earlier, later, interrupted)
    if flip is None or flip.step is None:
        return flip
    first = max(replay.first, flip.step - BATCHES)
    return weigh(replay, index, first, flip.step, interrupted)


def weigh(replay: Replay, index: int, first: int, last: int, interrupted: Interrupted) -> Influences | None:
    """What each training example of the batches after step `first` up to `last` did to the reading of an example.

    It is the reading after `last`; None if interrupted. A training example moves the weights by its share of a step,
    and these move the probability of the reading; to the first order that is the product of two gradients (TracIn:
    Pruthi et al., 2020, https://arxiv.org/abs/2002.08484), as the weights were when the batch was trained on. The
    share is the optimizer's own: with its momentum, which goes on into the steps that follow, and with Adam's scale of
    each weight taken as it was. The gradients are those without dropout.
    """
    state, example = replay.state, replay.dataset.held_out.inputs[index : index + 1]
    replay.go(last)
    with evaluating(state.model):
        after, reading = (each.item() for each in state.model(state.as_taken(example)).softmax(-1)[0].max(0))
    before, places, steps, effects = after, [], [], []
    onward: Weights = {}  # by how much a gradient at hand lowers the probability, in this step and all that follow
    taken: list[ShuffledBatches | None] = []
    trained: list[Examples] = []  # as they were trained on

    def note(batch: ShuffledBatches | None) -> bool:
        taken.append(batch)
        return True

    for step in range(last, first, -1):
        if interrupted():
            return None
        replay.go(step - 1)
        weights = {**copied(state.model), **{name: each.clone() for name, each in state.model.named_buffers()}}
        before, gradients = with_gradients(state, example, int(reading))
        replay.train_until(step, note)
        if (last_taken := taken[-1]) is None:  # the batch was skipped
            continue
        batch = last_taken.last
        onward = passed_on(state.optimizer, gradients, onward)
        inputs, labels = state.as_taken(batch.inputs), batch.labels.to(state.device)
        changes = loss_changes(state.model, weights, onward, inputs, labels, replay.config.label_smoothing)
        effects += (-changes / len(labels)).tolist()
        places += last_taken.rows.tolist()
        steps += [step] * len(labels)
        trained.append(batch.to(torch.device("cpu")))
    order = sorted(range(len(effects)), key=lambda i: -effects[i])
    named = [i for i in order[:MOST_FOR] if effects[i] > 0]
    named += [i for i in order[: -MOST_AGAINST - 1 : -1] if effects[i] < 0]
    every = [(part.inputs[i], int(part.labels[i])) for part in trained for i in range(len(part))]
    pixels, values = as_shown(torch.stack([every[i][0] for i in named])) if named else ((), ())
    return Influences(
        index=index,
        reading=int(reading),
        first=first,
        last=last,
        trained=len(effects),
        before=before,
        after=after,
        total=sum(effects),
        indices=tuple(places[i] for i in named),
        labels=tuple(every[i][1] for i in named),
        steps=tuple(steps[i] for i in named),
        effects=tuple(effects[i] for i in named),
        pixels=pixels,
        values=values,
    )


def with_gradients(state: TrainingState, example: Tensor, reading: int) -> tuple[float, Weights]:
    """The probability of a reading of a raw example, shape (1, ...), and its gradients."""
    weights = {name: each for name, each in state.model.named_parameters() if each.requires_grad}
    with evaluating(state.model), torch.enable_grad():
        probability = state.model(state.as_taken(example)).softmax(-1)[0, reading]
        gradients = torch.autograd.grad(probability, list(weights.values()), allow_unused=True, materialize_grads=True)
    return probability.item(), dict(zip(weights, gradients, strict=True))


@torch.no_grad()
def passed_on(optimizer: optim.Optimizer, gradients: Weights, onward: Weights) -> Weights:
    """By how much a gradient of the last step's batch lowers what has these `gradients`, for each unit of its own.

    That is in the last step itself, and by momentum in those that followed, for which `onward` says the same.
    """
    (group,) = optimizer.param_groups
    rate, lowered = group["lr"], {}
    for parameter, (name, gradient) in zip(group["params"], gradients.items(), strict=True):
        if isinstance(optimizer, optim.SGD):
            kept, scale = group["momentum"], rate
        else:
            kept, of_squares = group["betas"]
            saved = optimizer.state[parameter]
            count = max(1.0, float(saved["step"]))  # of a parameter that no loss depends on, none was taken
            deviation = (saved["exp_avg_sq"] / (1 - of_squares**count)).sqrt() + group["eps"]
            scale = rate * (1 - kept) / (1 - kept**count) / deviation
        lowered[name] = scale * gradient + (kept * onward[name] if onward else 0)
    return lowered


def loss_changes(
    model: nn.Module, weights: Weights, direction: Weights, inputs: Tensor, labels: Tensor, smoothing: float
) -> Tensor:
    """How fast each example's loss rises along a direction of the weights, shape (batch,)."""

    def losses(moved: Weights) -> Tensor:
        logits = torch.func.functional_call(model, {**weights, **moved}, (inputs,))
        return F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)

    start = {name: weights[name].detach() for name in direction}
    with evaluating(model):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch says something of its own inside when this is first used
                changes: Tensor = torch.func.jvp(losses, (start,), (direction,))[1]
            return changes
        except RuntimeError:  # some parts of a network have no derivative forward: then backward, loss by loss
            pass
        with torch.enable_grad():
            leaves = [each.requires_grad_() for each in start.values()]
            found = []
            for loss in losses(start):
                gradients = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
                pairs = zip(gradients, direction.values(), strict=True)
                found.append(sum(float((a * b).sum()) for a, b in pairs if a is not None))
            return torch.tensor(found)
