"""The screen of flips: what it asks, what it says, what its keys do, and how it looks."""

import dataclasses
import threading
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

import pytest
from textual.pilot import Pilot

from mlp_tui.events import Event, FlipFound, Flips, Moment, NoAnswer, RunStarted
from mlp_tui.runs.source import Interrupted
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.screens.flips import FlipsScreen
from mlp_tui.tui.screens.influences import InfluencesScreen, about, points
from mlp_tui.tui.screens.step import StepScreen

from ... import made_up, made_up_data
from ...made_up import MadeUpSession

Compare = Callable[..., bool]

RUNS = {"colour": made_up_data.colour(), "birds": made_up_data.birds(), "table": made_up_data.table()}


class MadeUpPast:
    """Answers at once, and notes what it was asked; while `slow`, a search lasts until something else is asked."""

    first, last = 0, 2276

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, Event] = {}
        self.slow = False
        self.searching, self.given_up = threading.Event(), 0

    def go(self, step: int, wanted: Collection[str] = ()) -> Event:
        self.asked.append(("go", step))
        epoch, batch = divmod(step - 1, 938)
        taken = dataclasses.replace(made_up.step_taken(), epoch=epoch + 1, batch=batch + 1)
        return Moment(step, 0, self.last, (made_up.batch(epoch + 1, batch + 1, 938, 0.3), taken))

    def leave(self) -> None:
        self.asked.append(("leave",))

    def flips(self, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        self.asked.append(("flips", earlier, later))
        return self.answers.get("flips", made_up.flips(earlier, later))

    def find_flip(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        self.asked.append(("find_flip", index, earlier, later))
        while self.slow:
            self.searching.set()
            if interrupted():
                self.given_up += 1
                return None
        return self.answers.get("find_flip", FlipFound(index, 1510, 1509))

    def influences(self, index: int, earlier: int, later: int, interrupted: Interrupted) -> Event | None:
        self.asked.append(("influences", index, earlier, later))
        return self.answers.get("influences", made_up.influences(index))


def started(ascii: bool = False, run: RunStarted | None = None) -> tuple[TrainingApp, MadeUpPast]:
    """A run in its third epoch, with a past."""
    opening = made_up_data.opening(run) if run else made_up.opening()
    source = MadeUpSession([*opening, *made_up.epoch(1), *made_up.epoch(2), *islice(made_up.epoch(3), 400)], hold=True)
    source.past = past = MadeUpPast()
    if run:
        past.answers = {"flips": made_up_data.flips(run), "influences": made_up_data.influences(run)}
    return TrainingApp(source, ascii=ascii), past


async def pause(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while app.control.state.batch is None or (app.control.state.batch.epoch, app.control.state.batch.batch) != (3, 400):
        await pilot.pause(0.02)
    await pilot.press("s")
    while app.control.phase != "paused":
        await pilot.pause(0.02)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    for _ in range(500):
        await pilot.pause(0.02)
        if holds():
            return
    raise AssertionError("it did not come to that")


async def opened(pilot: Pilot[None]) -> FlipsScreen:
    """The screen with its first answer."""
    await pause(pilot)
    await pilot.press("f")
    await until(pilot, lambda: isinstance(pilot.app.screen, FlipsScreen) and pilot.app.screen.flips is not None)
    screen = pilot.app.screen
    assert isinstance(screen, FlipsScreen)
    return screen


def step_shown(app: TrainingApp) -> str:
    """The heading of the screen of a step, where that is open."""
    if not isinstance(app.screen, StepScreen) or not app.screen.view.size:
        return ""
    return "".join(segment.text for segment in app.screen.view.lines(100, 30)[0])


def told(screen: FlipsScreen) -> tuple[str, str]:
    return str(screen.heading.content), str(screen.about.content)


async def test_it_compares_with_an_epoch_before_and_the_keys_move_that() -> None:
    app, past = started()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        assert past.asked == [("flips", 1338, 2276)]
        assert told(screen) == (
            "34 digits became wrong, and 1,200 right",
            "from epoch 2, batch 400 to epoch 3, batch 400; the surest 40 of 1,234 are here",
        )
        await pilot.press("]")
        assert len(past.asked) == 1  # nothing lies between the moment and itself
        for earlier, words in ((400, "epoch 1, batch 400"), (0, "before the first batch")):
            await pilot.press("[")
            await until(pilot, lambda: screen.flips is not None)
            assert past.asked[-1] == ("flips", earlier, 2276)
            assert told(screen)[1].startswith(f"from {words} to epoch 3, batch 400;")
        await pilot.press("[")
        assert len(past.asked) == 3
        await pilot.press("]")
        await until(pilot, lambda: screen.flips is not None)
        assert past.asked[-1] == ("flips", 938, 2276)


async def test_those_that_became_wrong_come_first_and_a_key_turns_that() -> None:
    app, _ = started()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        first, *_ = screen.cards.cards
        assert [text for text, _ in first.texts] == ["label 9", "✓ was 9, 40%", "✗ now 0, 99%", "no. 7"]
        assert [part for _, part in first.texts] == ["title", "right", "wrong", "muted"]
        await pilot.press("w")
        first, *_ = screen.cards.cards
        assert [text for text, _ in first.texts][1:3] == ["✗ was 2, 90%", "✓ now 9, 99%"]


async def test_enter_walks_to_the_batch_and_shows_it_and_esc_leads_back() -> None:
    app, past = started()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("right", "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, StepScreen) and app.control.shown.step is not None)
        assert past.asked[1:] == [("find_flip", 407, 1338, 2276), ("go", 1510)]
        assert app.control.phase == "replay" and app.control.shown.moment
        assert app.control.shown.moment.step == 1510
        assert isinstance(app.screen, StepScreen)
        await until(pilot, lambda: step_shown(app).endswith("epoch 2, batch 572"))
        await pilot.press("escape")
        assert isinstance(app.screen, FlipsScreen) and screen.cards.picked == 2
        await pilot.press("escape")
        assert len(app.screen_stack) == 1 and app.control.phase == "replay"
        await pilot.press("f")  # from the moment that is on show now
        await until(pilot, lambda: past.asked[-1] == ("flips", 572, 1510))


async def test_a_flip_after_the_last_batch_is_shown_too() -> None:
    app, past = started()
    past.answers["find_flip"] = FlipFound(7, past.last, past.last - 1)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: step_shown(app).endswith("epoch 3, batch 400"))
        await pilot.press("s")  # the run goes on, and nothing stands before it
        assert len(app.screen_stack) == 1 and app.control.phase == "training"


async def test_what_taught_it_is_shown() -> None:
    app, past = started()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, InfluencesScreen))
        assert past.asked[-1] == ("influences", 7, 1338, 2276)
        screen = app.screen
        assert isinstance(screen, InfluencesScreen)
        await pilot.pause()
        flip, *taught = screen.cards.cards
        assert flip.texts[2][0] == "✗ now 0, 99%"
        assert len(taught) == 12
        assert taught[0].texts == (
            ("label 9", "title"),
            ("+41.2 points", "best"),
            ("batch 572", "muted"),
            ("epoch 2", "muted"),
        )
        assert taught[8].texts[1] == ("-21.3 points", "wrong")
        await pilot.press("escape")
        assert isinstance(app.screen, FlipsScreen)


async def test_a_search_can_be_given_up_and_a_newer_question_wins() -> None:
    app, past = started()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        past.slow = True
        await pilot.press("enter")
        assert "Esc ends the search" in told(screen)[1]
        await until(pilot, past.searching.is_set)
        await pilot.press("escape")
        await until(pilot, lambda: past.given_up == 1)
        assert app.screen is screen and told(screen)[1].startswith("from epoch")
        await pilot.press("enter")
        await pilot.press("[")
        await until(pilot, lambda: past.given_up == 2 and screen.flips is not None)
        assert screen.earlier == 400
        past.searching.clear()
        await pilot.press("enter")
        await until(pilot, past.searching.is_set)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, InfluencesScreen))
        assert past.given_up == 3


