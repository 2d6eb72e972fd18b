"""What the widgets draw, without an app."""

import math

import pytest
from rich.text import Text

from mlp_tui.events import EpochFinished, Preparing, RunFinished
from mlp_tui.tui.phases import Phase
from mlp_tui.tui.pictures.glyphs import ASCII, UNICODE
from mlp_tui.tui.run_state import RunState
from mlp_tui.tui.summary import clock
from mlp_tui.tui.widgets.accuracy_table import head, line
from mlp_tui.tui.widgets.digit_grid import caption
from mlp_tui.tui.widgets.loss_chart import Curves, averaged, epoch_ticks, even_ticks, loss_ticks, plot
from mlp_tui.tui.widgets.loss_sparkline import draw
from mlp_tui.tui.widgets.status_lines import ProgressLine, RunHeader, StatusLine

from ... import made_up


def text_of(line: StatusLine, width: int) -> str:
    return "".join(text for text, _ in line.parts(width))


# The sparkline


def test_the_sparkline_is_higher_for_a_higher_loss() -> None:
    assert draw([0.1, 1.0, 10.0], 10, 1, UNICODE) == ["▁▄█"]
    assert draw([0.1, 10.0], 10, 2, UNICODE) == [" █", "▁█"]


def test_the_sparkline_shows_a_gap_where_the_loss_is_not_finite() -> None:
    assert draw([1.0, math.nan, 1.0, math.inf], 10, 1, UNICODE) == ["▁ ▁ "]
    assert draw([math.nan], 10, 1, UNICODE) == []
    assert draw([], 10, 1, UNICODE) == []


def test_the_sparkline_is_as_wide_as_it_may_be_and_no_wider() -> None:
    (row,) = draw([1.0 + i for i in range(1000)], 40, 1, UNICODE)
    assert len(row) == 40
    assert list(row) == sorted(row, key=UNICODE.bars.index)


def test_the_sparkline_can_be_ascii_and_take_a_loss_of_zero() -> None:
    assert all(character.isascii() for row in draw([1.0, 0.0, 3.0], 10, 2, ASCII) for character in row)


# The chart

COLOURS = {part: (90, 170, 255) for part in ("train", "test", "other", "axes", "mark")}


@pytest.mark.parametrize(("width", "height"), [(80, 20), (200, 50), (34, 9), (20, 5)])
def test_the_chart_fills_its_panel(width: int, height: int) -> None:
    train = [(i / 10, 2.0 / (1 + i)) for i in range(30)]
    ansi = plot(width, height, Curves(train, [(1.0, 0.5)], end=5), UNICODE, COLOURS)
    lines = Text.from_ansi(ansi).plain.split("\n")
    assert [len(line) for line in lines] == [width] * height
    assert "◆" in "".join(lines)


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("losses", [[], [math.nan], [math.nan, math.inf, 1.0], [0.0, 0.0], [1e30, 1.0], [0.3, 0.3]])
def test_the_chart_takes_any_loss(losses: list[float], logarithmic: bool) -> None:
    points = [(float(i), loss) for i, loss in enumerate(losses)]
    ansi = plot(60, 12, Curves(points, points, points, points, end=5), ASCII, COLOURS, logarithmic)
    assert len(Text.from_ansi(ansi).plain.split("\n")) == 12


def test_averages_share_the_points_out_in_both_directions() -> None:
    assert averaged([(1.0, 4.0), (2.0, 2.0), (3.0, 1.0), (4.0, 0.0)], 2) == [(1.5, 3.0), (3.5, 0.5)]


def test_ticks_are_round_numbers_that_have_room() -> None:
    assert epoch_ticks(5, 40) == [0, 1, 2, 3, 4, 5]
    assert epoch_ticks(100, 40) == [0, 20, 40, 60, 80, 100]
    assert even_ticks(0.31, 0.52, 5) == [0.35, 0.4, 0.45, 0.5]
    assert even_ticks(0, 2.5, 4) == [0, 1, 2]
    assert loss_ticks(0.15, 2.5) == [0.2, 0.5, 1, 2]
    assert loss_ticks(0.23, 0.41) == [0.25, 0.3, 0.35, 0.4]


