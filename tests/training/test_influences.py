"""What taught a network its readings, against what happens where it is left out."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlp_tui.events import BatchSkipped, LearningRateChanged
from mlp_tui.training.influences import loss_changes, weigh

from .test_flips import MARKS, STEPS, never, probabilities, replay

SMALL_STEPS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "learning_rate": 1e-3},
    "momentum": {"optimizer": "sgd", "learning_rate": 1e-4, "momentum": 0.9},
    "adam": {"learning_rate": 1e-5},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-5},
    "one-cycle": {"learning_rate": 1e-5, "schedule": "one-cycle"},
    "smoothed": {"optimizer": "sgd", "learning_rate": 1e-3, "label_smoothing": 0.2, "activation": "tanh"},
}


@pytest.mark.parametrize("settings", SMALL_STEPS.values(), ids=SMALL_STEPS)
def test_the_effects_of_all_examples_add_up_to_what_happened(settings: dict[str, Any]) -> None:
    run = replay(**settings)
    for index in (0, 7, 19):
        answer = weigh(run, index, 0, STEPS, never)
        assert answer and answer.trained == 750
        assert abs(answer.after - answer.before) > 1e-5
        assert answer.total == pytest.approx(answer.after - answer.before, rel=0.05)


def moved_by(example: int, step: int, last: int, index: int, settings: dict[str, Any]) -> float:
    """How much more probable the reading of a held-out example is for a training example of the batch of a step.

    Without it the batch is trained on, and the batches after it until the last step, all in the same epoch.
    """
    ends = []
    for left_out in (-1, example):
        run = replay(**settings)
        run.go(step - 1)
        state, epoch = run.state, (step - 1) // 8
        if state.totals.batches == state.batches:
            state.end_epoch()
        orders = torch.Generator().manual_seed(0)
        batches = torch.split([torch.randperm(250, generator=orders) for _ in range(epoch + 1)][-1], 32)
        for number in range(step, last + 1):
            rows = batches[(number - 1) % 8]
            state.optimizer.zero_grad()
            logits = state.model(state.as_taken(MARKS.train.inputs[rows]))
            losses = F.cross_entropy(logits, MARKS.train.labels[rows], reduction="none")
            kept = losses[rows != left_out] if number == step else losses
            torch.autograd.backward(kept.sum() / len(rows))
            state.optimizer.step()
        ends.append(probabilities(state, MARKS)[index])
    return float((ends[0] - ends[1])[ends[0].argmax()])


@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "sgd", "learning_rate": 0.05}, {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02}],
    ids=["sgd", "momentum"],
)
def test_without_an_example_of_a_batch_the_probability_moves_as_much_the_other_way(settings: dict[str, Any]) -> None:
    run = replay(**settings)
    for step, index in ((1, 0), (4, 5), (6, 31)):
        answer = weigh(run, index, step - 1, step, never)
        assert answer and set(answer.steps) == {step} and answer.trained == 32
        raised = [effect for effect in answer.effects if effect > 0]
        lowered = [effect for effect in answer.effects if effect < 0]
        assert raised == sorted(raised)[::-1] and lowered == sorted(lowered)
        assert list(answer.effects) == raised + lowered and raised and lowered
        for place in (0, 1, len(raised)):
            moved = moved_by(answer.indices[place], step, step, index, settings)
            assert moved == pytest.approx(answer.effects[place], rel=0.1)


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 0.01}, {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}],
    ids=["adam", "adamw"],
)
def test_at_adams_large_steps_too_the_strongest_effects_are_in_the_right_direction(settings: dict[str, Any]) -> None:
    run = replay(**settings)
    said, happened = [], []
    for index in range(0, 333, 12):
        answer = weigh(run, index, 8, 14, never)
        assert answer
        for place in (0, sum(effect > 0 for effect in answer.effects)):
            said.append(answer.effects[place])
            happened.append(moved_by(answer.indices[place], answer.steps[place], 14, index, settings))
    agree = sum((one > 0) == (other > 0) for one, other in zip(said, happened, strict=True))
    assert agree >= 0.9 * len(said)
    assert torch.corrcoef(torch.tensor([said, happened]))[0, 1] > 0.8


def test_the_named_examples_are_those_of_their_batches() -> None:
    answer = weigh(replay(), 3, 6, 16, never)
    assert answer and answer.trained == 250 - 6 * 32 + 8 * 32 - 6
    orders = torch.Generator().manual_seed(0)
    batches = [batch.tolist() for _ in range(3) for batch in torch.split(torch.randperm(250, generator=orders), 32)]
    assert len(answer.indices) == 12 and len({*answer.steps}) > 2
    for index, label, step, pixels in zip(answer.indices, answer.labels, answer.steps, answer.pixels, strict=True):
        assert 6 < step <= 16 and index in batches[step - 1]
        assert label == MARKS.train.labels[index] and pixels == bytes(MARKS.train.inputs[index].flatten().tolist())


def test_a_skipped_batch_taught_nothing_and_a_changed_rate_counts() -> None:
    journal = [BatchSkipped(1, 3), LearningRateChanged(1, 5, 0.0)]
    settings: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.05}
    answer = weigh(replay(journal=journal, **settings), 3, 2, 7, never)
    assert answer and answer.trained == 4 * 32
    # What was trained at a rate of nothing did nothing.
    assert set(answer.steps) == {3, 5}


class Once(torch.autograd.Function):
    """A part of a network that can be differentiated once, and backward alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.where(ctx.saved_tensors[0] > 0, 0)


class Part(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        read: Tensor = Once.apply(x)
        return read


def network(part: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 12), nn.BatchNorm1d(12), part, nn.Dropout(0.5), nn.Linear(12, 5)
    ).requires_grad_()


def test_any_network_has_effects_and_stays_as_it_is() -> None:
    inputs, labels = torch.randn(20, 6, 6), torch.randint(5, (20,))
    changes = []
    for part in (nn.ReLU(), Part()):
        model = network(part)
        before = {name: each.clone() for name, each in model.state_dict().items()}
        weights = {name: each.detach().clone() for name, each in (*model.named_parameters(), *model.named_buffers())}
        generator = torch.Generator().manual_seed(4)
        direction = {name: torch.randn(each.shape, generator=generator) for name, each in model.named_parameters()}
        changes.append(loss_changes(model, weights, direction, inputs, labels, 0.1))
        assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
        assert model.training and not changes[-1].requires_grad
    assert torch.allclose(changes[0], changes[1], atol=1e-6)
    # Against what the losses do on a short way there.
    model = network(nn.ReLU()).double().eval()
    ends = []
    for way in (-1e-6, 1e-6):
        moved = {name: each + way * direction[name].double() for name, each in model.named_parameters()}
        logits = torch.func.functional_call(model, moved, (inputs.double(),))
        ends.append(F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1))
    assert torch.allclose((ends[1] - ends[0]) / 2e-6, changes[0].double(), atol=1e-3)
