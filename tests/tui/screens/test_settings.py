"""The form of the next run's settings: what may be typed, and what the keys do."""

import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig, as_text
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.screens.settings import SETTINGS, Choice, SettingsScreen, filled_in

from ... import made_up
from ...made_up import MadeUpSession

CONFIG = TrainingConfig(data_dir=Path("/home/student/.cache/mlp-tui"))

SIZES = pytest.mark.parametrize(
    "size", [(160, 48), (120, 40), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}"
)


def texts_of(config: TrainingConfig, **typed: str) -> dict[str, str]:
    return {setting.name: as_text(getattr(config, setting.name)) for setting in SETTINGS} | typed


def test_every_setting_has_a_row_with_its_help() -> None:
    assert [setting.name for setting in SETTINGS] == [field.name for field in dataclasses.fields(TrainingConfig)]
    assert all(setting.summary.endswith(".") and len(setting.summary) > 10 for setting in SETTINGS)


def test_the_help_is_a_summary_and_more() -> None:
    help = {setting.name: (setting.summary, setting.more) for setting in SETTINGS}
    assert help["activation"] == ("What follows each hidden layer.", "")
    assert help["device"] == ("What computes.", "auto: CUDA where there is a GPU for it, else the CPU.")


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        TrainingConfig(learning_rate=0.00123456789, checkpoint_seconds=0.5, seed=2**63 - 1),
        TrainingConfig(learning_rate=1e-5, dataset="synthetic", device="cpu", runs_dir=Path("/tmp/my runs")),
    ],
)
def test_a_form_left_as_it_is_gives_the_same_settings(config: TrainingConfig) -> None:
    assert filled_in(config, texts_of(config)) == (config, {})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", " 12 ", 12),
        ("learning_rate", "5e-3", 0.005),
        ("learning_rate", "1", 1.0),
        ("dataset", "mnist", "mnist"),
        ("hidden_sizes", "800 800", (800, 800)),
        ("hidden_sizes", "30, 20,10", (30, 20, 10)),
        ("hidden_sizes", "", ()),
        ("model", " net.py:Net ", "net.py:Net"),
        ("data_dir", "~/digits", Path.home() / "digits"),
    ],
)
def test_what_is_typed_becomes_the_setting(name: str, text: str, value: object) -> None:
    assert filled_in(CONFIG, texts_of(CONFIG, **{name: text})) == (dataclasses.replace(CONFIG, **{name: value}), {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("epochs", "abc", "--epochs must be a whole number, not 'abc'."),
        ("epochs", "1.5", "--epochs must be a whole number, not '1.5'."),
        ("epochs", "", "--epochs must be a whole number."),
        ("epochs", "0", "--epochs must be at least 1, not 0."),
        ("hidden_sizes", "100 many", "--hidden-sizes must be whole numbers, not '100 many'."),
        ("hidden_sizes", "100 0", "--hidden-sizes must be at least 1, not 0."),
        ("learning_rate", "fast", "--learning-rate must be a number, not 'fast'."),
        ("learning_rate", "0", "--learning-rate must be more than 0, not 0.0."),
        ("learning_rate", "nan", "--learning-rate must be a finite number, not nan."),
        ("runs_dir", " ", "--runs-dir must name a folder."),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence_and_not_taken(name: str, text: str, complaint: str) -> None:
    typed = texts_of(CONFIG, **{name: text}, batch_size="32")
    assert filled_in(CONFIG, typed) == (dataclasses.replace(CONFIG, batch_size=32), {name: complaint})


class Host(App[None]):
    """Opens the form, and keeps what it gives."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.config = config
        self.given: list[TrainingConfig | None] = []

    def on_mount(self) -> None:
        self.form = SettingsScreen(self.config)
        self.push_screen(self.form, self.given.append)


@asynccontextmanager
async def opened(
    config: TrainingConfig = CONFIG, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Pilot[None], Host]]:
    app = Host(config)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot, app


def name_of(app: Host, setting: str) -> str:
    return str(app.form.names[setting].content)


async def test_enter_gives_the_settings_and_escape_none() -> None:
    async with opened() as (pilot, app):
        await pilot.press("8", "down", "3", "2", "enter")
        assert app.given == [dataclasses.replace(CONFIG, epochs=8, batch_size=32)]
    async with opened() as (pilot, app):
        await pilot.press("8", "escape")
        assert app.given == [None]


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_the_keys_hold_while_a_choice_has_the_focus(key: str) -> None:
    async with opened() as (pilot, app):
        app.form.fields["activation"].focus()
        await pilot.press("right", key)
        assert app.given == [dataclasses.replace(CONFIG, activation="tanh") if key == "enter" else None]


async def test_enter_goes_to_what_is_wrong_and_takes_nothing() -> None:
    async with opened() as (pilot, app):
        await pilot.press("0", "down", "down", "enter")
        assert app.given == []
        assert app.form.fields["epochs"].has_focus
        assert str(app.form.about.content) == "--epochs must be at least 1, not 0."
        await pilot.press("home", "2", "enter")
        assert app.given == [dataclasses.replace(CONFIG, epochs=20)]


async def test_changed_and_wrong_values_are_marked_by_more_than_colour() -> None:
    async with opened() as (pilot, app):
        assert name_of(app, "epochs") == "  epochs"
        await pilot.press("7")
        assert name_of(app, "epochs") == f"{UNICODE.bullet} epochs"
        assert str(app.form.about.content).endswith("Was 5.")
        await pilot.press("x")
        assert name_of(app, "epochs") == f"{UNICODE.wrong} epochs"
        assert UNICODE.wrong in str(app.form.box.border_subtitle)
        await pilot.press("backspace", "backspace", "5")
        assert name_of(app, "epochs") == "  epochs"
        assert name_of(app, "batch_size") == "  batch-size"


async def test_a_choice_stops_at_its_ends_and_takes_clicks() -> None:
    async with opened() as (pilot, app):
        choice = app.form.fields["activation"]
        assert isinstance(choice, Choice)
        choice.focus()
        await pilot.press("left")
        assert choice.value == "relu"
        words = [word for _, word in choice.shown()]
        await pilot.press(*["right"] * (len(words) + 2))
        assert choice.value == words[-1]
        start = sum(len(mark + word) + 2 for mark, word in choice.shown()[:1])
        await pilot.click(choice, offset=(start, 0))
        assert choice.value == words[1]
        assert name_of(app, "activation") == f"{UNICODE.bullet} activation"


async def test_layers_and_a_network_of_ones_own_are_typed_and_taken_away_again() -> None:
    async with opened() as (pilot, app):
        app.form.fields["hidden_sizes"].focus()
        await pilot.press("end", ",", "space", "5", "0")
        app.form.fields["model"].focus()
        await pilot.press(*"net.py:Net")
        assert str(app.form.about.content).endswith("Was empty.")
        app.form.fields["dataset"].focus()
        await pilot.press("home", *"my/")
        await pilot.press("enter")
        given = dataclasses.replace(CONFIG, hidden_sizes=(100, 50), model="net.py:Net", dataset="my/auto")
        assert app.given == [given]
    async with opened(given) as (pilot, app):
        app.form.fields["hidden_sizes"].focus()
        await pilot.press("end", *["backspace"] * 6, "enter")
        assert app.given == [dataclasses.replace(given, hidden_sizes=())]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 30), (120, 40)])
async def test_every_setting_comes_into_view_and_its_help_fits(size: tuple[int, int]) -> None:
    async with opened(size=size) as (pilot, app):
        for setting in SETTINGS:
            field = app.form.fields[setting.name]
            field.focus()
            await pilot.pause()
            deadline = time.monotonic() + 5  # it scrolls there, and is not there at once
            while not app.form.grid.region.contains_region(field.region):
                assert time.monotonic() < deadline, setting.name
                await pilot.pause(0.02)
            text = str(app.form.about.content)
            assert app.form.about.content_size.height >= app.form.about.visual.get_height(
                {}, app.form.about.content_size.width
            ), setting.name
            assert text in (setting.help, setting.more)


async def test_a_choice_too_wide_for_its_room_shows_the_word_that_is_picked() -> None:
    async with opened(size=(34, 24)) as (pilot, app):
        choice = app.form.fields["device"]
        assert isinstance(choice, Choice)
        choice.focus()
        await pilot.press("right")
        text = choice.render_line(0).text
        assert text.startswith(f"{UNICODE.picked} cpu")
        assert len(text) == choice.size.width


async def test_the_setting_with_the_focus_is_always_in_view() -> None:
    async with opened(size=(60, 12)) as (pilot, app):
        await pilot.press("up")
        assert app.form.fields[SETTINGS[-1].name].has_focus  # round and round
        for name in ("checkpoint_seconds", "epochs", "dataset"):
            app.form.fields[name].focus()
            deadline = time.monotonic() + 5  # it scrolls there, and is not there at once
            while not app.form.grid.region.contains_region(app.form.fields[name].region):
                assert time.monotonic() < deadline, name
                await pilot.pause(0.02)
            assert app.form.screen.region.contains_region(app.form.about.region)


async def test_the_help_stands_beside_each_setting_where_there_is_room() -> None:
    async with opened(size=(120, 40)) as (pilot, app):
        assert all(help.display and help.region.width >= 50 for help in app.form.helps.values())
        app.form.fields["device"].focus()
        await pilot.pause()
        assert str(app.form.about.content) == "auto: CUDA where there is a GPU for it, else the CPU."
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert not any(help.display for help in app.form.helps.values())
        assert str(app.form.about.content).startswith("What computes.")


@pytest.mark.parametrize("size", [(1, 1), (20, 3), (200, 5)])
async def test_any_size_will_do(size: tuple[int, int]) -> None:
    async with opened(size=size) as (pilot, app):
        await pilot.press("down", "9", "enter")
        assert app.given == [dataclasses.replace(CONFIG, batch_size=9)]


# Pictures

Compare = Callable[..., bool]


async def fill_in(pilot: Pilot[None]) -> None:
    """Opens the form over the dashboard, changes two settings and mistypes another."""
    app: Any = pilot.app
    while app.control.phase == "loading":
        await pilot.pause(0.02)
    app.push_screen(SettingsScreen(CONFIG, app.glyphs))
    await pilot.pause()
    app.screen.fields["dataset"].focus()
    await pilot.press("right")
    app.screen.fields["hidden_sizes"].focus()
    await pilot.press("8", "0", "0")
    app.screen.fields["learning_rate"].focus()
    app.screen.fields["learning_rate"].cursor_blink = False
    await pilot.press("0", ".", "x")
    await pilot.pause()


@SIZES
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = TrainingApp(MadeUpSession(made_up.opening()))
    assert snap_compare(app, terminal_size=size, run_before=fill_in)


@SIZES
def test_picture_in_ascii(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_tui.tui.app.can_show_blocks", lambda encoding: False)
    app = TrainingApp(MadeUpSession(made_up.opening()))
    assert app.glyphs is ASCII
    assert snap_compare(app, terminal_size=size, run_before=fill_in)
