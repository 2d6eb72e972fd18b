"""The Mistakes tab: what its parts say, what its keys do, and how it looks."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.widget import Widget

from mlp_tui.events import DigitImages, Event, Mistakes
from mlp_tui.headless.data import MNIST
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.digits import picture
from mlp_tui.tui.tabs.mistakes import EMPTY, MistakesTab, errors
from mlp_tui.tui.widgets.confusion_matrix import describe, fitted
from mlp_tui.tui.widgets.mistake_gallery import SHOWN, caption, title

from ... import made_up
from ...made_up import MadeUpSession
from ..test_pictures import SIZES, Compare


def first_test() -> Mistakes:
    """The made-up first test: 4 was read as 9 most often, 31 times."""
    _, mistakes = made_up.mistakes(1)
    assert isinstance(mistakes, Mistakes)
    return mistakes


def flawless() -> Mistakes:
    confusion = tuple(tuple(100 * (digit == label) for digit in range(10)) for label in range(10))
    return Mistakes(1, confusion, (), (), (), ())


CONFUSION = first_test().confusion


# What the parts say


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        ([(1, 288)], "Epoch 1: 288 errors"),
        ([(1, 288), (2, 219)], "Epoch 2: 219 errors, 69 fewer than before"),
        ([(1, 288), (2, 1300)], "Epoch 2: 1,300 errors, 1,012 more than before"),
        ([(1, 1), (2, 1)], "Epoch 2: 1 error, as many as before"),
        ([(2, 219), (2, 219)], "Epoch 2: 219 errors"),  # told again by a run that goes on from before
    ],
)
def test_the_errors_are_counted_and_compared_with_the_epoch_before(tests: list[tuple[int, int]], text: str) -> None:
    assert errors(tests) == text


def test_the_picked_cell_is_put_in_words() -> None:
    words = {pair: describe(CONFUSION, pair, (4, 9), MNIST, 60) for pair in ((4, 9), (0, 3), (4, 4), None)}
    assert words == {
        (4, 9): f"31 of {sum(CONFUSION[4])} with label 4 are read as 9: 3.1%",
        (0, 3): "1 of 1000 with label 0 is read as 3: 0.1%",
        (4, 4): "957 of 1000 with label 4 are read right: 95.7%",
        None: "! marks the largest count: 4 read as 9",
    }


def test_the_gallerys_title_says_how_many_of_how_many_are_on_show() -> None:
    assert title(CONFUSION, None, 20, 64) == "Surest mistakes: 20 of 288"
    assert title(CONFUSION, (4, 9), 10, 64) == "4 read as 9: 10 of 31"
    assert title(CONFUSION, (4, 9), 2, 12) == "2 of 31"
    assert title(CONFUSION, (4, 4), 0, 64) == "4 read as 4"


@pytest.mark.parametrize(
    ("width", "text"), [(18, "9 read as 4, 99%"), (12, "9 as 4, 99%"), (10, "9 as 4 99%"), (8, "9 as 4"), (1, "")]
)
def test_a_caption_says_as_much_as_has_room(width: int, text: str) -> None:
    assert caption(9, 4, 0.9987, width) == text


def test_a_model_is_never_quite_sure() -> None:
    assert caption(9, 4, 1.0, 18).endswith("99%")


@pytest.mark.parametrize("width", [4, 5])
def test_a_count_stays_in_its_place_as_it_grows_and_is_marked(width: int) -> None:
    texts = [fitted(text, width) for text in ("7", "17", "!17", "985", "!985")]
    assert {len(text) for text in texts} == {width}
    assert {len(text.rstrip()) for text in texts[:4]} == {width - 1}
    assert fitted("!1127", 4) == "1127"  # a wrong number would be worse than no mark


# What the keys do


@asynccontextmanager
async def opened(events: list[Event], size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The dashboard after those events, with the Mistakes tab open."""
    app = TrainingApp(MadeUpSession([*made_up.opening(), *events]))
    async with app.run_test(size=size) as pilot:
        await pilot.press("s")
        deadline = time.monotonic() + 10
        while app.control.state.finished is None:
            assert time.monotonic() < deadline
            await pilot.pause(0.01)
        await pilot.press("3")
        await pilot.pause()
        yield pilot
        app.control.worker.close()
        assert app.control.worker.join(5)


