"""The tab to draw a digit on: the pad, its pen, and the model's answer."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from textual.events import Key, MouseDown, MouseEvent, MouseMove, MouseUp
from textual.pilot import Pilot

from mlp_tui.events import Drawing, Event, Past, RunFinished, Watched
from mlp_tui.headless.characters import SIDE
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.watch import WatchedRun
from mlp_tui.training.data.centring import centred
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE, Glyphs
from mlp_tui.tui.pictures.numerals import numeral
from mlp_tui.tui.tabs.draw import DrawTab
from mlp_tui.tui.widgets.pad import Pad, pixel_cells, trace

from ... import made_up
from ...made_up import MadeUpSession
from ..test_app import app_of
from ..test_pictures import SIZES, Compare

Pixel = tuple[int, int]

SEVEN = ((7, 6), (20, 6), (13, 22))
ANSWER = (0.004, 0.012, 0.061, 0.016, 0.002, 0.003, 0.001, 0.862, 0.009, 0.03)


@pytest.fixture(autouse=True)
def quick_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about how often the training tells."""
    monkeypatch.setattr("mlp_tui.tui.worker.POST_SECONDS", 0.01)


class ReadingSession(MadeUpSession):
    """A run in its second epoch, with a model that takes every drawing for a 7."""

    def __init__(self, answer: tuple[float, ...] = ANSWER) -> None:
        super().__init__([*made_up.opening(), made_up.batch(2, 300, 938, 0.31)], hold=True)
        self.answer = answer
        self.asked: list[bytes] = []

    def read_drawing(self, pixels: bytes) -> Event | None:
        self.asked.append(pixels)
        return Drawing(centred(pixels) or bytes(784), self.answer)


def tab_of(app: TrainingApp) -> DrawTab:
    tab = app.tabs["draw"]
    assert isinstance(tab, DrawTab)
    return tab


def tell(app: TrainingApp, kind: type[MouseEvent], pixel: Pixel, button: int = 1) -> None:
    """Tells the app what a terminal tells of the mouse over that pixel of the pad."""
    pad = tab_of(app).pad.content_region
    across, down = (2.0, 1.0) if pad.width == 2 * SIDE else (1.0, 0.5)
    x, y = pad.x + int(pixel[0] * across), pad.y + int(pixel[1] * down)
    app.post_message(kind(None, x, y, 0, 0, button, False, False, False, x, y))


def draw(app: TrainingApp, *corners: Pixel, button: int = 1) -> None:
    """Draws a stroke with the mouse, fast: one event a corner."""
    tell(app, MouseDown, corners[0], button)
    for corner in corners[1:]:
        tell(app, MouseMove, corner, button)
    tell(app, MouseUp, corners[-1], button)


async def open_tab(pilot: Pilot[None], *drawn: Pixel) -> DrawTab:
    """Opens the tab, and waits for the answer to what is drawn."""
    app = app_of(pilot)
    while app.control.phase == "loading":
        await pilot.pause(0.01)
    await pilot.press("5")
    if drawn:
        draw(app, *drawn)
        session = app.control.source
        assert isinstance(session, ReadingSession)
        while app.control.state.drawing is None or session.asked[-1] != tab_of(app).pad.pixels:
            await pilot.pause(0.01)
        tell(app, MouseMove, (0, 0), button=0)
    await pilot.pause()
    return tab_of(app)


