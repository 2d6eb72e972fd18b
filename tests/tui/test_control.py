"""What the keys do to the run, and the phase that it is in: without an app, so that a test says what happens when."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import get_args

import pytest
from textual.message import Message

from mlp_tui.config import TrainingConfig
from mlp_tui.events import Event, LearningRateChanged, RunFinished
from mlp_tui.runs.source import EventSource
from mlp_tui.tui.control import RunControl
from mlp_tui.tui.phases import DRIVING, PHASES, Phase
from mlp_tui.tui.worker import Emitted

from .. import made_up


class Slow(EventSource):
    """Loads while `loading` is held, trains a batch at a time while `batches` lets it, saves while `saving` is held."""

    trains = True

    def __init__(self) -> None:
        self.config = self.next_config = TrainingConfig()
        self.loading, self.batches, self.saving = threading.Lock(), threading.Semaphore(0), threading.Lock()
        self.configs: list[TrainingConfig] = []
        self.rate = 0.01

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        self.configs.append(self.next_config)
        with self.loading:
            opening = made_up.opening()
        for event in opening:
            yield event
            if stop.is_set():
                yield RunFinished("stopped", 0, None, None, 0.0)
                return
        number = 0
        while not stop.is_set():
            if self.batches.acquire(timeout=0.01):
                number += 1
                yield made_up.batch(1, number, 1_000_000, 0.3)
        with self.saving:
            yield RunFinished("stopped", number, None, None, 0.1)

    def change_learning_rate(self, direction: int) -> Event | None:
        self.rate *= 2.0**direction
        return LearningRateChanged(1, 1, self.rate)


@contextmanager
def controlled(source: Slow) -> Iterator[tuple[RunControl, Callable[[Phase], None]]]:
    """A control whose messages are taken as they come, each batch at once, and a wait for a phase."""
    control = RunControl(source, lambda message: None)

    def post(message: Message) -> None:
        assert isinstance(message, Emitted)
        control.take(message)
        control.drawn()

    control.worker._post = post

    def reach(phase: Phase) -> None:
        deadline = time.monotonic() + 10
        while control.phase != phase:
            assert time.monotonic() < deadline, f"still {control.phase}, not {phase}"
            time.sleep(0.005)

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("mlp_tui.tui.worker.POST_SECONDS", 0.0)
    control.begin()
    try:
        yield control, reach
    finally:
        monkeypatch.undo()
        control.worker.close()
        assert control.worker.join(10)


def test_the_table_has_a_row_for_each_phase_and_a_method_or_a_screen_for_each_key() -> None:
    phases = {value for part in get_args(Phase) for value in (get_args(part) or (part,))}
    assert set(PHASES) == phases
    assert {key for key in DRIVING if not hasattr(RunControl, key)} == {"walk", "settings", "detach", "branch", "go_on"}


def test_what_a_key_does_follows_the_phase() -> None:
    with controlled(Slow()) as (control, reach):
        reach("ready")
        assert {key for key in DRIVING if control.allows(key)} == {"start", "step", "epoch", "change_pace", "settings"}
        control.start()
        assert not control.allows("start") and control.allows("pause") and control.allows("detach")
        assert control.allows("theme")  # what does not drive the run, a key always can do


def test_a_start_is_taken_back_while_it_loads() -> None:
    source = Slow()
    source.loading.acquire()
    with controlled(source) as (control, reach):
        control.start()
        assert control.phase == "starting" and control.allows("pause")
        control.pause()
        source.loading.release()
        reach("ready")


def test_a_stop_right_after_a_restart_stops_the_new_run_while_the_old_one_is_still_being_saved() -> None:
    source = Slow()
    with controlled(source) as (control, reach):
        reach("ready")
        control.start()
        source.batches.release()
        while control.state.batch is None:
            time.sleep(0.005)
        with source.saving:
            control.restart()
            control.stop()
            time.sleep(0.05)
            assert control.phase == "stopping"
        reach("stopped")
        assert len(source.configs) == 2
        assert control.state.batch is None  # nothing of the old run is shown
        control.restart()
        reach("training")
        assert len(source.configs) == 3


def test_many_restarts_at_once_end_in_one_run_that_trains() -> None:
    source = Slow()
    with controlled(source) as (control, reach):
        reach("ready")
        control.start()
        for _ in range(5):
            control.restart()
        reach("training")
        source.batches.release()
        deadline = time.monotonic() + 10
        while control.state.batch is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert control.phase == "training"
        assert control.state.finished is None


def test_settings_taken_while_it_loads_are_those_of_the_run_that_is_loaded() -> None:
    source = Slow()
    source.loading.acquire()
    with controlled(source) as (control, reach):
        control.take_settings(TrainingConfig(epochs=7))
        assert control.phase == "loading"
        source.loading.release()
        reach("ready")
        assert source.configs[-1].epochs == 7
        assert len(source.configs) == 2
        control.start()
        assert "The next run" in control.take_settings(TrainingConfig(epochs=9))
        assert len(source.configs) == 2


def test_settings_taken_while_a_start_waits_for_the_loading_keep_the_start() -> None:
    source = Slow()
    source.loading.acquire()
    with controlled(source) as (control, reach):
        control.start()
        control.take_settings(TrainingConfig(epochs=7))
        source.loading.release()
        reach("training")
        assert source.configs[-1].epochs == 7


def test_four_presses_are_four_changes_of_the_rate_however_quickly_they_come() -> None:
    source = Slow()
    with controlled(source) as (control, reach):
        reach("ready")
        control.start()
        for _ in range(4):
            control.change_rate(-1)
        assert control.state.changes == []  # no batch yet: the questions wait for the training's thread
        source.batches.release()
        deadline = time.monotonic() + 10
        while len(control.state.changes) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert source.rate == 0.01 / 2**4


def test_a_step_is_the_batch_after_the_one_under_way() -> None:
    source = Slow()
    details: list[str] = []
    with controlled(source) as (control, reach):
        source.set_detail = details.append  # type: ignore[assignment]
        reach("ready")
        control.start()
        source.batches.release()
        while control.state.batch is None:
            time.sleep(0.005)
        control.pause()
        control.step()
        source.batches.release(10)
        deadline = time.monotonic() + 10
        while not ("steps" in details and control.worker.paused):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(0.05)
        assert control.state.batch.batch == 3
        assert control.phase == "paused"


def batches_of(control: RunControl) -> int:
    return control.state.batch.batch if control.state.batch else 0


def wait_for(true: Callable[[], object]) -> float:
    """Waits until something is true; the seconds that it took."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() < started + 10
        time.sleep(0.002)
    return time.monotonic() - started


