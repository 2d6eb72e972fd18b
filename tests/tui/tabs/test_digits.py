"""The Digits tab: what it draws, what its keys do, and pictures of it."""

import math
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from itertools import islice

import pytest
from textual.pilot import Pilot

from mlp_tui.events import BatchFinished, Event, Predictions
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.tabs.digits import (
    PICTURE,
    DigitsTab,
    axis,
    by_column,
    grid_height,
    loss_of,
    mark,
)

from ... import made_up
from ...made_up import LABELS, MadeUpSession
from ..test_pictures import SIZES, Compare


def learnt(trained: float) -> Predictions:
    """What a model makes of the examples after so many epochs: ever surer of most labels, wrong of three."""
    probabilities = []
    for i, label in enumerate(LABELS):
        sure = 7 * (1 - math.exp(-(1 + i % 4) * trained))
        logits = [1.5 * math.sin(i + digit * 2.1 + trained * (3 + digit % 3)) for digit in range(10)]
        logits[label] += sure
        logits[(label + 5) % 10] += sure * (1.1 if i in (2, 13, 17) else 0.7 * math.exp(-trained))
        total = sum(map(math.exp, logits))
        probabilities.append(tuple(math.exp(logit) / total for logit in logits))
    return Predictions(tuple(row.index(max(row)) for row in probabilities), tuple(probabilities))


def learning(epochs: int = 3, last: int = 400) -> Iterator[Event]:
    """A run up to batch `last` of that epoch, with the examples looked at every 100 batches."""
    yield from made_up.opening()[:-1]
    yield learnt(0.0)
    for number in range(1, epochs + 1):
        for event in islice(made_up.epoch(number), last if number == epochs else None):
            yield learnt(number) if isinstance(event, Predictions) else event
            if isinstance(event, BatchFinished) and event.batch % 100 == 1:
                yield learnt(number - 1 + event.batch / event.batches)


def look(*probabilities: float) -> Predictions:
    """Predictions of a single example."""
    return Predictions((0,), (probabilities,))


# What is drawn, without an app


def test_the_past_holds_the_latest_look_and_leaves_what_is_to_come_empty() -> None:
    first, second, third = look(0.1), look(0.2), look(0.3)
    columns = by_column([(0.0, first), (1.0, second), (1.9, third)], 8, epochs=4)
    assert columns == [first, second, second, third, None, None, None, None]
    assert by_column([(0.0, first)], 8, epochs=4) == [first, *[None] * 7]
    assert by_column([(4.0, first)], 1, epochs=4) == [first]
    assert by_column([], 3, epochs=4) == [None] * 3
    assert by_column([(0.0, first)], 0, epochs=4) == []


def test_a_past_that_begins_late_is_empty_before() -> None:
    late = look(0.5)
    assert by_column([(2.0, late), (3.0, late)], 4, epochs=4) == [None, late, late, None]


def test_an_epoch_stands_over_the_column_where_it_is_reached() -> None:
    assert axis(5, 30) == "0     1     2     3     4     5"
    assert axis(5, 10) == "0         5"
    assert axis(100, 20) == "0         50      100"
    assert axis(5, 0) == " "


def test_the_label_and_the_prediction_have_marks_and_the_loss_says_how_it_comes_about() -> None:
    assert mark(4, 4, 4, UNICODE) == ("▸✓ ", "best")
    assert mark(4, 4, 9, UNICODE) == ("▸  ", "best")
    assert mark(9, 4, 9, UNICODE) == (" ✗ ", "wrong")
    assert mark(3, 4, 9, UNICODE) == ("   ", "")
    assert mark(9, 4, 9, ASCII) == (" x ", "wrong")
    assert loss_of(0.5) == "0.693 = -ln 0.5"
    assert loss_of(0.0) == "inf = -ln 0"
    assert loss_of(math.nan) == "nan = -ln nan"
    assert len(f"   loss {loss_of(1.01e-10)}") <= PICTURE[0] + 1  # it fits under the picture


