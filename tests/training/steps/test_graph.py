"""Recorded groups of steps, with a stand-in for CUDA's recording; `test_cuda.py` has the real one."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from mlp_tui.config import PRINT_EVERY
from mlp_tui.training.data.batches import Batches
from mlp_tui.training.loops import Steps, train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.nested import digest
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.schedule import Schedule
from mlp_tui.training.steps.graph import GROUP, GraphedSteps

from ..test_loops import digits
from .parity import losses_of, plain

EXACT = 2**-7
"""A learning rate that is the same in single precision, as the groups have it, and in double."""


def replayed(work: Callable[[], list[Tensor]], restore: Callable[[], None]) -> tuple[Callable[[], None], list[Tensor]]:
    """Stands in for CUDA's recording: what is launched again is the work itself, its results put in one place."""
    results = work()
    restore()

    def replay() -> None:
        for place, value in zip(results, work(), strict=True):
            place.copy_(value)

    return replay, results


def planned(model: nn.Module, loss_fn: nn.Module, optimizer: Adam) -> Steps:
    return GraphedSteps(model, loss_fn, optimizer, replayed)


@pytest.mark.parametrize("at_once", [1e-9, 1e-3, 1e9])
def test_a_recorded_group_of_steps_trains_as_the_plain_loop_does(at_once: float) -> None:
    data = digits(64 * 137 + 5)  # groups, single batches, and a smaller last one
    total = 2 * 138
    by_loop, weights = losses_of(plain, data, epochs=2, total_steps=total)
    graphed, graphed_weights = losses_of(planned, data, epochs=2, total_steps=total, at_once=at_once)
    assert len(graphed) == total
    assert graphed == pytest.approx(by_loop, abs=1e-4)  # the learning rates went through single precision
    assert all(torch.allclose(value, graphed_weights[name], atol=1e-4) for name, value in weights.items())


def test_replayed_or_not_the_numbers_are_the_same_to_the_bit() -> None:
    data = digits(64 * 60 + 5)
    one_by_one, *others = (losses_of(planned, data, rate=EXACT, at_once=at_once) for at_once in (0.0, 1e-3, 1e9))
    for losses, weights in others:
        assert losses == one_by_one[0]
        assert all(torch.equal(value, weights[name]) for name, value in one_by_one[1].items())


def test_where_nothing_can_be_recorded_the_steps_are_taken_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(work: object, restore: object) -> tuple[Callable[[], None], list[Tensor]]:
        raise RuntimeError("operation not permitted when stream is capturing")

    data = digits(64 * 30)
    by_loop, _ = losses_of(plain, data)
    graphed, _ = losses_of(partial(GraphedSteps, record=refuse), data)
    assert graphed == by_loop
    assert caplog.text.count("CUDA graphs cannot be used here (operation not permitted") == 1


class Recorder:
    """Counts the launches, and lets a test do something between them."""

    def __init__(self) -> None:
        self.recorded = self.launches = 0
        torch.manual_seed(0)
        self.model = MultiLayerPerceptron()
        self.optimizer = Adam(self.model.parameters(), lr=EXACT, schedule=Schedule(EXACT, "one-cycle", 1000))
        self.steps = GraphedSteps(self.model, nn.CrossEntropyLoss(), self.optimizer, self.record)

    def record(
        self, work: Callable[[], list[Tensor]], restore: Callable[[], None]
    ) -> tuple[Callable[[], None], list[Tensor]]:
        self.recorded += 1
        replay, results = replayed(work, restore)

        def launch() -> None:
            self.launches += 1
            replay()

        return launch, results


