"""The hidden units: their pictures, the chosen one, and the keys and the mouse that choose it."""

import dataclasses
import math
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from mlp_tui.events import Event, Past, Watched, Weights
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.watch import WatchedRun
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE, Glyphs
from mlp_tui.tui.pictures.weights import block, in_blocks, in_marks, resized, usual
from mlp_tui.tui.tabs.weights import WeightsTab, arrange, bar, longest, share

from ... import made_up
from ...made_up import MadeUpSession

Compare = Callable[..., bool]

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)

UPPER_FOR = bytes([228] * 392 + [28] * 392)
"""A unit that ink in the upper half switches on, and ink in the lower half keeps off: 100 and -100."""


# Pictures


@pytest.mark.parametrize("width", [6, 8, 20, 28, 56])
def test_a_picture_has_the_mean_of_the_pixels_under_each_cell(width: int) -> None:
    (means,) = resized([UPPER_FOR], width, 4).tolist()
    assert means == [[100.0] * width] * 2 + [[-100.0] * width] * 2
    assert resized([UPPER_FOR], 1, 1).tolist() == [[[0.0]]]


def test_a_cell_has_one_colour_above_the_middle_of_its_range_and_another_below() -> None:
    [[[code]]] = in_blocks([UPPER_FOR], 1, 1, full=100.0)
    segment = block(code, 1, dark=True)
    assert segment.text == "▀"
    assert segment.style is not None and segment.style.color is not None and segment.style.bgcolor is not None
    red, _, blue = segment.style.color.get_truecolor()
    assert red > blue
    red, _, blue = segment.style.bgcolor.get_truecolor()
    assert red < blue


def test_a_plain_cell_is_blank_in_one_colour_and_equal_cells_are_one_segment() -> None:
    rows = in_blocks([UPPER_FOR], 4, 2, full=100.0)[0]
    assert [len(set(row)) for row in rows] == [1, 1]
    assert block(rows[0][0], 4, dark=True).text == "    "


def test_weights_beyond_the_fullest_colour_get_the_fullest_colour() -> None:
    assert in_blocks([UPPER_FOR], 2, 2, full=10.0) == in_blocks([UPPER_FOR], 2, 2, full=100.0)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_marks_above_zero_and_below_it_have_no_character_in_common(glyphs: Glyphs) -> None:
    below, zero, above = glyphs.marks[:4], glyphs.marks[4], glyphs.marks[5:]
    assert not set(below) & set(above)
    assert zero not in below + above
    assert len(below) == len(above)


def test_marks_are_denser_for_heavier_weights() -> None:
    (lines,) = in_marks([UPPER_FOR], 3, 2, 100.0, ASCII)
    assert lines == ["###", "==="]
    (lines,) = in_marks([UPPER_FOR], 3, 2, 400.0, ASCII)
    assert lines == ["+++", "---"]


def test_the_usual_weight_is_that_of_units_all_along() -> None:
    assert usual([UPPER_FOR] * 1000) == 100.0
    assert usual([bytes([128] * 784)]) == 1.0
    assert 60 < usual([UPPER_FOR] * 500 + [bytes([128] * 784)] * 500) < 80


@pytest.mark.parametrize("count", [1, 3, 12, 100, 2000])
@pytest.mark.parametrize(("width", "height"), [(130, 43), (90, 35), (50, 16), (30, 12), (6, 4)])
def test_a_page_fits_into_its_room(width: int, height: int, count: int) -> None:
    (wide, high), columns, rows = arrange(width, height, count)
    assert 1 <= columns * (wide + 1) - 1 <= width
    assert 1 <= rows * (high + 1) <= height


def test_pictures_are_as_large_as_all_units_allow() -> None:
    assert arrange(90, 35, 1)[0] == (28, 14)
    assert arrange(90, 35, 12)[0] == (20, 10)
    for width, height in ((130, 42), (90, 34)):
        _, columns, rows = arrange(width, height, 100)
        assert columns * rows >= 100
    assert arrange(50, 16, 100) == ((8, 4), 5, 3)


def test_there_is_always_room_for_one_unit() -> None:
    assert arrange(1, 0, 100) == ((6, 3), 1, 1)


# The chosen unit


def test_a_bar_goes_left_for_a_negative_weight_and_right_for_a_positive_one() -> None:
    assert bar(0.5, 4, UNICODE) == ("    ", "██  ")
    assert bar(-0.5, 4, UNICODE) == ("  ██", "    ")
    assert bar(-0.375, 4, UNICODE) == ("  ▐█", "    ")
    assert bar(0.125, 4, UNICODE) == ("    ", "▌   ")
    assert bar(1.0, 4, ASCII) == ("    ", "####")


@pytest.mark.parametrize("part", [math.nan, math.inf, 0.0])
def test_a_bar_of_nothing_keeps_its_width(part: float) -> None:
    assert bar(part, 4, UNICODE) == ("    ", "    ")


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
    return "\n".join(tab.render_line(y).text for y in range(tab.size.height))


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
        await pilot.press("home", "left")
        assert tab.chosen == 0
        await pilot.press("end", "right", "down")
        assert tab.chosen == 99


async def test_pages_are_turned_where_there_are_more_units_than_fit() -> None:
    async with opened(size=(80, 24)) as (pilot, tab):
        assert "Hidden units 1-15 of 100" in text_of(tab)
        await pilot.press("pagedown")
        assert "Hidden units 16-30 of 100" in text_of(tab)
        assert tab.chosen == 15
        await pilot.press("up")
        assert "Hidden units 1-15 of 100" in text_of(tab)
        await pilot.press("end")
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
        monkeypatch.setattr(tab, "refresh", lambda *regions: drawn.extend(regions))
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
        dark = tab.render_line(3)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        light = tab.render_line(3)
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


async def test_it_says_what_will_come(tmp_path: Path) -> None:
    class Seen(WatchedRun):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            yield Past((*made_up.opening()[1:], *islice(made_up.epoch(1), 300)))
            yield Watched(live=True, age=3.0)
            stop.wait()

    for run, words in (
        (MadeUpSession(made_up.opening()), "as soon as the model is loaded"),
        (Seen(RunFolder(tmp_path)), "once a minute"),
    ):
        app = TrainingApp(run)
        async with app.run_test(size=(120, 40)) as pilot:
            while app.control.phase == "loading":
                await pilot.pause(0.02)
            await pilot.press("4")
            tab = app.tabs["weights"]
            assert isinstance(tab, WeightsTab)
            assert words in text_of(tab)
            app.control.worker.close()


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
