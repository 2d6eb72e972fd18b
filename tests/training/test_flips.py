"""Flips and what taught them, against a loop that looks at everything after every step."""

import dataclasses
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from mlp_tui.config import TrainingConfig
from mlp_tui.events import Flips
from mlp_tui.training import flips as flips_module
from mlp_tui.training.data.batches import Dataset, Examples
from mlp_tui.training.fit import prepare
from mlp_tui.training.flips import find_flip, flips
from mlp_tui.training.influences import weigh
from mlp_tui.training.loops import take_steps
from mlp_tui.training.replay import Replay
from mlp_tui.training.state import TrainingState

STEPS = 24
"""Batches of the runs here: three epochs of eight, the last of each smaller."""


class NoSnapshots:
    """Everything is trained again from the beginning."""

    def before(self, step: int, above: int = -1) -> Iterator[tuple[int, dict[str, Any]]]:
        return iter(())


def examples(count: int, seed: int, *shape: int) -> Examples:
    """Noise with a mark for the class, and a fifth of the labels wrong, so that readings go to and fro."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(5, (count,), generator=generator)
    inputs = torch.randint(160, (count, *shape), generator=generator)
    marks = inputs.flatten(1).view(count, -1)
    marks[torch.arange(count), 3 * labels] += 90
    wrong = torch.rand(count, generator=generator) < 0.2
    labels = torch.where(wrong, torch.randint(5, (count,), generator=generator), labels)
    return Examples(inputs.float() / 99 if len(shape) == 1 else inputs.to(torch.uint8), labels)


def dataset(*shape: int) -> Dataset:
    classes = ("a", "b", "c", "d", "e")
    return Dataset("marks", examples(250, 1, *shape), examples(333, 2, *shape), classes=classes)


MARKS = dataset(6, 6)


def configured(**settings: Any) -> TrainingConfig:
    few: dict[str, Any] = {"epochs": 3, "batch_size": 32, "hidden_sizes": (12,), "test_batch_size": 100}
    return TrainingConfig(device="cpu", **(few | settings))


def replay(data: Dataset = MARKS, journal: Any = (), **settings: Any) -> Replay:
    return Replay(configured(**settings), data, NoSnapshots(), journal)


@torch.no_grad()
def probabilities(state: TrainingState, data: Dataset) -> Tensor:
    """Those of all held-out examples, dropout off."""
    state.model.eval()
    read: Tensor = state.model(state.as_taken(data.held_out.inputs)).softmax(-1)
    state.model.train()
    return read


def watched(data: Dataset = MARKS, **settings: Any) -> list[Tensor]:
    """The probabilities of all held-out examples after each step of a run, the first before any step."""
    config = configured(**settings)
    state = TrainingState(config, data)
    seen = [probabilities(state, data)]
    loader, loss_fn, _ = prepare(config, data, state)
    state.model.train()
    for _ in range(config.epochs):
        batches = iter(loader)
        for _ in range(state.batches):
            take_steps(state.model, batches, 1, loss_fn, state.optimizer)
            seen.append(probabilities(state, data))
    assert len(seen) == 1 + STEPS
    return seen


def never() -> bool:
    return False


def between(run: Replay, earlier: int, later: int) -> Flips:
    found = flips(run, earlier, later, never)
    assert found
    return found


@pytest.mark.parametrize(
    ("data", "settings"),
    [(MARKS, {}), (dataset(36), {"optimizer": "sgd", "learning_rate": 0.1}), (dataset(3, 4, 5), {"dropout": 0.4})],
    ids=["gray", "table", "colour"],
)
def test_all_flips_between_two_moments_are_found_and_the_batch_of_each(data: Dataset, settings: dict[str, Any]) -> None:
    seen, run, labels = watched(data, **settings), replay(data, **settings), data.test.labels
    steps = set()
    for earlier, later in ((0, 24), (8, 16), (5, 6), (7, 23)):
        found = between(run, earlier, later)
        was, now = seen[earlier].argmax(1), seen[later].argmax(1)
        wrong = ((was == labels) & (now != labels)).nonzero()[:, 0].tolist()
        right = ((was != labels) & (now == labels)).nonzero()[:, 0].tolist()
        assert (found.became_wrong, found.became_right) == (len(wrong), len(right))
        assert sorted(found.indices[: len(wrong)]) == wrong and sorted(found.indices[len(wrong) :]) == right
        listed = list(found.indices)
        assert found.labels == tuple(labels[listed].tolist())
        assert found.before == tuple(was[listed].tolist()) and found.now == tuple(now[listed].tolist())
        assert found.sure_now == pytest.approx(seen[later].amax(1)[listed].tolist(), abs=1e-5)
        assert found.sure_before == pytest.approx(seen[earlier].amax(1)[listed].tolist(), abs=1e-5)
        assert list(found.sure_now[: len(wrong)]) == sorted(found.sure_now[: len(wrong)], reverse=True)
        shown = found.values or found.pixels
        assert [sum(each) for each in shown] == pytest.approx(data.test.inputs[listed].flatten(1).sum(1).tolist())
        for index in listed[:: max(1, len(listed) // 12)]:
            read = [int(each[index].argmax()) for each in seen[: later + 1]]
            flipped = max(step for step in range(earlier, later) if read[step] != read[later]) + 1
            answer = find_flip(run, index, earlier, later, never)
            assert answer and (answer.step, answer.looked) == (flipped, flipped - 1)
            steps.add(flipped)
    assert len(steps) > 8


def test_a_flip_is_found_across_many_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips_module, "SECTION", 2)
    seen, run = watched(), replay()
    last = seen[STEPS].argmax(1)
    steps = set()
    for index in range(0, 333, 9):
        otherwise = [step for step in range(STEPS) if seen[step][index].argmax() != last[index]]
        answer = find_flip(run, index, 0, STEPS, never)
        assert answer
        assert answer.step == (otherwise[-1] + 1 if otherwise else None)
        assert answer.looked == (otherwise[-1] if otherwise else 0)
        steps.add(answer.step)
    assert len(steps) > 5


def test_a_search_ends_where_its_time_is_over_and_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips_module, "SECTION", 4)
    seen, run = watched(), replay()
    last = seen[STEPS].argmax(1)
    early = next(i for i in range(333) if all(each[i].argmax() == last[i] for each in seen[6:]))
    clock = iter(range(1000))
    monkeypatch.setattr(flips_module, "SEARCH_SECONDS", 10)
    monkeypatch.setattr(flips_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    answer = find_flip(run, early, 0, STEPS, never)
    # The last section of four batches takes six looks at the clock; then there is time for the start of the next.
    assert answer and (answer.step, answer.looked) == (None, STEPS - 4)


def test_what_is_interrupted_gives_no_answer() -> None:
    run = replay()
    assert flips(run, 0, STEPS, lambda: True) is None
    looks = iter([False, False, True, True])
    assert find_flip(run, 3, 0, STEPS, lambda: next(looks)) is None
    looks = iter([False, True])
    assert weigh(run, 3, 0, STEPS, lambda: next(looks)) is None


def test_the_surest_are_named_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = between(replay(), 0, STEPS)
    monkeypatch.setattr(flips_module, "NAMED", 3)
    few = between(replay(), 0, STEPS)
    assert (few.became_right, few.became_wrong) == (everything.became_right, everything.became_wrong)
    assert few.became_wrong > 3 and few.became_right > 3
    wrong = everything.became_wrong
    assert few.indices == everything.indices[:3] + everything.indices[wrong : wrong + 3]
    monkeypatch.setattr(flips_module, "NAMED_BYTES", 2 * 36)
    assert len(between(replay(), 0, STEPS).indices) == 4


def test_the_examples_split_off_for_validation_are_those_that_flip() -> None:
    data = dataclasses.replace(MARKS, validation=examples(77, 5, 6, 6))
    found = between(Replay(configured(), data, NoSnapshots(), ()), 8, 16)
    assert found.indices and max(found.indices) < 77
    assert found.labels == tuple(data.held_out.labels[list(found.indices)].tolist())


def test_what_was_asked_changes_nothing_on_the_way() -> None:
    """Questions between two walks leave what is trained afterwards the same to the last bit."""
    asked, plain = replay(dropout=0.3), replay(dropout=0.3)
    for (earlier, later), index in zip(pairwise((2, 9, 13, 24)), (4, 50, 200), strict=True):
        flips(asked, earlier, later, never)
        find_flip(asked, index, earlier, later, never)
        weigh(asked, index, earlier, later, never)
        for run in (asked, plain):
            run.go(later)
        pairs = zip(asked.state.model.parameters(), plain.state.model.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