def test_groups_begin_at_the_same_batches_however_many_are_asked_for() -> None:
    recorder = Recorder()
    batches = iter(Batches(digits(64 * 50), 64, torch.Generator().manual_seed(0)))
    launches = []
    for count in (1, 3, 7, 2 * GROUP, 5, 14):
        recorder.steps(batches, count)
        launches.append(recorder.launches)
    # Batches 2 to 4 and 5 to 11 are no whole group; 12 to 31 are two; 32 to 36 are none; 37 to 41 wait for 42.
    assert launches == [0, 0, 0, 2, 2, 2]
    assert recorder.recorded == 1


def test_events_come_after_whole_groups() -> None:
    recorder = Recorder()
    loader = Batches(digits(64 * 250), 64, torch.Generator())
    args = (recorder.model, loader, nn.CrossEntropyLoss(), recorder.optimizer)
    ends = [event.batch for event in train(*args, steps=recorder.steps, interval=lambda: 0.02)]
    assert {1, 1 + PRINT_EVERY, 1 + 2 * PRINT_EVERY, 250} <= set(ends)
    assert all(end % GROUP == 1 for end in ends[:-1])
    assert recorder.launches == 24


def test_a_step_that_is_asked_for_by_itself_is_one_and_the_groups_go_on_where_they_would_have() -> None:
    recorder = Recorder()
    loader = Batches(digits(64 * 100), 64, torch.Generator())
    args = (recorder.model, loader, nn.CrossEntropyLoss(), recorder.optimizer)
    ends: list[int] = []
    for event in train(*args, steps=recorder.steps, interval=lambda: 0.0 if ends[-1:] == [21] else 0.02):
        ends.append(event.batch)
    assert ends[ends.index(21) + 1] in (22, 31)
    assert all(end % GROUP == 1 for end in ends[:-1] if end != 22)


def test_the_gradients_are_the_last_batchs_after_a_group_and_after_a_single_step() -> None:
    graphed, by_loop = Recorder(), Recorder()
    loaders = [Batches(digits(64 * 50), 64, torch.Generator().manual_seed(0)) for _ in range(2)]
    ours, theirs = map(iter, loaders)
    for count in (1, GROUP, 1, GROUP - 1, GROUP):
        graphed.steps(ours, count)
        for _ in range(count):  # one at a time there is nothing to replay
            by_loop.steps(theirs, 1)
        for one, other in zip(graphed.model.parameters(), by_loop.model.parameters(), strict=True):
            assert one.grad is not None and other.grad is not None
            assert torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-6)
        assert graphed.optimizer.param_groups[0]["lr"] == by_loop.optimizer.param_groups[0]["lr"]
        assert graphed.optimizer.steps == by_loop.optimizer.steps
    assert (graphed.launches, by_loop.launches) == (2, 0)


def test_other_batches_are_recorded_anew() -> None:
    recorder = Recorder()
    for size in (64, 32):
        batches = iter(Batches(digits(size * 30), size, torch.Generator().manual_seed(0)))
        recorder.steps(batches, 1 + GROUP)
    assert (recorder.recorded, recorder.launches) == (2, 2)


def test_batches_that_fill_no_group_need_no_memory_for_one() -> None:
    recorder = Recorder()
    batches = iter(Batches(digits(100), 2**31 - 1, torch.Generator().manual_seed(0)))
    assert recorder.steps(batches, 1).images == 100
    assert recorder.recorded == 0


def test_what_was_recorded_takes_the_same_steps_again_after_earlier_numbers_are_loaded() -> None:
    recorder = Recorder()
    loader = Batches(digits(64 * 50), 64, torch.Generator().manual_seed(0))
    model, optimizer, ends = recorder.model, recorder.optimizer, []
    saved = [copy.deepcopy(each.state_dict()) for each in (model, optimizer)]
    for _ in range(2):
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])
        assert loader.generator
        loader.generator.manual_seed(0)
        recorder.steps(iter(loader), 1 + 3 * GROUP)
        ends.append(digest({"model": model.state_dict(), "optimizer": optimizer.state_dict()}))
    assert ends[0] == ends[1]
    assert (recorder.recorded, recorder.launches) == (1, 6)