@asynccontextmanager
async def drawing(
    session: MadeUpSession, *drawn: Pixel, size: Pixel = (120, 40)
) -> AsyncIterator[tuple[Pilot[None], DrawTab]]:
    app = TrainingApp(session)
    async with app.run_test(size=size) as pilot:
        yield pilot, await open_tab(pilot, *drawn)
        app.control.worker.close()
        assert app.control.worker.join(5)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Presses keys as fast as a terminal tells them when one is held; Pilot waits after each."""
    for key in keys:
        pilot.app.post_message(Key(key, None))
    await pilot.pause(0.02)


def screen(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


def seen(tab: DrawTab) -> set[Pixel]:
    """The bright pixels of the drawing as the model got it."""
    return {(i % SIDE, i // SIDE) for i, value in enumerate(tab._seen._pixels) if value > 127}


def ink(tab: DrawTab, x: int, y: int) -> int:
    return tab.pad.pixels[y * SIDE + x]


# The pen


def drawn(*corners: tuple[float, float]) -> bytes:
    pixels = bytearray(SIDE * SIDE)
    for start, end in pairwise(corners):
        trace(pixels, start, end)
    return bytes(pixels)


def test_the_pen_is_round_and_soft_and_two_pixels_wide() -> None:
    line = drawn((4.5, 14.5), (23.5, 14.5))
    across = [line[y * SIDE + 14] for y in range(SIDE)]
    assert sum(across) == pytest.approx(2 * 255, abs=2)
    assert 0 < across[13] < 255 == across[14]
    assert line[14 * SIDE + 2] == 0


def test_the_eraser_takes_the_ink_away() -> None:
    pixels = bytearray(drawn((4.5, 14.5), (23.5, 14.5)))
    trace(pixels, (4.5, 14.5), (23.5, 14.5), erase=True)
    assert not any(pixels)


def test_a_line_beyond_the_pad_is_cut_off_at_its_edge() -> None:
    line = drawn((-40.0, 14.5), (60.0, 14.5))
    assert line[14 * SIDE] == line[15 * SIDE - 1] == 255
    assert not any(drawn((-9.0, -9.0), (-9.0, 60.0)))


# What is drawn in characters


def test_a_pixel_is_two_cells_wide_or_half_a_cell_high() -> None:
    pixels = bytearray(784)
    pixels[0:2] = b"\xff\xff"
    pixels[SIDE] = 255
    large = [cell.text for cell in pixel_cells(pixels, 0, True, UNICODE, False)]
    small = [cell.text for cell in pixel_cells(pixels, 0, False, UNICODE, False)]
    assert (large[:3], len(large)) == (["██", "██", "  "], SIDE)
    assert (small[:3], len(small)) == (["█", "▀", " "], SIDE)
    assert [cell.text for cell in pixel_cells(pixels, 0, False, ASCII, False)][:3] == ["@", "@", " "]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["blocks", "ascii"])
@pytest.mark.parametrize(("width", "height", "size"), [(26, 16, (20, 14)), (14, 9, (10, 7)), (3, 3, (10, 7))])
def test_a_numeral_is_as_large_as_there_is_room(width: int, height: int, size: Pixel, glyphs: Glyphs) -> None:
    numerals = [numeral(digit, width, height, glyphs) for digit in range(10)]
    assert all((len(lines[0]), len(lines)) == size for lines in numerals)
    assert len({"".join(lines) for lines in numerals}) == 10


# Drawing


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_mouse_draws_a_line_between_two_events(size: Pixel) -> None:
    async with drawing(ReadingSession(), size=size) as (pilot, tab):
        draw(app_of(pilot), (4, 10), (23, 10))
        await pilot.pause()
        assert all(ink(tab, x, 10) for x in range(4, 24))
        assert not ink(tab, 14, 14)


async def test_the_mouse_draws_while_a_button_is_held_alone() -> None:
    async with drawing(ReadingSession(), (4, 4), (8, 4)) as (pilot, tab):
        app = app_of(pilot)
        before = bytes(tab.pad.pixels)
        tell(app, MouseMove, (20, 20), button=0)
        await pilot.pause()
        assert bytes(tab.pad.pixels) == before
        tell(app, MouseDown, (10, 20))
        tell(app, MouseMove, (12, 20), button=0)  # it was let go of where the terminal could not see it
        tell(app, MouseMove, (20, 20))
        await pilot.pause()
        assert ink(tab, 10, 20) and not ink(tab, 20, 20)


async def test_the_right_button_erases() -> None:
    async with drawing(ReadingSession(), (4, 10), (23, 10)) as (pilot, tab):
        draw(app_of(pilot), (14, 2), (14, 25), button=3)
        await pilot.pause()
        assert ink(tab, 6, 10) and ink(tab, 21, 10) and not ink(tab, 14, 10)


async def test_the_arrows_move_the_pen_and_draw_where_space_has_put_it_down() -> None:
    async with drawing(ReadingSession()) as (pilot, tab):
        await press(pilot, "right", "space", "down", "down", "left", "space", "left", "left")
        assert ink(tab, 15, 14) == ink(tab, 15, 16) == ink(tab, 14, 16) == 255
        assert not ink(tab, 12, 16)
        assert app_of(pilot).control.phase == "ready"  # space starts and pauses on the other tabs
        await press(pilot, "s")
        assert app_of(pilot).control.phase == "training"


async def test_the_footer_and_the_frame_say_whether_the_pen_is_down() -> None:
    async with drawing(ReadingSession()) as (pilot, tab):

        def space() -> str:
            return pilot.app.active_bindings["space"].binding.description

        assert (space(), tab.pad.border_title) == ("Pen down", "You draw")
        await press(pilot, "space")
        assert (space(), tab.pad.border_title) == ("Pen up", "You draw, pen down")
        draw(app_of(pilot), (4, 4), (8, 4))  # the mouse takes the pen
        await pilot.pause()
        assert (space(), tab.pad.border_title) == ("Pen down", "You draw")


async def test_the_pen_stays_on_the_pad() -> None:
    async with drawing(ReadingSession()) as (pilot, tab):
        for key in ("up", "left", "down", "right"):
            await press(pilot, "space", *[key] * 30, "space")
        assert ink(tab, 14, 0) and ink(tab, 0, 0) and ink(tab, 0, 27) and ink(tab, 27, 27)


async def test_strokes_are_undone_one_by_one_and_so_is_clearing() -> None:
    async with drawing(ReadingSession(), *SEVEN) as (pilot, tab):
        seven = bytes(tab.pad.pixels)
        draw(app_of(pilot), (10, 14), (20, 14))
        await pilot.pause()
        barred = bytes(tab.pad.pixels)
        assert barred != seven
        await press(pilot, "k")
        assert not any(tab.pad.pixels)
        await press(pilot, "u")
        assert tab.pad.pixels == barred
        await press(pilot, "u")
        assert tab.pad.pixels == seven
        await press(pilot, "u", "u")
        assert not any(tab.pad.pixels)


# The answer


async def test_the_answer_is_shown_with_the_likeliest_digit_large() -> None:
    async with drawing(ReadingSession(), *SEVEN) as (pilot, _):
        lines = screen(pilot).splitlines()
        (winning,) = (line for line in lines if "★" in line)
        assert "★ 7 ━━━━" in winning and "86.2%" in winning
        for number, line in enumerate(numeral(7, 20, 14)):
            assert line.strip() in lines[lines.index(next(line for line in lines if "It reads" in line)) + 2 + number]


async def test_the_model_is_asked_ten_times_a_second_at_most_and_about_the_last_of_the_ink() -> None:
    session = ReadingSession()
    async with drawing(session) as (pilot, tab):
        started = time.monotonic()
        app = app_of(pilot)
        tell(app, MouseDown, (2, 2))
        for i in range(100):
            tell(app, MouseMove, (2 + i % 24, 2 + i // 4))
            if i % 10 == 0:
                await pilot.pause(0.02)
        tell(app, MouseUp, (2, 2))
        final = None
        while not session.asked or session.asked[-1] != final:
            await pilot.pause(0.02)
            final = bytes(tab.pad.pixels)
        assert len(session.asked) <= (time.monotonic() - started) / 0.1 + 2


async def test_a_model_that_learns_is_asked_again_about_the_same_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.tabs.draw.LEARNING_SECONDS", 0.15)
    monkeypatch.setattr("mlp_tui.tui.app.SLOW_SECONDS", {"draw": 0.0})

    class Learning(ReadingSession):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            yield from made_up.opening()
            number = 0
            while not stop.wait(0.02):
                number += 1
                yield made_up.batch(2, number, 1_000_000, 0.3)
            yield RunFinished("stopped", 0, None, None, 0.1)

    session = Learning()
    async with drawing(session, *SEVEN) as (pilot, _):
        started = time.monotonic()
        await press(pilot, "s")
        await asyncio.sleep(0.6)
        assert 3 <= len(session.asked) <= (time.monotonic() - started) / 0.15 + 3
        await press(pilot, "s")
        await pilot.pause(0.3)
        asked = len(session.asked)
        await pilot.pause(0.3)
        assert len(session.asked) == asked  # a model that does not learn has no more to say


async def test_an_answer_that_comes_after_the_pad_was_cleared_is_not_shown() -> None:
    async with drawing(ReadingSession(), *SEVEN) as (pilot, tab):
        late = app_of(pilot).control.state.drawing
        await press(pilot, "k")
        assert "86.2%" not in screen(pilot)  # at once, before the app has heard of it
        await pilot.pause(0.15)
        app_of(pilot).control.state.drawing = late
        tab.show(app_of(pilot).control.state)
        await pilot.pause()
        assert "86.2%" not in screen(pilot)
        assert "Draw a digit with the mouse" in screen(pilot)
        assert not seen(tab)


async def test_what_an_eraser_leaves_is_no_drawing() -> None:
    session = ReadingSession()
    async with drawing(session, *SEVEN) as (pilot, tab):
        tab.pad.pixels[:] = bytes(10 * (value > 0) for value in tab.pad.pixels)
        tab.pad.post_message(Pad.Changed())
        await pilot.pause(0.15)
        assert app_of(pilot).control.state.drawing is None
        assert "Draw a digit with the mouse" in screen(pilot)


async def test_the_model_gets_the_ink_as_it_is_and_what_it_made_of_that_is_shown() -> None:
    session = ReadingSession()
    async with drawing(session, (2, 2), (2, 12)) as (_, tab):
        assert session.asked[-1] == tab.pad.pixels
        assert {x for x, _ in seen(tab)} <= {12, 13, 14, 15}  # a stroke at the left edge, centred


async def test_an_answer_to_an_earlier_drawing_is_shown_until_the_next_one_comes() -> None:
    session = ReadingSession()
    async with drawing(session, *SEVEN) as (pilot, tab):
        session.read_drawing = lambda pixels: None  # type: ignore[method-assign]  # no answer yet
        draw(app_of(pilot), (3, 3), (9, 3))
        app_of(pilot).control.state.drawing = made_up.drawing(2)
        tab.show(app_of(pilot).control.state)
        await pilot.pause(0.15)
        assert "★ 2" in screen(pilot)
        app_of(pilot).control.state.drawing = made_up.drawing(5)
        tab.show(app_of(pilot).control.state)
        await pilot.pause()
        assert "★ 5" in screen(pilot)


async def test_a_new_run_has_its_own_answer_to_a_drawing_that_stays() -> None:
    session = ReadingSession()
    async with drawing(session, *SEVEN) as (pilot, _):
        await pilot.press("s")
        session.answer = (0.99, *(0.001,) * 9)
        await pilot.press("r")
        while "★ 0" not in screen(pilot):
            assert "★ 7" not in screen(pilot)
            await pilot.pause(0.02)


async def test_a_model_whose_weights_are_not_finite_has_no_answer() -> None:
    async with drawing(ReadingSession((math.nan,) * 10), *SEVEN) as (pilot, _):
        assert "The model has no answer" in screen(pilot)
        assert "nan" not in screen(pilot)


async def test_before_there_is_a_model_the_tab_says_so() -> None:
    app = TrainingApp(MadeUpSession([], hold=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        draw(app, *SEVEN)
        await pilot.pause(0.05)
        assert "There is no model yet." in screen(pilot)
        app.control.worker.close()


async def test_it_can_be_drawn_on_at_any_size_and_resized_between() -> None:
    async with drawing(ReadingSession(), *SEVEN) as (pilot, tab):
        for size in ((160, 48), (1, 1), (80, 24), (9, 9), (60, 20), (40, 12), (120, 40)):
            await pilot.resize_terminal(*size)
            await press(pilot, "space", "right", "space")
        assert ink(tab, 13 + 7, 22)


# Pictures


async def draw_seven(pilot: Pilot[None]) -> None:
    await train(pilot)
    await open_tab(pilot, *SEVEN)


async def draw_nothing(pilot: Pilot[None]) -> None:
    await train(pilot)
    await open_tab(pilot)


async def train(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("s")
    while app.control.state.batch is None:
        await pilot.pause(0.01)


@SIZES
def test_drawn(snap_compare: Compare, size: Pixel) -> None:
    assert snap_compare(TrainingApp(ReadingSession()), terminal_size=size, run_before=draw_seven)


@SIZES
def test_drawn_in_ascii(snap_compare: Compare, size: Pixel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(ReadingSession()), terminal_size=size, run_before=draw_seven)


def test_drawn_in_16_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert snap_compare(TrainingApp(ReadingSession()), terminal_size=(80, 24), run_before=draw_seven)


def test_empty(snap_compare: Compare) -> None:
    assert snap_compare(TrainingApp(ReadingSession()), terminal_size=(60, 20), run_before=draw_nothing)


def test_watched(snap_compare: Compare, tmp_path: Path) -> None:
    class Seen(WatchedRun):
        def events(self, stop: threading.Event) -> Generator[Event, None, None]:
            yield Past((*made_up.opening()[1:], *made_up.epoch(1)))
            yield Watched(live=True, age=2.0)
            stop.wait()

    async def look(pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        while app.control.state.watched is None:
            await pilot.pause(0.02)
        await pilot.press("5")
        await pilot.pause()

    assert snap_compare(TrainingApp(Seen(RunFolder(tmp_path))), terminal_size=(60, 20), run_before=look)
