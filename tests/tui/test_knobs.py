"""What the keys do beyond start and stop: single steps, the learning rate, the chart, settings, comparison, tabs."""

import threading
import time
from collections.abc import Generator
from itertools import count
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig
from mlp_tui.events import Detail, Event, LearningRateChanged, RunFinished
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.listing import Run
from mlp_tui.runs.log import EventLog
from mlp_tui.training.schedule import next_rate
from mlp_tui.tui.keys import TABS
from mlp_tui.tui.screens.runs import RunPicker
from mlp_tui.tui.screens.step import StepScreen

from .. import made_up
from ..made_up import MadeUpSession
from .test_app import app_of, footer, reach, running


class Obedient(MadeUpSession):
    """Epochs of twenty batches, a batch an event; does what it is asked between them."""

    def __init__(self) -> None:
        super().__init__([])
        self.open = False
        self.rates: list[float] = []
        self.configs: list[TrainingConfig] = []

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        self.runs += 1
        self.configs.append(self.next_config)
        yield from made_up.opening()
        for number in count():
            epoch, batch = divmod(number, 20)
            if self.open:
                yield made_up.step_taken()
            yield made_up.batch(epoch + 1, batch + 1, 20, 0.5)
            if batch == 19:
                yield made_up.result(epoch + 1)
            if stop.wait(0.002):
                yield RunFinished("stopped", epoch, None, None, 0.1)
                return

    def set_detail(self, detail: Detail) -> None:
        self.open = detail == "steps"

    def change_learning_rate(self, direction: int) -> Event | None:
        self.rates.append(next_rate(self.rates[-1] if self.rates else 0.01, direction))
        return LearningRateChanged(1, 1, self.rates[-1])


