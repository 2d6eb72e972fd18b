"""Flips: which held-out examples are read otherwise after more training, and after which batch."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..events import FlipFound, Flips
from .fit import tests_of
from .questions import as_shown, evaluating
from .replay import Replay

Interrupted = Callable[[], bool]
"""Whether the question is to be given up, since something newer waits for an answer."""

NAMED = 250
"""The most flips of one kind that are named."""

NAMED_BYTES = 1 << 24
"""The most bytes of pictures that go with the flips of one kind."""

SECTION = 64
"""The batches of the first section of a run that is searched; each section before it is twice as long."""

SEARCH_SECONDS = 30.0
"""The longest search for one flip."""


class Readings(NamedTuple):
    """What the model reads each example as, and the probability that it gives to that; shape (n,) each."""

    classes: Tensor
    probabilities: Tensor


def readings_at(replay: Replay, step: int) -> Readings:
    """What the model made of the held-out examples after that many batches."""
    replay.go(step)
    model, classes, probabilities = replay.state.model, [], []
    with replay.own_random_numbers(), evaluating(model):  # a model may draw some in its test too
        for inputs, _ in tests_of(replay.dataset.held_out, replay.config, replay.state):
            logits = model(inputs)
            classes.append(logits.argmax(-1))
            probabilities.append(logits.softmax(-1).amax(-1))
    return Readings(torch.cat(classes).cpu(), torch.cat(probabilities).cpu())


def flips(replay: Replay, earlier: int, later: int, interrupted: Interrupted) -> Flips | None:
    """The held-out examples that are read right after one of two steps and wrong after the other."""
    before = readings_at(replay, earlier)
    if interrupted():
        return None
    now = readings_at(replay, later)
    inputs, labels = replay.dataset.held_out.inputs, replay.dataset.held_out.labels.cpu()
    was_right, is_right = before.classes == labels, now.classes == labels
    most = min(NAMED, max(1, NAMED_BYTES // (inputs[0].nbytes or 1)))

    def surest(chosen: Tensor) -> Tensor:
        places = chosen.nonzero()[:, 0]
        return places[now.probabilities[places].argsort(descending=True, stable=True)][:most]

    named = torch.cat((surest(was_right & ~is_right), surest(is_right & ~was_right)))
    pixels, values = as_shown(inputs[named.to(inputs.device)])
    return Flips(
        earlier=earlier,
        later=later,
        became_right=int((is_right & ~was_right).sum()),
        became_wrong=int((was_right & ~is_right).sum()),
        indices=tuple(named.tolist()),
        labels=tuple(labels[named].tolist()),
        before=tuple(before.classes[named].tolist()),
        now=tuple(now.classes[named].tolist()),
        sure_before=tuple(before.probabilities[named].tolist()),
        sure_now=tuple(now.probabilities[named].tolist()),
        pixels=pixels,
        values=values,
    )


def find_flip(replay: Replay, index: int, earlier: int, later: int, interrupted: Interrupted) -> FlipFound | None:
    """The last of the batches between two steps after which the reading of an example changed; None if interrupted.

    A reading may change many times, so each batch is looked at, from the last section of the run to the first:
    within a section training goes forward, and the last step that reads the example otherwise counts.
    """
    state, example = replay.state, replay.dataset.held_out.inputs[index : index + 1]
    end, length, ends_at = later, SECTION, time.monotonic() + SEARCH_SECONDS

    def read() -> int:
        with evaluating(state.model):
            return int(state.model(state.as_taken(example)).argmax())

    replay.go(later)
    at_last = read()
    while end > earlier and time.monotonic() < ends_at:
        start = max(earlier, end - length)
        replay.go(start)
        otherwise = [start] if read() != at_last else []

        def look(batch: object, otherwise: list[int] = otherwise) -> bool:
            if read() != at_last:
                otherwise.append(state.step)
            return not interrupted() and time.monotonic() < ends_at

        replay.train_until(end, look)
        if interrupted():
            return None
        if state.step < end:
            break
        if otherwise:
            return FlipFound(index, otherwise[-1] + 1, otherwise[-1])
        end, length = start, 2 * length
    return FlipFound(index, None, end)
