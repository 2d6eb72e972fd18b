"""The hidden units: their pictures, the chosen one, and the keys and the mouse that choose it."""

import dataclasses
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from mlp_tui.events import Event, RunFinished, Watched, Weights
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.tabs.weights import WeightsTab
from mlp_tui.tui.widgets.hidden_units import longest, page, share
from mlp_tui.tui.widgets.lines import Lines

from ... import made_up
from ...made_up import MadeUpSession

Compare = Callable[..., bool]

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)

# A page of units


@pytest.mark.parametrize("count", [1, 3, 12, 100, 2000])
@pytest.mark.parametrize(("width", "height"), [(130, 43), (90, 35), (50, 16), (30, 12), (6, 4)])
def test_a_page_fits_into_its_room(width: int, height: int, count: int) -> None:
    (wide, high), columns, rows, _ = page(width, height, count)
    assert 1 <= columns * (wide + 1) - 1 <= width
    assert 1 <= rows * (high + 1) <= height


def test_pictures_are_as_large_as_all_units_allow() -> None:
    assert page(90, 35, 1)[0] == (28, 14)
    assert page(90, 35, 12)[0] == (20, 10)
    for width, height in ((130, 42), (90, 34)):
        _, columns, rows, _ = page(width, height, 100)
        assert columns * rows >= 100
    assert page(50, 16, 100)[:3] == ((8, 4), 5, 3)


def test_there_is_always_room_for_one_unit() -> None:
    assert page(1, 0, 100)[:3] == ((6, 3), 1, 1)


# The chosen unit


def test_the_longest_bar_is_that_of_the_largest_finite_weight() -> None:
    assert longest([(0.1, -0.7), (0.5, math.nan)]) == 0.7
    assert longest([(0.0, 0.0)]) == 1.0


def test_a_unit_that_is_hardly_ever_on_is_not_called_off() -> None:
    assert share(0.43) == "on for 43 %"
    assert share(0.001) == "on for <1 %"
    assert share(1.0) == "on for 100 %"


# In the dashboard


def session(weights: Weights | None = None) -> MadeUpSession:
    """A run in its third epoch, which goes no further."""
    return MadeUpSession(
        [*made_up.opening(), *islice(made_up.epoch(3), 400), weights or made_up.weights()],
        hold=True,
    )


async def open_tab(pilot: Pilot[None]) -> None:
    """Starts the run, and opens the tab once the weights are there."""
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while app.control.state.weights is None:
        await pilot.pause(0.02)
    await pilot.press("4")
    await pilot.pause()


@asynccontextmanager
async def opened(
    weights: Weights | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[None], WeightsTab]]:
    app = TrainingApp(session(weights))
    async with app.run_test(size=size) as pilot:
        await open_tab(pilot)
        tab = app.tabs["weights"]
        assert isinstance(tab, WeightsTab)
        yield pilot, tab
        app.control.worker.close()
        assert app.control.worker.join(5)


def text_of(tab: WeightsTab) -> str:
    """What the tab shows; its own lines where the units are not on show."""
    parts: list[Lines] = [part for part in (tab.page, tab.detail) if part.display] or [tab]
    return "\n".join("  ".join(part.render_line(y).text for part in parts) for y in range(tab.size.height))


async def test_the_arrows_choose_a_unit() -> None:
    async with opened() as (pilot, tab):
        assert "Unit 1 " in text_of(tab)
        await pilot.press("right", "right", "left", "right")
        assert tab.chosen == 2
        assert "Unit 3 " in text_of(tab)
        await pilot.press("down")
        below = tab.chosen
        assert below > 10
        await pilot.press("up", "up")
        assert tab.chosen == 2
        await pilot.press("pageup", "left")
        assert tab.chosen == 0
        await pilot.press("pagedown", "right", "down")
        assert tab.chosen == 99


async def test_pages_are_turned_where_there_are_more_units_than_fit() -> None:
    async with opened(size=(80, 24)) as (pilot, tab):
        assert "Hidden units 1-15 of 100" in text_of(tab)
        await pilot.press("pagedown")
        assert "Hidden units 16-30 of 100" in text_of(tab)
        assert tab.chosen == 15
        await pilot.press("up")
        assert "Hidden units 1-15 of 100" in text_of(tab)
        await pilot.press(*["pagedown"] * 7)
        assert "Hidden units 91-100 of 100" in text_of(tab)


async def test_a_click_chooses_the_unit_under_it() -> None:
    async with opened(size=(80, 24)) as (pilot, tab):
        lines = text_of(tab).split("\n")
        y = next(y for y, line in enumerate(lines) if " 7 " in line)
        x = lines[y].index("7")
        await pilot.click(tab, offset=(x, y - 2))
        assert tab.chosen == 6
        await pilot.click(tab, offset=(79, 5))
        await pilot.click(tab, offset=(2, 0))
        assert tab.chosen == 6


