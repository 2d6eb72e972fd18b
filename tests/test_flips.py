"""Questions about the past of a real run: they are answered exactly, and nothing of the run changes."""

import hashlib
import random
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, Event, FlipFound, Flips, Influences, Moment, NoAnswer, RunFinished
from mlp_tui.session import Session
from mlp_tui.time_machine import TimeMachine
from mlp_tui.training.state import TrainingState
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.screens.flips import FlipsScreen
from mlp_tui.tui.screens.influences import InfluencesScreen
from mlp_tui.tui.screens.step import StepScreen


def session(data: Path, **settings: Any) -> Session:
    small: dict[str, Any] = {"epochs": 3, "hidden_sizes": (12,), "learning_rate": 0.002, "device": "cpu"}
    config = TrainingConfig(dataset="mnist", data_dir=data, runs_dir=Path("runs"), **(small | settings))
    return Session(config)


def bits(value: Any) -> str:
    """All that a state holds, as a digest: it is another one where a single bit differs."""
    if isinstance(value, TrainingState):
        return bits(value.state_dict())
    if isinstance(value, dict):
        value = [each for pair in value.items() for each in pair]
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.numpy().tobytes()).hexdigest()
    if isinstance(value, (list, tuple)):
        return hashlib.sha256(" ".join(map(bits, value)).encode()).hexdigest()
    return repr(value)


def never() -> bool:
    return False


def ask(past: TimeMachine, chance: random.Random) -> list[Event | None]:
    """A few questions about moments chosen at random, and walks between them."""
    earlier, later = sorted(chance.sample(range(past.last + 1), 2))
    answers: list[Event | None] = [past.flips(earlier, later, never)]
    if chance.random() < 0.5:
        answers.append(past.go(chance.randint(0, past.last)))
    index = chance.randrange(100)
    answers += [past.find_flip(index, earlier, later, never), past.influences(index, earlier, later, never)]
    assert None not in answers and not any(isinstance(answer, NoAnswer) for answer in answers)
    return answers


@pytest.mark.parametrize(
    "settings",
    [{}, {"dropout": 0.4, "schedule": "one-cycle"}, {"optimizer": "sgd", "momentum": 0.9, "validation": 0.2}],
    ids=["adam", "dropout", "sgd and validation"],
)
def test_a_run_that_was_asked_about_its_past_ends_with_the_same_bits(
    small_mnist: Path, settings: dict[str, Any]
) -> None:
    endings = []
    for asks in (False, True):
        run, chance = session(small_mnist, **settings), random.Random(1)
        kinds = set()
        for event in run.events(threading.Event()):
            if asks and isinstance(event, BatchFinished) and run.past and run.past.last > 1:
                kinds |= {type(answer) for answer in ask(run.past, chance)}
        assert isinstance(event, RunFinished) and event.reason == "completed" and run.past
        run.past.leave()
        endings.append(bits(run.past.state))
    assert endings[0] == endings[1] and {Flips, FlipFound, Influences, Moment} <= kinds


def finished(data: Path) -> tuple[Session, TimeMachine]:
    run = session(data)
    assert [event for event in run.events(threading.Event())]
    assert isinstance(run.past, TimeMachine)
    return run, run.past


def test_the_moment_on_show_stays_as_it_is(small_mnist: Path) -> None:
    _, past = finished(small_mnist)
    chance = random.Random(2)
    for step in (17, 10, 20, 3):
        past.go(step)
        state, before = past.state, bits(past.state)
        for question in (past.find_flip, past.influences):
            past.flips(2, 29, never)
            assert question(chance.randrange(1100), 1, 28, never) is not None
            assert past.state is state and bits(past.state) == before
        assert question(5, 1, 28, lambda: True) is None
        assert past.state is state and bits(past.state) == before


def test_what_goes_wrong_is_said_and_the_moment_on_show_stays(
    small_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, past = finished(small_mnist)
    past.go(9)
    state, before = past.state, bits(past.state)

    def fail(*arguments: object) -> None:
        past.replay.go(25)
        raise ZeroDivisionError("all of a sudden")

    monkeypatch.setattr("mlp_tui.training.flips.find_flip", fail)
    answer = past.find_flip(3, 0, 30, never)
    assert isinstance(answer, NoAnswer) and "all of a sudden" in answer.error
    assert past.state is state and bits(past.state) == before


async def test_in_the_dashboard_a_flip_leads_to_its_batch_and_to_what_taught_it(small_mnist: Path) -> None:
    app = TrainingApp(session(small_mnist))

    async def until(pilot: Pilot[None], kind: type) -> None:
        for _ in range(1000):
            await pilot.pause(0.02)
            if isinstance(app.screen, kind) and not (isinstance(app.screen, FlipsScreen) and not app.screen.flips):
                return
        raise AssertionError(f"no {kind.__name__} came")

    async with app.run_test(size=(120, 40)) as pilot:
        while app.control.phase != "ready":
            await pilot.pause(0.02)
        await pilot.press("s")
        while app.control.state.finished is None:
            await pilot.pause(0.02)
        await pilot.press("f")
        await until(pilot, FlipsScreen)
        screen, past = app.screen, app.control.source.past
        assert isinstance(screen, FlipsScreen) and screen.flips and isinstance(past, TimeMachine)
        assert (screen.flips.earlier, screen.flips.later) == (20, 30)
        index = screen.flips.indices[0]
        found = past.find_flip(index, 20, 30, never)
        await pilot.press("enter")
        await until(pilot, StepScreen)
        while not app.control.shown.step:
            await pilot.pause(0.02)
        assert isinstance(found, FlipFound) and found.step
        step = app.control.shown.step
        assert (step.epoch - 1) * 10 + step.batch == found.step
        await pilot.press("escape", "i")
        await until(pilot, InfluencesScreen)
        await pilot.pause()
        assert isinstance(app.screen, InfluencesScreen) and len(app.screen.cards.cards) > 5
