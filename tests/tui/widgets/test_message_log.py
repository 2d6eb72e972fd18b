"""The panel of messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from mlp_tui.tui.widgets.message_log import KEPT, MessageLog

LONG = "a message that is longer than forty characters, and so is wrapped"


class LogApp(App[None]):
    CSS = "MessageLog { height: 5; width: 41; } .-wide MessageLog { width: 91; } .-hidden MessageLog { display: none; }"

    def compose(self) -> ComposeResult:
        yield MessageLog()


@asynccontextmanager
async def shown() -> AsyncIterator[tuple[Pilot[None], MessageLog]]:
    async with LogApp().run_test(size=(100, 10)) as pilot:
        yield pilot, pilot.app.query_one(MessageLog)


async def text(pilot: Pilot[None]) -> list[str]:
    await pilot.pause()
    await pilot.pause()
    width = pilot.app.query_one(MessageLog).size.width - 1  # but for the scrollbar
    return [strip.text[:width].rstrip() for strip in pilot.app.screen._compositor.render_strips()[:5]]


async def test_the_newest_message_is_in_view() -> None:
    async with shown() as (pilot, messages):
        for number in range(20):
            messages.add(f"message {number}")
        assert await text(pilot) == [f"message {number}" for number in range(15, 20)]
        messages.add("another")
        assert (await text(pilot))[-1] == "another"


async def test_a_long_message_is_wrapped_and_wrapped_anew_for_another_width() -> None:
    async with shown() as (pilot, messages):
        messages.add(LONG)
        assert (await text(pilot))[:2] == ["a message that is longer than forty", "characters, and so is wrapped"]
        pilot.app.screen.add_class("-wide")
        assert (await text(pilot))[:2] == [LONG, ""]


async def test_a_message_that_comes_while_the_panel_is_hidden_is_there_when_it_is_shown() -> None:
    async with shown() as (pilot, messages):
        pilot.app.screen.add_class("-hidden")
        await pilot.pause()
        messages.add("unseen")
        pilot.app.screen.remove_class("-hidden")
        assert (await text(pilot))[0] == "unseen"


@pytest.mark.parametrize("count", [2 * KEPT, 2 * KEPT + 1, 5 * KEPT])
async def test_old_messages_are_forgotten_and_the_last_are_kept(count: int) -> None:
    async with shown() as (pilot, messages):
        for number in range(count):
            messages.add(f"message {number}")
        assert (await text(pilot))[-1] == f"message {count - 1}"
        assert KEPT <= messages.line_count <= 2 * KEPT
        messages.scroll_home(animate=False)
        await pilot.pause()
        assert (await text(pilot))[0] == f"message {count - messages.line_count}"


async def test_control_characters_do_not_reach_the_terminal() -> None:
    async with shown() as (pilot, messages):
        messages.add("a be\x07ll, \x1b[31mred\x1b[0m, \x1b, \x01")
        assert (await text(pilot))[0] == "a bell, red, ?, ?"