async def test_a_dead_unit_is_marked_and_counted() -> None:
    async with opened() as (_, tab):
        assert "✗ 5 dead" in text_of(tab)
        assert "✗ 17 " in text_of(tab)
        tab.action_move(16)
        assert "dead: on for no test digit" in text_of(tab)
        tab.action_move(1)
        assert "dead: on for no test digit" not in text_of(tab)


async def test_only_what_is_new_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as (pilot, tab):
        app = pilot.app
        assert isinstance(app, TrainingApp)
        drawn: list[Region] = []
        for part in (tab.page, tab.detail):
            monkeypatch.setattr(part, "refresh", lambda *regions: drawn.extend(regions))
        tab.show(app.control.state)
        app.control.state.add(made_up.weights())
        tab.show(app.control.state)
        assert not drawn
        old = made_up.weights()
        app.control.state.add(dataclasses.replace(old, incoming=(*old.incoming[:-1], old.incoming[0])))
        tab.show(app.control.state)
        # The last unit's picture, and the rows of the large picture are as they were.
        assert drawn
        assert all(region.y > 20 for region in drawn)


async def test_another_run_may_have_fewer_units() -> None:
    async with opened() as (pilot, tab):
        app = pilot.app
        assert isinstance(app, TrainingApp)
        await pilot.press("end")
        app.control.state.add(made_up.weights(units=1))
        tab.show(app.control.state)
        assert tab.chosen == 0
        assert "1 hidden unit " in text_of(tab)


async def test_it_survives_weights_that_are_not_finite() -> None:
    old = made_up.weights()
    broken = dataclasses.replace(old, scale=math.nan, outgoing=((math.nan, math.inf, *old.outgoing[0][2:]),) * 100)
    async with opened(broken) as (_, tab):
        assert "+nan" in text_of(tab)


@pytest.mark.parametrize("units", [1, 2000])
async def test_every_size_of_the_terminal_can_be_drawn(units: int) -> None:
    async with opened(made_up.weights(units)) as (pilot, tab):
        for size in ((1, 1), (4, 6), (20, 9), (37, 16), (38, 17), (200, 60), (60, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            lines = text_of(tab).split("\n")
            assert {len(line) for line in lines} == {tab.size.width}


async def test_the_pictures_follow_the_theme() -> None:
    async with opened() as (pilot, tab):
        dark = tab.page.render_line(3)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        light = tab.page.render_line(3)
        assert dark.text == light.text
        assert list(dark) != list(light)


async def test_marks_take_the_place_of_colours_where_there_are_none() -> None:
    app = TrainingApp(session())
    app.no_color = True
    async with app.run_test(size=(80, 24)) as pilot:
        await open_tab(pilot)
        tab = app.tabs["weights"]
        assert isinstance(tab, WeightsTab)
        text = text_of(tab)
        assert "░▒▓█ ink here switches it on" in text
        assert text.count("=") > 10
        app.control.worker.close()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "as soon as the model is loaded"),
        (made_up.opening()[:-1], "as soon as the model is loaded"),
        (made_up.opening(), "The model is asked for its weights."),
        ([*made_up.opening(), RunFinished("stopped", 1, None, None, 0.1)], "The run has ended"),
        ([*made_up.opening(), Watched(live=True, age=3.0)], "once a minute"),
        ([*made_up.opening(), Watched(live=False, age=3.0)], "The run has ended"),
    ],
)
async def test_it_says_why_there_are_no_units_to_see(events: list[Event], words: str) -> None:
    state = RunState()
    for event in events:
        state.add(event)
    async with opened() as (pilot, tab):
        tab.show(state)
        await pilot.pause()
        assert words in " ".join(text_of(tab).split())
        state.add(made_up.weights())
        tab.show(state)
        await pilot.pause()
        assert "100 hidden units" in text_of(tab)


# Pictures of the whole screen


@SIZES
def test_the_units(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def choose(pilot: Pilot[None]) -> None:
        await open_tab(pilot)
        await pilot.press("right", "right")

    assert snap_compare(TrainingApp(session()), terminal_size=size, run_before=choose)


@SIZES
def test_the_units_in_ascii(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(session()), terminal_size=size, run_before=open_tab)


def test_the_units_in_16_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert snap_compare(TrainingApp(session()), terminal_size=(80, 24), run_before=open_tab)


def test_a_dead_unit(snap_compare: Compare) -> None:
    async def choose(pilot: Pilot[None]) -> None:
        await open_tab(pilot)
        await pilot.press("pagedown", "right")

    assert snap_compare(TrainingApp(session()), terminal_size=(80, 24), run_before=choose)
