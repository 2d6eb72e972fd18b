"""What the dashboard shows of other data than digits: pictures in colour, very many classes, a table, kernels."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Size
from textual.pilot import Pilot

from mlp_tui.events import EpochFinished, Event, Predictions, RunFinished, RunStarted
from mlp_tui.headless.data import MNIST, Data, abbreviated, cut, cut_both
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.pictures.digits import picture, shades
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.pictures.rows import telling_columns
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.screens.step import StepScreen, StepView
from mlp_tui.tui.summary import outcome, summary
from mlp_tui.tui.tabs.digits import DigitDetail
from mlp_tui.tui.tabs.draw import COLOUR, NO_PICTURES
from mlp_tui.tui.tabs.draw import caption as draw_caption
from mlp_tui.tui.tabs.mistakes import MistakesTab
from mlp_tui.tui.tabs.weights import NO_PIXELS
from mlp_tui.tui.widgets.accuracy_table import head
from mlp_tui.tui.widgets.answer import Probabilities, ReadDigit, SeenDigit, likeliest_first
from mlp_tui.tui.widgets.confusion_matrix import ConfusionMatrix, describe
from mlp_tui.tui.widgets.digit_grid import DigitGrid, caption
from mlp_tui.tui.widgets.hidden_units import UnitDetail, sizes
from mlp_tui.tui.widgets.lines import Lines
from mlp_tui.tui.widgets.mistake_gallery import MistakeGallery
from mlp_tui.tui.widgets.status_lines import RunHeader

from .. import made_up, made_up_data
from ..made_up import MadeUpSession

Compare = Callable[..., bool]

SIZES = pytest.mark.parametrize("size", [(160, 48), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
RUNS = {"colour": made_up_data.colour(), "birds": made_up_data.birds(), "table": made_up_data.table()}
EVERY_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


def state_of(run: RunStarted, *events: Event) -> RunState:
    state = RunState()
    for event in (*made_up_data.opening(run), *made_up_data.mistakes(run), *events):
        state.add(event)
    return state


@contextmanager
def without_an_app(*widgets: Lines) -> Iterator[None]:
    """Widgets whose styles are plain, as there is no app to give them any."""
    patch = pytest.MonkeyPatch()
    for widget in widgets:
        patch.setattr(widget, "get_component_rich_style", lambda *names, **options: Style())
        patch.setattr(type(widget), "_dark", True, raising=False)
        patch.setattr(widget, "redraw", lambda: None)
    yield
    patch.undo()


def lines_of(widget: Lines, width: int, height: int) -> list[str]:
    return ["".join(segment.text for segment in line) for line in widget.lines(width, height)]


# Names and shapes


def test_names_are_cut_to_cells_and_made_safe() -> None:
    assert cut("shirt", 5) == "shirt"
    assert cut("sandals", 5) == "sand…"
    assert cut("sandals", 5, "...") == "sa..."
    assert cell_len(cut("日本語のクラス", 7)) <= 7
    assert cut_both("cat", "rhinoceros", 10) == ("cat", "rhinoc…")
    assert cut_both("rhinoceros", "cat", 10) == ("rhinoc…", "cat")
    assert abbreviated(["shirt", "sandal"], 3) == ["shi", "san"]
    assert abbreviated(["bird 001", "bird 002"], 3) is None
    run = dataclasses.replace(made_up_data.colour(), classes=("a\x1b[31m", "b\nc"))
    assert Data.of(run).classes == ("a?[31m", "b?c")


def test_a_picture_in_colour_has_its_own_colours_and_a_gray_one_the_maps() -> None:
    red_and_blue = bytes((200, 10, 20) * 16 + (20, 10, 200) * 16)
    rows = picture(red_and_blue, 8, 2, UNICODE, True, (4, 8, 3))
    styles = [segment.style for row in rows for segment in row if segment.style]
    assert [style.bgcolor and style.bgcolor.triplet for style in styles] == [(200, 10, 20), (20, 10, 200)]
    gray = picture(bytes(255 for _ in range(32)), 8, 2, UNICODE, True, (4, 8, 1))
    assert gray[0][0].style == shades(0, 255)
    plain = picture(red_and_blue, 8, 2, ASCII, False, (4, 8, 3))
    assert [segment.style for row in plain for segment in row] == [None, None]


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (10, 40, 3), (40, 10, 1), (1, 1, 1), (8, 8, 4)])
def test_a_picture_of_any_shape_fills_its_cell_and_keeps_its_proportions(
    shape: tuple[int, int, int], colour: bool
) -> None:
    pixels = bytes(i % 256 for i in range(shape[0] * shape[1] * shape[2]))
    rows = picture(pixels, 18, 9, UNICODE, colour, shape)
    assert [sum(segment.cell_length for segment in row) for row in rows] == [18] * 9


def test_a_tall_picture_stands_in_the_middle() -> None:
    rows = picture(bytes([255] * 400), 18, 9, ASCII, False, (40, 10, 1))
    assert ["".join(segment.text for segment in row) for row in rows] == ["       @@@@       "] * 9


def test_the_columns_that_tell_the_labels_apart_come_first() -> None:
    rows = [(1.0, 5.0, 7.0), (2.0, 5.1, 7.0), (1.0, 9.0, 7.0), (2.0, 9.1, 7.0)]
    assert telling_columns(rows, [0, 0, 1, 1]) == [1, 0, 2]
    assert telling_columns([(float("nan"), 1.0)], [0]) == [0, 1]


# Widgets, without an app


@pytest.mark.parametrize("width", [8, 10, 14, 18])
@pytest.mark.parametrize("prediction", [None, 0, 1])
def test_a_caption_with_long_names_keeps_to_its_width(width: int, prediction: int | None) -> None:
    data = Data(made_up_data.CLOTHES)
    for glyphs in (UNICODE, ASCII):
        text, part = caption(prediction, 0, width, glyphs, data)
        assert cell_len(text) <= width
        assert part == {None: "muted", 0: "right", 1: "wrong"}[prediction]
    assert caption(1, 0, 18, UNICODE, data)[0] == "✗ straw… (ankle…)"
    assert caption(1, 0, 40, UNICODE, data)[0] == "✗ straw hat, label ankle boot, brown"
    assert caption(2, 2, 10, UNICODE, data)[0] == "✓ rubber…"


@EVERY_RUN
@pytest.mark.parametrize("size", [(1, 1), (24, 9), (45, 18), (98, 40), (150, 44)])
def test_every_widget_keeps_to_its_size(run: RunStarted, size: tuple[int, int]) -> None:
    state = state_of(run)
    grid, detail, gallery, bars = DigitGrid(), DigitDetail(), MistakeGallery(), Probabilities()
    with without_an_app(grid, detail, gallery, bars):
        grid.show(state)
        detail.show(state, 4)
        gallery.show(state, None)
        bars._answer, bars._data = made_up_data.drawing(RUNS["birds"]), state_of(RUNS["birds"]).data
        for widget in (grid, gallery, bars):
            texts = lines_of(widget, *size)
            assert len(texts) <= max(size[1], 5), widget
            assert all(cell_len(text.rstrip()) <= max(size[0], 18) for text in texts), (widget, texts)
        lines_of(detail, *size)


def test_rows_of_a_table_are_shown_with_prediction_label_and_the_most_telling_columns() -> None:
    grid = DigitGrid()
    with without_an_app(grid):
        grid.show(state_of(made_up_data.table()))
        first, second, *_ = lines_of(grid, 76, 30)
        assert first.split("  ")[1] == "read as"
        assert first.index("petal len") < first.index("sepal")
        assert second.startswith("✓ setosa      setosa     ")
        assert grid.border_title == "Test examples: 17 of 20 right"
        last = lines_of(grid, 76, 30)[20]
        assert last.startswith("✗ virginica   versicolor ")
        narrow = lines_of(grid, 30, 10)
        assert len(narrow) == 10 and "petal len" not in narrow[0] and "the weigh" in narrow[0]


def test_the_chosen_row_is_shown_by_its_columns_names() -> None:
    detail = DigitDetail()
    with without_an_app(detail):
        detail.show(state_of(made_up_data.table()), 2)
        text = "\n".join(lines_of(detail, 100, 20))
        assert detail.border_title == "Example 3 of 20"
        for column in ("petal length", "the weight of", "ph"):
            assert column in text
        assert "label virginica" in text and "prediction virginica" in text


def test_a_long_name_beside_the_picture_is_cut_to_the_room_there() -> None:
    detail = DigitDetail()
    with without_an_app(detail):
        detail.show(state_of(made_up_data.colour()), 0)
        assert any(line.endswith("✓ prediction ankle boot, bro…") for line in lines_of(detail, 60, 16))


def test_a_low_screen_has_a_bar_in_two_columns_for_each_of_an_odd_number_of_letters() -> None:
    detail, weights = UnitDetail(), made_up.weights(1)
    weights = dataclasses.replace(weights, outgoing=(weights.outgoing[0][:9],))
    with without_an_app(detail):
        detail.show(weights, 0, 1.0, Data(tuple("abcdefghi")))
        bars = [line.split() for line in lines_of(detail, 28, 16)[-5:]]
        assert [[word for word in line if word.isalpha()] for line in bars] == [
            ["a", "f"], ["b", "g"], ["c", "h"], ["d", "i"], ["e"]
        ]  # fmt: skip


def test_the_likeliest_classes_are_shown_and_the_label_and_what_is_left_out() -> None:
    run = made_up_data.birds()
    detail = DigitDetail()
    with without_an_app(detail):
        detail.show(state_of(run), 19)
        lines = [line[30:] for line in lines_of(detail, 100, 18)][:18]
        assert "bird 134" in lines[1] and "✗" in lines[1]
        assert any("▸" in line and "bird 133" in line for line in lines)
        assert "184 other classes: " in lines[17]
        assert len(lines) == 18
    assert likeliest_first((0.1, 0.5, 0.0, 0.4), 2, always=2) == [1, 2]
    assert likeliest_first((0.1, 0.5, 0.0, 0.4), 4) == [0, 1, 2, 3]


def test_the_matrix_shows_the_most_confused_classes_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    state, matrix = state_of(made_up_data.birds()), ConfusionMatrix()
    assert state.mistakes is not None
    with without_an_app(matrix):
        matrix.show(state.mistakes.confusion, None, state.data)
        matrix._most = 12
        monkeypatch.setattr(ConfusionMatrix, "size", Size(11 + 12 * 4 + 5, 20))
        lines = lines_of(matrix, 11 + 12 * 4 + 5, 20)
        assert lines[0].startswith("12 of 200 classes, those most confused")
        assert {cell_len(line) for line in [lines[0], *lines[2:14]]} == {11 + 12 * 4 + 5}
        assert lines[1].split() == [str(label) for label in matrix.shown]
        assert lines[2].startswith(f"{matrix.shown[0]} bird 0")
        matrix.show(state.mistakes.confusion, (150, 151), state.data)
        lines_of(matrix, 11 + 12 * 4 + 5, 20)
        assert {150, 151} <= {*matrix.shown}
    assert (
        describe(state.mistakes.confusion, (3, 4), None, state.data, 40) == "2 of 51 bird 00… read as bird 004…: 3.9%"
    )
    assert describe(((1, 0), (0, 1)), None, None, MNIST, 40) == "Every digit was read right."


def test_the_gallery_shows_rows_of_a_table() -> None:
    gallery = MistakeGallery()
    with without_an_app(gallery):
        gallery.show(state_of(made_up_data.table()), None)
        lines = lines_of(gallery, 90, 10)
        assert "petal len…" in lines[0]
        assert any("read as" in line for line in lines[1:])


def test_small_kernels_are_drawn_with_each_weight_as_large() -> None:
    assert sizes((28, 28))[0] == (28, 14)
    assert sizes((3, 3)) == ((24, 12), (18, 9), (12, 6), (6, 3))
    assert sizes((5, 5)) == ((20, 10), (10, 5))
    assert all(width >= 6 for width, _ in sizes((1, 1)))


def test_the_drawing_is_seen_in_the_datas_size_and_a_name_is_read() -> None:
    run = made_up_data.birds()
    data, answer = Data.of(run), made_up_data.drawing(run)
    seen, read, bars = SeenDigit(), ReadDigit(), Probabilities()
    with without_an_app(seen, read, bars):
        for widget in (seen, read, bars):
            widget.show(answer, "", data)
        assert len(lines_of(seen, 56, 28)) == 28
        assert "bird 001 of the list" in "\n".join(lines_of(read, 30, 8))
        shown = lines_of(bars, 60, 10)
        assert len(shown) == 10 and "bird 001" in shown[0] and "70.0%" in shown[0]
    assert "20x24 pixels" in draw_caption(data)
    assert draw_caption(MNIST).endswith("like the digits that the model learns from.")
    assert draw_caption(Data.of(made_up_data.colour())) == draw_caption(Data.of(made_up_data.table())) == ""


def test_the_header_says_the_model_and_the_plain_loop_where_there_is_room() -> None:
    header = RunHeader()
    header._state, header._phase = state_of(made_up_data.colour()), "ready"
    text = "".join(text for text, _ in header.parts(160))
    assert "net.py:ConvNet" in text and "plain loop" in text
    assert "plain loop" not in "".join(text for text, _ in header.parts(110))
    header._state = state_of(dataclasses.replace(made_up_data.colour(), dataset="/a/very" * 20, steps="by hand"))
    text = "".join(text for text, _ in header.parts(160))
    assert len(text) == 160 and "by hand" not in text


def test_validation_is_named_where_it_is_what_an_epoch_is_judged_by() -> None:
    row = EpochFinished(1, 2, 0.3, 0.9, 0.2, 0.95, 1.0, 0.1, "validation")
    end = RunFinished("completed", 2, 0.21, 0.93, 2.0)
    state = state_of(made_up_data.colour(), row, end)
    assert state.split == "valid."
    assert head(60, "validation").split() == ["epoch", "train", "loss", "accuracy", "valid.", "loss", "accuracy"]
    assert head(40, "validation").split() == ["epoch", "train", "acc.", "valid.", "acc."]
    assert "Test accuracy 93.00%, best validation 95.00% (epoch 1)." in summary(state)
    assert "Test accuracy 93.00%, best validation 95.00%." in outcome(state)


# In the dashboard


async def load(pilot: Pilot[None]) -> TrainingApp:
    app = pilot.app
    assert isinstance(app, TrainingApp)
    await pilot.press("s")
    while not app.control.state.predictions or (app.control.phase in ("loading", "starting")):
        await pilot.pause(0.02)
    while app.control.state.batch is None:
        await pilot.pause(0.02)
    return app


def session(run: RunStarted, *events: Event) -> MadeUpSession:
    return MadeUpSession(
        [*made_up_data.opening(run), *made_up_data.mistakes(run), *events, made_up.batch(1, 7, 14, 0.5)], hold=False
    )


def screen_of(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


@EVERY_RUN
async def test_every_tab_can_be_drawn_at_every_size(run: RunStarted) -> None:
    app = TrainingApp(session(run, made_up_data.step_taken(run, 30)))
    async with app.run_test(size=(160, 48)) as pilot:
        await load(pilot)
        for size in ((160, 48), (80, 24), (60, 20), (20, 6)):
            await pilot.resize_terminal(*size)
            for key in "12345":
                await pilot.press(key, "right", "down")
                await pilot.pause()
                assert ("Examples" in screen_of(pilot)) or size[0] < 60


@pytest.mark.parametrize(
    ("run", "tab", "words"),
    [
        ("table", "4", "rows of a table"),
        ("colour", "4", NO_PIXELS),
        ("table", "5", NO_PICTURES),
        ("colour", "5", COLOUR),
    ],
)
async def test_a_tab_says_what_it_needs(run: str, tab: str, words: str) -> None:
    app = TrainingApp(session(RUNS[run], made_up_data.no_weights()))
    async with app.run_test(size=(160, 48)) as pilot:
        await load(pilot)
        await pilot.press(tab)
        await pilot.pause()
        squeezed = " ".join(screen_of(pilot).replace("│", " ").split())
        assert all(word in squeezed for word in words.split())


async def test_the_arrows_reach_classes_that_are_not_on_show() -> None:
    app = TrainingApp(session(made_up_data.birds()))
    async with app.run_test(size=(120, 40)) as pilot:
        await load(pilot)
        await pilot.press("3")
        tab = app.query_one(MistakesTab)
        await pilot.press("left")
        assert tab.picked is not None
        before = list(tab.matrix.shown)
        assert len(before) < 40 and f"{len(before)} of 200 classes" in screen_of(pilot)
        await pilot.press("right")
        assert tab.matrix.shown == before or tab.picked[1] not in before  # what is in view stays there
        tab.pick((150, 151))
        await pilot.pause()
        assert {150, 151} <= {*tab.matrix.shown}
        for _ in range(200):
            tab.action_move(1, 0)
        assert tab.picked[0] == 199


async def test_a_step_lists_the_parameters_page_by_page() -> None:
    run = made_up_data.colour()
    app = TrainingApp(session(run, made_up_data.step_taken(run, 30)))
    async with app.run_test(size=(160, 48)) as pilot:
        await load(pilot)
        app.push_screen(StepScreen(UNICODE, True))
        await pilot.pause()
        assert isinstance(app.screen, StepScreen)
        app.screen.view.show(app.control.state)
        await pilot.pause()
        assert "1-8 of 30" in screen_of(pilot)
        assert "20 examples read right" in screen_of(pilot)
        await pilot.press("pagedown", "down")
        assert "10-17 of 30" in screen_of(pilot)
        await pilot.press(*["pagedown"] * 5)
        assert "23-30 of 30" in screen_of(pilot) and "blocks.14.attention.projection.bias" in screen_of(pilot)


async def test_a_table_of_many_columns_and_the_step_of_its_rows() -> None:
    run = made_up_data.table()
    view = StepView()
    app = TrainingApp(session(run, made_up_data.step_taken(run)))
    async with app.run_test(size=(80, 24)) as pilot:
        await load(pilot)
        app.push_screen(StepScreen(UNICODE, True))
        await pilot.pause()
        assert isinstance(app.screen, StepScreen)
        app.screen.view.show(app.control.state)
        await pilot.pause()
        text = screen_of(pilot)
        assert "✓ setosa" in text and "setosa:" in text
    assert view.lines(10, 10) == []


# Pictures of the whole screen


def look(tab: str, *keys: str) -> Callable[[Pilot[None]], object]:
    async def open_tab(pilot: Pilot[None]) -> None:
        await load(pilot)
        while pilot.app.control.state.finished is None:  # type: ignore[attr-defined]
            await pilot.pause(0.02)
        await pilot.press(tab, *keys)
        pilot.app.draw()  # type: ignore[attr-defined]
        await pilot.pause()

    return open_tab


@SIZES
@pytest.mark.parametrize("tab", ["1", "2"], ids=["train", "examples"])
@pytest.mark.parametrize("run", ["colour", "table"])
def test_other_data(snap_compare: Compare, size: tuple[int, int], tab: str, run: str) -> None:
    epoch = [event for event in made_up.epoch(1, batches=14) if not isinstance(event, Predictions)]
    app = TrainingApp(session(RUNS[run], *epoch))
    assert snap_compare(app, terminal_size=size, run_before=look(tab))


@SIZES
def test_mistakes_among_200_classes(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(TrainingApp(session(RUNS["birds"])), terminal_size=size, run_before=look("3", "left"))


@SIZES
def test_kernels(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = TrainingApp(session(RUNS["colour"], made_up_data.kernels()))
    assert snap_compare(app, terminal_size=size, run_before=look("4", "right"))