# The table


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_tables_columns_stand_under_their_heads(width: int) -> None:
    row = EpochFinished(3, 5, 0.191, 0.9487, 0.212, 1.0, 1.0, 0.1)
    top, below = head(width), line(row, width, "★")
    assert len(top) == len(below) <= width
    assert below.split() == ["★", "3", "0.191", "94.87%", "0.212", "100.00%"]


def test_the_tables_columns_stay_apart_where_all_is_right_and_there_is_little_room() -> None:
    row = EpochFinished(3, 5, 0.191, 1.0, 0.212, 1.0, 1.0, 0.1)
    assert line(row, 34, "★").split() == ["★", "3", "0.191", "100.0%", "0.212", "100.0%"]


# The digits


def test_a_caption_tells_right_from_wrong_by_more_than_colour() -> None:
    assert caption(7, 7, 14, UNICODE) == ("✓ 7, label 7", "right")
    assert caption(7, 9, 14, UNICODE) == ("✗ 7, label 9", "wrong")
    assert caption(7, 9, 8, ASCII) == ("x 7 (9)", "wrong")
    assert caption(None, 9, 14, UNICODE) == ("label 9", "muted")
    assert all(len(caption(7, 9, width, UNICODE)[0]) <= width for width in (8, 10, 14, 18))


# The lines at the top


def state_after(*events: object) -> RunState:
    state = RunState()
    for event in events:
        state.add(event)  # type: ignore[arg-type]
    return state


def test_the_header_names_dataset_model_optimizer_and_device_as_far_as_there_is_room() -> None:
    header = RunHeader()
    header._state, header._phase = state_after(*made_up.opening()), "ready"
    wide = text_of(header, 160)
    for fact in ("MNIST 60,000 + 10,000", "784-100-10 ReLU", "Adam 0.01", "batches of 64", "cpu (1 thread)"):
        assert fact in wide
    assert wide.endswith("○ ready")
    assert all(len(text_of(header, width)) == width for width in (160, 120, 80, 60, 40))


def test_the_progress_line_tells_epoch_batch_speed_and_time_left_and_does_not_jump() -> None:
    progress = ProgressLine()
    progress._state = state_after(*made_up.opening(), made_up.batch(2, 9, 938, 0.4))
    early = text_of(progress, 120)
    progress._state = state_after(*made_up.opening(), made_up.batch(2, 469, 938, 0.4))
    text = text_of(progress, 120)
    assert "Epoch 2/5" in text and "batch 469/938" in text and "80,000 images/s" in text
    assert "0:03 left" in text  # three and a half epochs of 0.75 s
    assert len(text) == len(early) == 120
    assert text.index("batch") == early.index("batch")
    assert 0.25 < text.count("━") / (text.count("━") + text.count("─")) < 0.35


@pytest.mark.parametrize("width", [160, 120, 80, 60, 40])
def test_the_progress_line_keeps_to_its_width(width: int) -> None:
    progress = ProgressLine()
    progress._state = state_after(*made_up.opening(), made_up.batch(2, 469, 938, 0.4))
    assert len(text_of(progress, width)) == width
    progress._state = state_after(Preparing("Downloading train-images-idx3-ubyte.gz", 5_000_000, 9_912_422))
    text = text_of(progress, max(60, width))
    assert "5.0 of 9.9 MB" in text
    assert len(text) == max(60, width)


@pytest.mark.parametrize(
    ("phase", "events", "text"),
    [
        ("loading", [], "Starting…"),
        ("loading", [Preparing("Loading PyTorch")], "Loading PyTorch…"),
        ("ready", made_up.opening(), "Ready. Press s to start the training."),
        (
            "completed",
            [*made_up.opening(), *made_up.epoch(1), RunFinished("completed", 1, 0.2, 0.91, 61.0)],
            "1 epoch in 1:01. Test accuracy 91.00%, best 91.00%. Press r to train anew.",
        ),
        ("stopped", [RunFinished("stopped", 0, None, None, 0.4)], "0 epochs in 0:00. Press r to train anew."),
    ],
)
def test_the_progress_line_says_what_is_going_on(phase: Phase, events: list[object], text: str) -> None:
    progress = ProgressLine()
    progress._state, progress._phase = state_after(*events), phase
    assert text_of(progress, 100).strip() == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")])
def test_a_duration_reads_as_a_clock_shows_it(seconds: float, text: str) -> None:
    assert clock(seconds) == text