async def test_quitting_does_not_wait_for_a_search() -> None:
    app, past = started()
    async with app.run_test() as pilot:
        await opened(pilot)
        past.slow = True
        await pilot.press("enter")
        await until(pilot, past.searching.is_set)
    app.control.worker.close()
    assert app.control.worker.join(5) and past.given_up == 1


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        ("find_flip", FlipFound(7, None, 1500), "It was read so at least since epoch 2, batch 562: "),
        ("influences", FlipFound(7, None, 0), "It was read so at least since before the first batch: "),
        ("influences", NoAnswer("The snapshots of this run are gone."), "The snapshots of this run are gone."),
        ("flips", NoAnswer("The snapshots of this run are gone."), "The snapshots of this run are gone."),
    ],
)
async def test_what_could_not_be_found_is_said(question: str, answer: Event, text: str) -> None:
    app, past = started()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        past.answers[question] = answer
        await pilot.press({"find_flip": "enter", "influences": "i", "flips": "["}[question])
        await until(pilot, lambda: told(screen)[1].startswith(text))
        assert app.screen is screen


async def test_where_nothing_flipped_there_is_nothing_to_ask_about() -> None:
    app, past = started()
    past.answers["flips"] = Flips(1338, 2276, 0, 0, (), (), (), (), (), (), ())
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        assert told(screen) == (
            "0 digits became wrong, and 0 right",
            "from epoch 2, batch 400 to epoch 3, batch 400",
        )
        await pilot.press("enter", "i", "w", "down", "end")
        assert past.asked == [("flips", 1338, 2276)] and app.screen is screen