@pytest.mark.parametrize(
    ("size", "height"), [((158, 43), 16), ((118, 35), 12), ((80, 20), 5), ((60, 16), 1), ((1, 1), 1), ((60, 26), 10)]
)
def test_the_small_digits_leave_room_for_the_large_one(size: tuple[int, int], height: int) -> None:
    assert grid_height(*size, 20) == height


# The app


@asynccontextmanager
async def opened(
    events: list[Event], size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[None], DigitsTab]]:
    """The app with these events told, and the tab open."""
    app = TrainingApp(MadeUpSession(events))
    async with app.run_test(size=size) as pilot:
        await pilot.press("s")
        await until_told(pilot)
        await pilot.press("2")
        await pilot.pause()
        yield pilot, app.query_one(DigitsTab)
        app.control.worker.close()
        assert app.control.worker.join(5)


async def until_told(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    deadline = time.monotonic() + 10
    while app.control.state.finished is None:
        assert time.monotonic() < deadline
        await pilot.pause(0.02)
    await pilot.pause()


def screen(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def test_the_arrows_choose_a_digit_and_stay_within_the_grid() -> None:
    async with opened(list(learning())) as (pilot, tab):
        for key, place in [
            ("left", 0), ("up", 0), ("right", 1), ("down", 11), ("down", 11), ("up", 1), ("left", 0),
            ("down", 10), *(("right", place) for place in range(11, 20)), ("right", 19), ("down", 19), ("left", 18),
        ]:  # fmt: skip
            await pilot.press(key)
            assert tab.chosen == place
            assert f"Digit {place + 1} of 20" in screen(pilot)
            assert f"label {LABELS[place]}" in screen(pilot)


async def test_a_click_chooses_a_digit() -> None:
    async with opened(list(learning())) as (pilot, tab):
        await pilot.click(DigitsTab, offset=(1 + 2 * 12 + 5, 3))  # the third of the first row
        assert tab.chosen == 2
        await pilot.click(DigitsTab, offset=(1 + 5, 1 + 6 + 3))  # the first of the second row
        assert tab.chosen == 10
        await pilot.click(DigitsTab, offset=(30, 30))
        assert tab.chosen == 10


async def test_a_strip_of_small_digits_goes_with_the_chosen_one() -> None:
    async with opened(list(learning()), (80, 24)) as (pilot, tab):
        captions = [f"{digit} ({digit})" for digit in LABELS]  # the first 4 among them is the eleventh digit
        assert captions[10] not in screen(pilot)
        await pilot.press(*["right"] * 10)
        assert captions[10] in screen(pilot)
        await pilot.click(DigitsTab, offset=(9, 2))  # the second of those on show, which are 2 to 10
        assert tab.chosen == 3


async def test_it_says_what_the_model_makes_of_the_digit_and_how_that_moved() -> None:
    chances = [(0.0,) * 4 + (1 - x,) + (0.0,) * 4 + (x,) for x in (0.125, 0.875)]
    first, last = (Predictions((9,) * 20, (chance,) * 20) for chance in chances)
    events = [*made_up.opening()[:-1], first, made_up.batch(3, 500, 1000, 0.3), last]
    async with opened(events, (60, 20)) as (pilot, _):
        lines = screen(pilot).splitlines()
        assert any("▸✓ 9  ▂▂▂▂▆" in line and " 88%" in line for line in lines)
        assert any("   4  ▆▆▆▆▂" in line and " 12%" in line for line in lines)
        assert "✓ prediction 9" in screen(pilot)
        assert "loss 0.134 = -ln 0.875" in screen(pilot)
        await pilot.press("right")
        assert "✗ prediction 9" in screen(pilot)
        assert "loss inf = -ln 0" in screen(pilot)


async def test_the_chosen_digit_stays_chosen_when_the_predictions_change() -> None:
    async with opened(list(learning())) as (pilot, tab):
        await pilot.press("down", "right")
        app = pilot.app
        assert isinstance(app, TrainingApp)
        app.control.state.add(Predictions((3,) * 20, ((0.0, 0.0, 0.0, 1.0, *[0.0] * 6),) * 20))
        app.draw()
        await pilot.pause()
        assert tab.chosen == 11
        assert "Digit 12 of 20" in screen(pilot)
        assert "✗ prediction 3" in screen(pilot)
        assert "100.0%" in screen(pilot)


async def test_before_there_are_digits_it_says_when_they_come() -> None:
    async with opened([]) as (pilot, tab):
        assert "The test digits appear as soon as they are loaded." in screen(pilot)
        await pilot.press("right", "down")
        assert tab.chosen == 0


async def test_digits_without_predictions_and_without_finite_ones_are_drawn() -> None:
    async with opened(made_up.opening()[:-1]) as (pilot, _):
        assert "label 9" in screen(pilot) and "prediction" not in screen(pilot)
        app = pilot.app
        assert isinstance(app, TrainingApp)
        app.control.state.add(Predictions((0,) * 20, ((math.nan,) * 10,) * 20))
        app.draw()
        await pilot.pause()
        assert "nan%" in screen(pilot)


async def test_nothing_is_drawn_again_when_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(list(learning())) as (pilot, tab):
        app = pilot.app
        assert isinstance(app, TrainingApp)
        drawn: list[object] = []
        for widget in (tab, tab.grid, tab.detail):
            monkeypatch.setattr(widget, "refresh", lambda *args, **kwargs: drawn.append(args))
        tab.show(app.control.state)
        assert drawn == []
        app.control.state.add(learnt(2.9))
        tab.show(app.control.state)
        assert drawn != []


async def test_a_new_run_does_not_show_how_the_run_before_it_learned() -> None:
    async with opened(list(learning())) as (pilot, tab):
        seen = tab.detail.render_line(2).text
        state = RunState()
        for event in (*made_up.opening()[:-1], learnt(3)):
            state.add(event)  # the same digits and predictions, with no past
        tab.show(state)
        await pilot.pause()
        assert tab.detail.render_line(2).text != seen


async def test_it_can_be_resized_to_any_size_and_keeps_the_chosen_digit_in_view() -> None:
    async with opened(list(learning(1, 101)), (80, 24)) as (pilot, tab):
        await pilot.press(*["right"] * 19)
        for columns, rows in [(160, 48), (1, 1), (60, 30), (40, 12), (20, 8), (100, 30), (80, 24)]:
            await pilot.resize_terminal(columns, rows)
            await pilot.pause(0.02)
        assert tab.chosen == 19
        assert f"({LABELS[19]})" in screen(pilot).splitlines()[7].split("  ")[-1]


# Pictures


async def open_tab(pilot: Pilot[None]) -> None:
    """Opens the tab on a digit that is read wrong, with all told."""
    await pilot.press("s")
    app = pilot.app
    assert isinstance(app, TrainingApp)
    while app.control.state.batch is None or (app.control.state.batch.epoch, app.control.state.batch.batch) != (3, 400):
        await pilot.pause(0.02)
    await pilot.press("2", "right", "right")
    app.draw()
    await pilot.pause()


class HeldSession(MadeUpSession):
    """A run in its third epoch, which tells its latest batch over and over."""

    def __init__(self) -> None:
        super().__init__(list(learning()))

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        yield from self._events
        while not stop.wait(0.05):
            yield self._events[-1]
        yield self._end


@SIZES
def test_a_digit_that_is_read_wrong(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(HeldSession()), terminal_size=size, run_before=open_tab)


@SIZES
def test_a_digit_that_is_read_wrong_in_ascii(
    snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(HeldSession()), terminal_size=size, run_before=open_tab)


def test_a_digit_in_16_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert snap_compare(TrainingApp(HeldSession()), terminal_size=(80, 24), run_before=open_tab)