def tab_of(pilot: Pilot[None]) -> MistakesTab:
    return pilot.app.query_one(MistakesTab)


def text_of(widget: Widget) -> str:
    """A panel's title and its lines."""
    lines = [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]
    return "\n".join([str(widget.border_title), *lines])


async def tell(pilot: Pilot[None], events: list[Event]) -> None:
    """Adds events to the run, and draws it."""
    assert isinstance(pilot.app, TrainingApp)
    for event in events:
        pilot.app.control.state.add(event)
    pilot.app.draw()
    await pilot.pause()


async def test_before_the_first_test_it_says_what_will_come() -> None:
    async with opened([]) as pilot:
        await pilot.press("left")
        assert tab_of(pilot).picked is None
        screen = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        assert EMPTY in screen
        await tell(pilot, made_up.mistakes(1))
        assert "288 errors" in text_of(tab_of(pilot).matrix)


async def test_it_shows_the_counts_the_recalls_and_the_surest_mistakes() -> None:
    async with opened([*made_up.mistakes(1), *made_up.mistakes(2)]) as pilot:
        matrix, gallery = text_of(tab_of(pilot).matrix), text_of(tab_of(pilot).gallery)
        assert matrix.startswith("Epoch 2: 120 errors, 168 fewer than before\n")
        (row,) = (line for line in matrix.split("\n") if line.startswith("4 "))
        assert row.split() == ["4", "·", "1", "1", "·", "981", "1", "1", "·", "·", "!15", "98.1"]
        assert gallery.startswith("Surest mistakes: 20 of 120\n")
        assert gallery.count("99%") + gallery.count("98%") + gallery.count("97%") + gallery.count("96%") == SHOWN


async def test_the_arrows_pick_a_cell_and_escape_lets_go_of_it() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        tab = tab_of(pilot)
        await pilot.press("down")
        assert tab.picked == (4, 9)  # the largest mistake
        assert text_of(tab.gallery).startswith("4 read as 9: 10 of 31\n")
        assert text_of(tab.gallery).count("4 as 9, ") == 10
        assert ">31" in text_of(tab.matrix)
        await pilot.press("right", "up", "up", "left", "left", "left", "left")
        assert tab.picked == (2, 5)
        assert text_of(tab.gallery).startswith("2 read as 5: 1 of 1\n")
        await pilot.press("escape")
        assert tab.picked is None
        assert text_of(tab.gallery).startswith("Surest mistakes")


async def test_escape_is_offered_only_where_it_does_something() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        assert "escape" not in pilot.app.active_bindings
        await pilot.press("left")
        assert "escape" in pilot.app.active_bindings


@pytest.mark.parametrize(("size", "rows"), [((120, 40), 3), ((80, 24), 1)])
async def test_a_click_picks_a_cell(size: tuple[int, int], rows: int) -> None:
    async with opened(made_up.mistakes(1), size) as pilot:
        tab = tab_of(pilot)
        corner = tab.matrix.content_region.offset - tab.matrix.region.offset
        await pilot.click(tab.matrix, offset=corner + Offset(2 + 4 * 2 + 3, 2 + 7 * rows + rows - 1))
        assert tab.picked == (7, 2)
        assert text_of(tab.gallery).startswith("7 read as 2")
        await pilot.click(tab.matrix, offset=corner)  # a head
        assert tab.picked == (7, 2)


async def test_a_cell_on_the_diagonal_is_right_and_has_nothing_to_show() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        tab = tab_of(pilot)
        tab.pick((4, 4))
        assert "These are read right: there is no mistake to show." in text_of(tab.gallery)
        assert "957 of 1000 with label 4 are read right" in text_of(tab.matrix)
        tab.pick((4, 0))
        assert "No 4 is read as 0." in text_of(tab.gallery)