async def test_the_key_is_there_only_where_there_is_a_past() -> None:
    app, past = started()
    app.control.source.past = None
    async with app.run_test() as pilot:
        await pilot.press("f")
        await pause(pilot)
        await pilot.press("f")
        assert len(app.screen_stack) == 1
        app.control.source.past = past
        await pilot.press("s", "f")  # while it trains, there is none
        assert len(app.screen_stack) == 1 and app.control.phase == "training"


def test_what_is_said_of_the_probability() -> None:
    state = RunState()
    for event in (*made_up.opening(), made_up.batch(3, 1, 938, 0.3)):
        state.add(event)
    assert about(made_up.influences(), state) == (
        "Epoch 2, batch 562 to epoch 2, batch 572: its probability went from 12% to 67%. "
        "To the first order, 640 training digits moved it by +53.1 points; these did most:"
    )
    assert [points(effect) for effect in (0.4691, -0.000123, 1.5)] == ["+46.9 points", "-0.0123 points", "+150 points"]


# Pictures


async def show_influences(pilot: Pilot[None]) -> None:
    await opened(pilot)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(pilot.app.screen, InfluencesScreen))
    await pilot.pause()


async def show_flips(pilot: Pilot[None]) -> None:
    await opened(pilot)
    await pilot.press("right", "down")
    await pilot.pause()


SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}")


@SIZES
@pytest.mark.parametrize("ascii", [False, True], ids=["colour", "ascii"])
def test_flips(snap_compare: Compare, size: tuple[int, int], ascii: bool) -> None:
    assert snap_compare(started(ascii)[0], terminal_size=size, run_before=show_flips)


@SIZES
def test_influences(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(started()[0], terminal_size=size, run_before=show_influences)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("data", RUNS)
def test_flips_of_other_data(snap_compare: Compare, size: tuple[int, int], data: str) -> None:
    assert snap_compare(started(run=RUNS[data])[0], terminal_size=size, run_before=show_flips)


@pytest.mark.parametrize("data", RUNS)
def test_influences_of_other_data(snap_compare: Compare, data: str) -> None:
    assert snap_compare(started(run=RUNS[data])[0], terminal_size=(120, 40), run_before=show_influences)
