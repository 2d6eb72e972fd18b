"""The base of the widgets: lines that are kept until they change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from mlp_tui.tui.widgets.lines import Line, Lines


class Counted(Lines):
    """Three lines, and how often they were made."""

    DEFAULT_CSS = "Counted { color: $primary; }"
    words: tuple[str, ...] = ("one", "two", "three")
    made = 0

    def lines(self, width: int, height: int) -> list[Line]:
        self.made += 1
        return [[self.text(word), self.text("!", "wrong")] for word in self.words]


class LinesApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Counted()


@asynccontextmanager
async def shown() -> AsyncIterator[tuple[Pilot[None], Counted]]:
    async with LinesApp().run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        yield pilot, pilot.app.query_one(Counted)


def regions(widget: Lines, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """What is painted from now on; the whole widget as one region."""
    painted: list[Region] = []
    whole = widget.size.region
    monkeypatch.setattr(widget, "refresh", lambda *some, **options: painted.extend(some or [whole]))
    return painted


async def test_lines_fill_the_widget_and_are_made_once() -> None:
    async with shown() as (_, widget):
        made = widget.made
        assert [widget.render_line(y).text for y in range(5)] == [
            text.ljust(20) for text in ("one!", "two!", "three!", "", "")
        ]
        assert widget.made == made


async def test_only_the_lines_that_differ_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (_, widget):
        painted = regions(widget, monkeypatch)
        widget.redraw()
        assert not painted
        widget.words = ("one", "2", "three")
        widget.redraw()
        assert painted == [Region(0, 1, 20, 1)]
        assert widget.render_line(1).text.strip() == "2!"


async def test_another_number_of_lines_is_painted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as (_, widget):
        painted = regions(widget, monkeypatch)
        widget.words = ("one",)
        widget.redraw()
        assert painted == [widget.size.region]
        assert not widget.render_line(1).text.strip()


async def test_another_size_and_another_theme_have_the_lines_made_anew() -> None:
    async with shown() as (pilot, widget):
        before = widget.render_line(0)
        await pilot.resize_terminal(30, 5)
        await pilot.pause()
        assert len(widget.render_line(0).text) == 30
        pilot.app.theme = "textual-light"
        await pilot.pause()
        after = widget.render_line(0)
        assert [segment.text for segment in after][:2] == ["one", "!"]
        assert [segment.style for segment in after][:2] != [segment.style for segment in before][:2]


async def test_text_without_a_part_has_the_widgets_own_style() -> None:
    async with shown() as (_, widget):
        own, part, rest = widget.render_line(0)
        assert own.style == rest.style == widget.rich_style
        assert part.style == widget.get_component_rich_style("wrong") != widget.rich_style


def test_lines_without_an_app_have_no_size_and_no_lines() -> None:
    assert Counted().render_line(0).text == ""