async def test_the_picked_cell_stays_picked_as_epochs_pass() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        tab = tab_of(pilot)
        tab.pick((3, 5))
        assert text_of(tab.gallery).startswith("3 read as 5: 10 of 27\n")
        await tell(pilot, made_up.mistakes(3))
        assert tab.picked == (3, 5)
        assert text_of(tab.gallery).startswith("3 read as 5: 9 of 9\n")


async def test_a_flawless_test_has_no_mistakes_to_show() -> None:
    async with opened([flawless()]) as pilot:
        tab = tab_of(pilot)
        assert text_of(tab.matrix).startswith("Epoch 1: 0 errors\n")
        assert "!" not in text_of(tab.matrix)
        assert "Every digit was read right." in text_of(tab.gallery)
        await pilot.press("left")
        assert tab.picked is not None


async def test_pictures_that_stay_are_not_drawn_anew() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        drawn = picture.cache_info().misses
        await tell(pilot, made_up.mistakes(1))
        assert picture.cache_info().misses == drawn


async def test_another_data_sets_digits_have_pictures_of_their_own() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        gallery = tab_of(pilot).gallery
        before = [list(gallery.render_line(y)) for y in range(gallery.size.height)]
        images, mistakes = made_up.mistakes(1)
        assert isinstance(images, DigitImages)
        await tell(pilot, [DigitImages(images.indices, (bytes(784),) * len(images.indices)), mistakes])
        after = [list(gallery.render_line(y)) for y in range(gallery.size.height)]
        assert before[0] != after[0]


async def test_nothing_is_drawn_anew_where_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        painted: list[object] = []
        for widget in (tab_of(pilot).matrix, tab_of(pilot).gallery):
            monkeypatch.setattr(widget, "refresh", lambda *regions, **options: painted.extend(regions or ["all"]))
        await tell(pilot, [made_up.batch(2, 5, 938, 0.2)])
        assert not painted
        await tell(pilot, made_up.mistakes(2))
        assert painted


async def test_a_new_run_begins_with_no_mistakes() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        tab = tab_of(pilot)
        assert tab.matrix.display
        assert isinstance(pilot.app, TrainingApp)
        pilot.app.control.state = type(pilot.app.control.state)()
        await tell(pilot, [])
        assert not tab.matrix.display and not tab.gallery.display


async def test_it_can_be_drawn_at_any_size() -> None:
    async with opened(made_up.mistakes(1)) as pilot:
        await pilot.press("left")
        for size in ((1, 1), (60, 20), (20, 8), (30, 60), (300, 8), (160, 48)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.02)
        assert text_of(tab_of(pilot).gallery).startswith("4 read as 9: 10 of 31\n")


# How it looks


def training() -> MadeUpSession:
    """A run in its third epoch, with two tests behind it."""
    tests = [*made_up.mistakes(1), *made_up.mistakes(2)]
    return MadeUpSession([*made_up.opening(), *tests, made_up.batch(3, 400, 938, 0.15)], hold=True)


async def look(pilot: Pilot[None], *keys: str) -> None:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while app.control.state.batch is None:
        await pilot.pause(0.02)
    await pilot.press("3", *keys)
    app.draw()
    await pilot.pause()


async def look_at_one_cell(pilot: Pilot[None]) -> None:
    await look(pilot, "right")


@SIZES
def test_all_mistakes(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(training()), terminal_size=size, run_before=look)


def test_one_cells_mistakes(snap_compare: Compare) -> None:
    assert snap_compare(TrainingApp(training()), terminal_size=(120, 40), run_before=look_at_one_cell)


@SIZES
def test_all_mistakes_in_ascii(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    assert snap_compare(TrainingApp(training()), terminal_size=size, run_before=look)


def test_one_cells_mistakes_in_16_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    assert snap_compare(TrainingApp(training()), terminal_size=(80, 24), run_before=look_at_one_cell)
