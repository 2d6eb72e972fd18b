"""The quick ways to take steps, against the plain loop."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mlp_tui.config import PRINT_EVERY
from mlp_tui.training.data.datasets import Batches, Digits, read_split
from mlp_tui.training.loops import Stepped, Steps, take_steps, train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam, one_cycle
from mlp_tui.training.steps.by_hand import steps_by_hand
from mlp_tui.training.steps.graph import GROUP, GraphedSteps

from ..test_loops import digits

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")


def replayed(work: Callable[[], Stepped], restore: Callable[[], None]) -> tuple[Callable[[], None], Stepped]:
    """Stands in for CUDA's recording on a machine without: what is launched again is the work itself."""
    results = work()
    adam = next(cell.cell_contents for cell in work.__closure__ or () if isinstance(cell.cell_contents, Adam))

    def replay() -> None:
        steps = adam.steps
        again = work()
        adam.steps = steps  # a launch of CUDA's runs no Python
        results.losses.copy_(again.losses)
        results.correct.copy_(again.correct)

    return replay, results


def losses_of(
    steps: Steps, data: Digits, epochs: int = 1, device: str = "cpu", at_once: float = 1e9, total_steps: int = 0
) -> tuple[list[float], dict[str, Tensor]]:
    """The losses of all batches and the weights at the end, from the same start whatever the steps."""
    torch.manual_seed(0)
    model = MultiLayerPerceptron().to(device)
    optimizer = Adam(model.parameters(), lr=1e-2, total_steps=total_steps)
    loader = Batches(data.to(torch.device(device)), 64, torch.Generator().manual_seed(0))
    losses: list[float] = []
    for epoch in range(epochs):
        for event in train(
            model, loader, nn.CrossEntropyLoss(), optimizer, epoch=epoch, steps=steps, interval=lambda: at_once
        ):
            losses += event.losses
    return losses, {name: value.cpu() for name, value in model.state_dict().items()}


def test_steps_by_hand_come_to_the_plain_loops_losses_on_real_mnist(mnist_dir: Path) -> None:
    real = read_split(mnist_dir / "MNIST" / "raw", "train")
    data = Digits(real.images[: 200 * 64], real.labels[: 200 * 64])
    plain, by_hand = (losses_of(steps, data)[0] for steps in (take_steps, steps_by_hand))
    assert len(plain) == 200
    assert by_hand == pytest.approx(plain, abs=1e-4)


def test_steps_by_hand_leave_the_plain_loops_gradients_and_adams_state() -> None:
    states = []
    for steps in (take_steps, steps_by_hand):
        torch.manual_seed(0)
        model, data = MultiLayerPerceptron(), digits(70)
        optimizer = Adam(model.parameters(), lr=1e-2)
        stepped = steps(model, iter(Batches(data, 64)), 2, nn.CrossEntropyLoss(), optimizer)
        assert stepped.images == 70
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        states.append([*gradients, *(value["exp_avg_sq"] for value in optimizer.state.values()), stepped.correct])
    assert len(states[0]) == 4 + 4 + 1
    for plain, by_hand in zip(*states, strict=True):
        assert torch.allclose(plain, by_hand, rtol=1e-3, atol=1e-6)


def test_a_recorded_group_of_steps_trains_as_the_plain_loop_does() -> None:
    data = digits(64 * 137 + 5)  # groups, single batches, and a smaller last one
    total = 2 * 138
    plain, weights = losses_of(take_steps, data, epochs=2, total_steps=total)
    graphed, graphed_weights = losses_of(GraphedSteps(replayed), data, epochs=2, total_steps=total)
    assert len(graphed) == total
    assert graphed == pytest.approx(plain, abs=1e-4)  # the learning rates went through float32
    assert all(torch.allclose(value, graphed_weights[name], atol=1e-4) for name, value in weights.items())


def test_where_nothing_can_be_recorded_the_steps_are_taken_one_by_one() -> None:
    def refuse(work: object, restore: object) -> tuple[Callable[[], None], Stepped]:
        raise RuntimeError("operation not permitted when stream is capturing")

    data = digits(64 * 30)
    plain, _ = losses_of(take_steps, data)
    graphed, _ = losses_of(GraphedSteps(refuse), data)
    assert graphed == plain


@CUDA
def test_on_cuda_the_recorded_steps_train_as_the_plain_loop_does(mnist_dir: Path) -> None:
    real = read_split(mnist_dir / "MNIST" / "raw", "train")
    data = Digits(real.images[: 200 * 64], real.labels[: 200 * 64])
    plain, _ = losses_of(take_steps, data, device="cuda")
    graphed, _ = losses_of(GraphedSteps(), data, device="cuda")
    cpu, _ = losses_of(take_steps, data)
    assert graphed == pytest.approx(plain, abs=1e-4)
    assert graphed[:100] == pytest.approx(cpu[:100], abs=1e-3)


@pytest.mark.parametrize("steps", [take_steps, steps_by_hand])
def test_how_many_batches_an_event_speaks_of_changes_nothing(steps: Steps) -> None:
    data = digits(64 * 230)
    (one, first), (other, second) = (losses_of(steps, data, at_once=interval) for interval in (0.0, 1e9))
    assert one == other
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_event_comes_after_the_first_batch_and_at_each_landmark_of_the_notebook() -> None:
    torch.manual_seed(0)
    model = MultiLayerPerceptron()
    optimizer = Adam(model.parameters(), lr=1e-2)
    loader = Batches(digits(64 * 250), 64, torch.Generator())
    events = list(train(model, loader, nn.CrossEntropyLoss(), optimizer, steps=steps_by_hand, interval=lambda: 1e9))
    ends = [event.batch for event in events]
    assert {1, 1 + PRINT_EVERY, 1 + 2 * PRINT_EVERY, 250} <= set(ends)
    assert [len(event.losses) for event in events] == [b - a for a, b in pairwise([0, *ends])]
    assert max(len(event.losses) for event in events) > GROUP


def test_one_cycle_rises_to_half_of_the_learning_rate_and_falls_to_nothing() -> None:
    rates = [one_cycle(step / 1000) for step in range(1001)]
    top = rates.index(max(rates))
    assert top == 300 and max(rates) == 0.5
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] == pytest.approx(0.02) and rates[-1] == pytest.approx(0.0)


def test_the_optimizer_goes_through_the_cycle_and_goes_on_with_it_when_it_is_loaded() -> None:
    data, total = digits(64 * 20), 20
    torch.manual_seed(0)
    model = MultiLayerPerceptron()
    optimizer = Adam(model.parameters(), lr=1e-2, total_steps=total)
    loader = Batches(data, 64, torch.Generator())
    events = list(train(model, loader, nn.CrossEntropyLoss(), optimizer))
    assert [event.learning_rate for event in events] == [1e-2 * one_cycle(i / total) for i in range(total)]
    other = Adam(model.parameters(), lr=1e-2, total_steps=total)
    other.load_state_dict(optimizer.state_dict())
    assert (other.steps, other.rate) == (20, optimizer.rate)
