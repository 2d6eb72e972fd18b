"""The learning rate of each step."""

import pytest
import torch
from torch import nn, optim

from mlp_tui.training.data.batches import Batches
from mlp_tui.training.loops import train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.schedule import Schedule, next_rate, one_cycle

from .test_loops import digits


def test_one_cycle_rises_to_half_of_the_learning_rate_and_falls_to_nothing() -> None:
    rates = [one_cycle(step / 1000) for step in range(1001)]
    top = rates.index(max(rates))
    assert top == 300 and max(rates) == 0.5
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] == pytest.approx(0.02) and rates[-1] == pytest.approx(0.0)


def test_a_schedule_takes_its_share_of_the_rate_that_is_set() -> None:
    constant, cycle = Schedule(0.01), Schedule(0.01, "one-cycle", 10)
    assert [constant.rate_at(step) for step in (0, 3, 100)] == [0.01] * 3
    assert [cycle.rate_at(step) for step in range(10)] == [0.01 * one_cycle(step / 10) for step in range(10)]
    cycle.base_rate = 0.02
    assert cycle.rate_at(3) == 0.02 * 0.5


def test_the_optimizer_takes_each_step_at_its_own_rate_and_the_events_say_so() -> None:
    total = 20
    torch.manual_seed(0)
    model = MultiLayerPerceptron()
    optimizer = Adam(model.parameters(), lr=1e-2, schedule=Schedule(1e-2, "one-cycle", total))
    loader = Batches(digits(64 * total), 64, torch.Generator())
    events = list(train(model, loader, nn.CrossEntropyLoss(), optimizer))
    assert [event.learning_rate for event in events] == [1e-2 * one_cycle(i / total) for i in range(total)]
    other = Adam(model.parameters(), lr=1e-2)
    other.load_state_dict(optimizer.state_dict())
    assert other.steps == total


def test_the_events_say_the_rate_of_any_optimizer_of_torch() -> None:
    model = MultiLayerPerceptron()
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    (event,) = train(model, Batches(digits(64), 64), nn.CrossEntropyLoss(), optimizer)
    assert event.learning_rate == 0.3


def test_the_next_rate_is_1_2_or_5_times_a_power_of_ten() -> None:
    rate, up = 0.01, []
    for _ in range(4):
        up.append(rate := next_rate(rate, 1))
    assert up == [0.02, 0.05, 0.1, 0.2]
    assert [next_rate(0.01, -1), next_rate(0.013, -1), next_rate(0.013, 1)] == [0.005, 0.01, 0.02]
    assert next_rate(500.0, 1) == 500.0 and next_rate(1e-8, -1) == 1e-8