def screen_text(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def test_n_trains_on_one_batch_and_shows_its_six_steps() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("n")
        while app.control.state.step is None:
            await pilot.pause(0.01)
        await pilot.pause(0.05)
        assert app.control.phase == "paused"
        assert app.control.state.batch and app.control.state.batch.batch == 1
        text = screen_text(pilot)
        for words in (
            "1 Fetch the next batch",
            "2 Zero the gradients",
            "3 Compute the outputs",
            "4 Compute the loss",
            "5 Backpropagation",
            "6 Gradient descent",
            "hidden.weight",
            "0.5123",
            "0.4311",
        ):
            assert words in text
        await pilot.press("n")
        while app.control.state.batch.batch != 2:
            await pilot.pause(0.01)
        await pilot.pause(0.1)
        assert app.control.state.batch.batch == 2
        await pilot.press("escape")
        assert not isinstance(app.screen, StepScreen)
        assert app.control.phase == "paused"


async def test_the_end_of_the_epoch_is_one_key_away() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("N")
        await reach(pilot, "paused")
        assert [row.epoch for row in app.control.state.rows] == [1]
        assert app.control.state.batch and app.control.state.batch.batch == 20
        await pilot.press("n", "N")  # out of the screen of the steps
        assert not isinstance(app.screen, StepScreen)
        while len(app.control.state.rows) < 2:
            await pilot.pause(0.01)
        await reach(pilot, "paused")
        await pilot.press("s")
        assert app.control.phase == "training"


async def test_go_on_leaves_the_screen_of_the_steps() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("n")
        while app.control.state.step is None:
            await pilot.pause(0.01)
        await pilot.press("s")
        assert (app.control.phase, isinstance(app.screen, StepScreen)) == ("training", False)


@pytest.mark.parametrize(("rate", "up", "down"), [(0.01, 0.02, 0.005), (0.003, 0.005, 0.002), (0.05, 0.1, 0.02)])
def test_learning_rates_go_by_ones_twos_and_fives(rate: float, up: float, down: float) -> None:
    assert (next_rate(rate, 1), next_rate(rate, -1)) == (up, down)


async def test_brackets_set_the_learning_rate_while_it_trains_and_the_chart_marks_it() -> None:
    session = Obedient()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("left_square_bracket")  # nothing is trained yet
        await pilot.press("s")
        while app.control.state.batch is None:
            await pilot.pause(0.01)
        await pilot.press("right_square_bracket")
        while not app.control.state.changes:
            await pilot.pause(0.01)
        assert session.rates == [0.02]
        app.draw()
        assert len(app.train.chart._curves.changes) == 1


async def test_each_number_opens_its_tab_and_so_does_a_click() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        for number, tab in reversed(list(enumerate(TABS, start=1))):
            await pilot.press(str(number))
            assert app.switcher.current == tab
            assert app.tab_bar._open == tab
        await pilot.click("#tab-bar", offset=(13, 0))
        assert app.switcher.current == "digits"


async def test_a_tab_that_is_not_open_is_not_drawn() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("3", "s")
        drawn: list[str] = []
        for name in ("chart", "table", "grid", "sparkline"):
            setattr(getattr(app.train, name), "show", lambda *_, name=name: drawn.append(name))  # noqa: B010
        for name, tab in app.tabs.items():
            setattr(tab, "show_often", lambda _, name=name: drawn.append(name))  # noqa: B010
            setattr(tab, "show", lambda _, name=name: drawn.append(name))  # noqa: B010
        app.draw()
        await pilot.pause(0.3)
        assert set(drawn) == {"mistakes"}


async def test_a_tab_that_is_opened_draws_what_it_asks_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answering(Obedient):
        def weights(self) -> Event | None:
            return made_up.weights()

    monkeypatch.setattr("mlp_tui.tui.tabs.weights.WeightsTab.seconds", 1000.0)
    async with running(Answering(), (160, 48)) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        while app.control.state.batch is None:
            await pilot.pause(0.01)
        await pilot.press("4")
        deadline = time.monotonic() + 10
        while "100 hidden units" not in screen_text(pilot):
            assert time.monotonic() < deadline, "the answer waits for the next drawing, 1000 s later"
            await pilot.pause(0.01)
        assert app.control.phase == "training"


async def test_a_pause_draws_all_that_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.tabs.train.TrainTab.seconds", 1000.0)
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        while len(app.control.state.rows) < 2:
            await pilot.pause(0.01)
        await pilot.press("s")
        while not app.control.worker.paused or app.control.state.batch is None:
            await pilot.pause(0.01)
        await pilot.pause(0.4)
        assert len(app.train.table._rows) == len(app.control.state.rows) >= 2


async def test_the_list_of_runs_is_not_read_by_the_thread_that_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[str] = []

    def slow(*arguments: object, **options: object) -> tuple[list[Run], int]:
        readers.append(threading.current_thread().name)
        released.wait(10)
        return [], 0

    released = threading.Event()
    monkeypatch.setattr("mlp_tui.tui.screens.runs.list_runs", slow)
    async with running(Obedient()) as pilot:
        await reach(pilot, "ready")
        await pilot.press("c")
        await pilot.pause(0.1)
        assert "Reading the runs in runs" in screen_text(pilot)  # and keys are answered meanwhile
        released.set()
        while "There is no other run" not in screen_text(pilot):
            await pilot.pause(0.01)
    assert readers and threading.main_thread().name not in readers


async def test_the_charts_keys() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("s")
        while not app.control.state.rows:
            await pilot.pause(0.01)
        await pilot.press("s")
        before = (app.train.chart.smooth, app.train.chart.logarithmic, app.train.chart.recent)
        await pilot.press("e", "l", "h")
        assert (app.train.chart.smooth, app.train.chart.logarithmic, app.train.chart.recent) == tuple(
            not value for value in before
        )
        assert "Last batches" in str(app.train.chart.border_title)
        await pilot.press("h", "left")
        assert "loss 0.5000" in str(app.train.chart.border_title)
        at = app.train.chart.cursor
        await pilot.press("left")
        assert app.train.chart.cursor is not None and at is not None and app.train.chart.cursor < at
        await pilot.press("right", "right")  # out at the end
        assert app.train.chart.cursor is None
        assert "train" in str(app.train.chart.border_title)
        await pilot.press("2", "e")
        assert app.train.chart.smooth is not before[0]  # its keys are the first tab's alone


async def test_the_settings_of_the_next_run_are_taken_at_once_while_nothing_is_trained() -> None:
    session = Obedient()
    async with running(session) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("o", "home", "shift+end", "7", "enter")
        await reach(pilot, "ready")
        while session.runs < 2:
            await pilot.pause(0.01)
        await reach(pilot, "ready")
        assert [config.epochs for config in session.configs] == [5, 7]
        await pilot.press("s")
        await reach(pilot, "training")
        await pilot.press("o", "home", "shift+end", "9", "enter")
        await pilot.pause(0.1)
        assert (app.control.phase, session.runs) == ("training", 2)  # the run under way goes on
        await pilot.press("r")
        await reach(pilot, "training")
        while session.runs < 3:
            await pilot.pause(0.01)
        assert session.configs[-1].epochs == 9


async def test_another_run_can_be_put_behind_this_one() -> None:
    folder = RunFolder(Path("runs/mnist-20260101-110000"))
    folder.write_config(TrainingConfig().as_dict())
    log = EventLog(folder.events)
    events: list[Event] = [made_up.run_started(), made_up.batch(1, 469, 938, 0.7), made_up.result(1)]
    for event in events:
        log.add(event)
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        await pilot.press("c")
        while not isinstance(app.screen, RunPicker) or app.screen.reading:
            await pilot.pause(0.01)
        await pilot.press("enter")
        while app.train.chart.other is None:
            await pilot.pause(0.01)
        assert app.train.chart.other is not None
        name, train, tests = app.train.chart.other
        assert (name, [loss for _, loss in train], tests) == (folder.name, [0.7], [(1.0, 0.24)])
        assert folder.name in str(app.train.chart.border_title)


async def test_the_summary_stays_when_the_run_is_over() -> None:
    end = RunFinished("completed", 2, 0.12, 0.94, 2.0)
    events = [*made_up.opening(), *made_up.epoch(1), *made_up.mistakes(1), *made_up.epoch(2), *made_up.mistakes(2)]
    async with running(MadeUpSession(events, end)) as pilot:
        await pilot.press("s")
        app = await reach(pilot, "completed")
        await pilot.pause(0.05)
        lines = app.control.summary()
        assert lines[0] == "2 epochs in 0:02, 80,000 images/s"
        assert lines[1] == "Test accuracy 94.00%, best 94.00% (epoch 2)."
        assert lines[2] == "Most often wrong: 4 read as 9 (15 times), 3 as 5 (13), 7 as 2 (11)."
        text = screen_text(pilot)
        assert "Most often wrong: 4 read as 9" in text and "Loss of each batch" not in text


async def test_the_theme_goes_from_dark_to_light_and_back() -> None:
    async with running(Obedient()) as pilot:
        app = await reach(pilot, "ready")
        background = app.screen.styles.background
        await pilot.press("t")
        await pilot.pause(0.05)
        assert app.screen.styles.background.brightness > 0.5 > background.brightness
        await pilot.press("t")
        await pilot.pause(0.05)
        assert app.screen.styles.background == background


async def test_every_key_is_listed_with_the_tabs_own() -> None:
    async with running(Obedient(), size=(160, 60)) as pilot:
        await reach(pilot, "ready")
        await pilot.press("question_mark")
        await pilot.pause(0.05)
        text = screen_text(pilot)
        for words in ("train on one batch", "learning rate", "settings of the next run", "another run's loss"):
            assert words in text
        for tab in ("Digits", "Mistakes", "Weights", "Draw"):
            assert f"In {tab}" in text


@pytest.mark.parametrize("size", [(160, 48), (120, 40), (80, 24), (60, 20)])
async def test_the_line_of_keys_always_has_room_for_help_and_quit(size: tuple[int, int]) -> None:
    async with running(Obedient(), size) as pilot:
        app = app_of(pilot)
        await reach(pilot, "ready")
        await pilot.press("n", "escape", "5")
        await pilot.pause(0.05)
        last = screen_text(pilot).split("\n")[-1]
        assert "? Keys" in last and last.rstrip().endswith("q Quit")
        assert "s Continue" in last or size[0] < 80
        assert footer(app)["s"] == "Continue"