def test_the_training_keeps_the_pace_that_is_set() -> None:
    source = Slow()
    source.batches.release(10_000)
    with controlled(source) as (control, reach):
        reach("ready")
        for _ in range(4):
            control.change_pace(-1)
        assert control.state.pace == 10
        control.start()
        assert 0.7 < wait_for(lambda: batches_of(control) >= 10) < 3
        control.change_pace(1)
        before = batches_of(control)
        assert 0.7 < wait_for(lambda: batches_of(control) >= before + 30) < 3
        for _ in range(5):  # no further than full speed
            control.change_pace(1)
        assert control.state.pace == 0
        before = batches_of(control)
        assert wait_for(lambda: batches_of(control) >= before + 1000) < 3


@pytest.mark.parametrize("what", ["pause", "stop", "pace", "question"])
def test_nothing_waits_for_a_slow_batch(what: str) -> None:
    source = Slow()
    source.batches.release(10_000)
    with controlled(source) as (control, reach):
        reach("ready")
        control.state.pace = 1
        control.worker.set_pace(1)
        control.start()
        wait_for(lambda: batches_of(control) == 2)
        answered = threading.Event()
        match what:
            case "pause":
                control.pause()
                control.worker.ask(lambda: answered.set())
            case "stop":
                control.stop()
            case "pace":
                control.worker.set_pace(0)
            case "question":
                control.worker.ask(lambda: answered.set())
        done = {
            "pause": answered.is_set,
            "stop": lambda: control.state.finished,
            "pace": lambda: batches_of(control) > 100,
            "question": answered.is_set,
        }
        assert wait_for(done[what]) < 0.7
        assert what != "question" or batches_of(control) == 2


def test_what_is_told_of_the_steps_follows_the_pace() -> None:
    source = Slow()
    told: list[str] = []
    source.set_detail = told.append  # type: ignore[assignment]
    source.batches.release(10_000)
    with controlled(source) as (control, reach):
        reach("ready")
        control.start()
        for pace, detail in ((0, "groups"), (300, "batches"), (100, "batches"), (30, "steps"), (1, "steps")):
            control.worker.set_pace(pace)
            told.clear()
            wait_for(lambda: told[-1:] == [detail])  # noqa: B023


def test_a_batch_in_detail_waits_until_the_one_before_is_drawn() -> None:
    source = Slow()
    source.batches.release(10_000)
    with controlled(source) as (control, reach):
        reach("ready")
        post = control.worker._post
        control.drawn = lambda: None  # type: ignore[method-assign]
        control.worker.set_pace(30)
        control.start()
        wait_for(lambda: batches_of(control) == 1)
        time.sleep(0.2)
        assert batches_of(control) == 1
        control.worker.drawn()
        wait_for(lambda: batches_of(control) == 2)
        time.sleep(0.2)
        assert batches_of(control) == 2
        control.worker.set_pace(300)
        wait_for(lambda: batches_of(control) > 10)
        assert control.worker._post is post


def test_the_predictions_after_a_step_come_in_one_message_with_its_batch() -> None:
    messages: list[tuple[Event, ...]] = []
    step = (made_up.step_taken(), made_up.predictions(1), made_up.batch(2, 301, 938, 0.3))
    session = made_up.MadeUpSession([*made_up.opening(), *step, *step])
    control = RunControl(session, lambda message: messages.append(message.events), pace=30)  # type: ignore[attr-defined]
    control.begin()
    control.start()
    wait_for(lambda: step in messages)
    control.drawn()
    wait_for(lambda: messages.count(step) == 2)
    control.worker.close()
    assert control.worker.join(10)
