"""The examples, one of them large, with the probabilities of the ten digits and how they moved."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from ...events import Predictions, Preview
from ..pictures.digits import picture
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.digit_grid import DigitGrid, arrange
from ..widgets.loss_chart import epoch_ticks
from ..widgets.panel import retitle
from .tab import Tab

PICTURE = (28, 14)
"""The cells of the large picture: two pixels each, one over the other, so that every pixel is seen."""

SPACE = 2
"""Columns between the large picture and the table."""

FACTS = 3
"""Lines of what is said of the chosen digit."""

TALL = 30
"""Rows from which the small digits get a title."""

WIDE = 116
"""Columns from which there is a margin."""

LEAST = 24
"""The narrowest table that stands beside a picture."""


class DigitsTab(Tab):
    """The examples in small, one of them chosen with the arrows or a click; below, all about that one."""

    DEFAULT_CSS = """
    DigitsTab {
        & DigitGrid, & DigitDetail { border-top: solid $foreground 25%; border-title-color: $text; }
        & DigitDetail { height: 1fr; }
        &.-ascii DigitGrid, &.-ascii DigitDetail { border-top: ascii $foreground 25%; }
        &.-low DigitGrid { border: none; }
        &.-wide DigitGrid, &.-wide DigitDetail { padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left",
            "move(-1, 0)",
            "Choose",
            key_display="arrows",
            tooltip="choose a digit (Home and End: the first and the last; or click on it)",
        ),
        Binding("right", "move(1, 0)", show=False),
        Binding("up", "move(0, -1)", show=False),
        Binding("down", "move(0, 1)", show=False),
        Binding("home", "choose(0)", show=False),
        Binding("end", "choose(-1)", show=False),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.grid = DigitGrid(glyphs, colour)
        self.detail = DigitDetail(glyphs, colour)
        self.chosen = 0
        self.set_class(glyphs is ASCII, "-ascii")

    def compose(self) -> ComposeResult:
        yield self.grid
        yield self.detail

    def on_mount(self) -> None:
        self.grid.choose(self.chosen)

    def show(self, state: RunState) -> None:
        if state.preview is not self._state.preview:
            self._lay_out(state.preview)
        self._state = state
        self.grid.show(state.preview, state.predictions)
        self.detail.show(state, self.chosen)

    def on_resize(self) -> None:
        self._lay_out(self._state.preview)

    def _lay_out(self, preview: Preview | None) -> None:
        """Gives the small digits what the large one leaves; a line of captions at the least."""
        tall = self.size.height >= TALL
        wide = self.size.width >= WIDE
        self.set_class(not tall, "-low")
        self.set_class(wide, "-wide")
        self.grid.display = preview is not None
        if preview is not None:
            count = len(preview.labels)
            self.grid.styles.height = grid_height(self.size.width - 2 * wide, self.size.height - tall, count) + tall

    def action_move(self, x: int, y: int) -> None:
        place = self.chosen + x + y * self.grid.columns
        if self._state.preview and 0 <= place < len(self._state.preview.labels):
            self.action_choose(place)

    def action_choose(self, place: int) -> None:
        if self._state.preview:
            self.chosen = place % len(self._state.preview.labels)
            self.grid.choose(self.chosen)
            self.detail.show(self._state, self.chosen)

    def on_digit_grid_picked(self, message: DigitGrid.Picked) -> None:
        message.stop()
        self.action_choose(message.place)


def grid_height(width: int, height: int, count: int) -> int:
    """The lines for `count` small digits on a screen that holds the large one too."""
    room = height - PICTURE[1] - 1
    (_, cell), columns, _ = arrange(width, room, count)
    return max(1, min(math.ceil(count / columns), room // (cell + 1)) * (cell + 1))


class DigitDetail(Widget):
    """One example: its picture, what the model makes of it, and a row for each digit's probability.

    A row holds the probability over the training from left to right, as a bar at present, and as a number.
    """

    DEFAULT_CSS = """
    DigitDetail {
        & > .digit-detail--muted { color: $text-muted; }
        & > .digit-detail--label { color: $success; text-style: bold; }
        & > .digit-detail--wrong { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {f"digit-detail--{kind}" for kind in ("muted", "label", "wrong")}

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._colour = colour
        self._state = RunState()
        self._seen: tuple[Preview | None, Predictions | None, int] = (None, None, 0)
        self._picture: list[list[Segment]] = []
        self._strips: list[Strip] = []

    def show(self, state: RunState, chosen: int) -> None:
        """Draws the example at that place."""
        self._state = state
        before, self._seen = self._seen, (state.preview, state.predictions, chosen)
        if all(old is new for old, new in zip(before, self._seen, strict=True)):
            return
        if state.preview and (before[0] is not state.preview or before[2] != chosen):
            self._picture = picture(state.preview.pixels[chosen], *PICTURE, self._glyphs, self._colour)
        retitle(self, f"Digit {chosen + 1} of {len(state.preview.labels)}" if state.preview else "")
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y].apply_style(self.rich_style)
        return Strip.blank(self.size.width, self.rich_style)

    def _segment(self, text: str, kind: str = "") -> Segment:
        return Segment(text, self.get_component_rich_style(f"digit-detail--{kind}") if kind else None)

    def _draw(self) -> None:
        width, height = self.size
        preview, predictions, chosen = self._seen
        if preview is None:
            lines = [[self._segment("The test digits appear as soon as they are loaded.", "muted")]]
        else:
            label = preview.labels[chosen]
            beside = width - PICTURE[0] - SPACE if width >= PICTURE[0] + SPACE + LEAST else 0
            facts = self._facts(label, predictions)
            if not beside:
                lines = [*facts, *self._table(width, label, height - FACTS)]
            elif height >= PICTURE[1] + 1 + FACTS:
                left = [*self._picture, [], *facts]
                lines = self._side_by_side(left, self._table(beside, label, height))
            else:
                lines = self._side_by_side(self._picture, [*facts, *self._table(beside, label, height - FACTS)])
        self._strips = [Strip(line).adjust_cell_length(width) for line in lines[:height]]
        self.refresh()

    def _side_by_side(self, left: list[list[Segment]], right: list[list[Segment]]) -> list[list[Segment]]:
        lines = []
        for y in range(max(len(left), len(right))):
            line = left[y] if y < len(left) else []
            space = PICTURE[0] + SPACE - sum(segment.cell_length for segment in line)
            lines.append([*line, Segment(" " * space), *(right[y] if y < len(right) else [])])
        return lines

    def _facts(self, label: int, predictions: Predictions | None) -> list[list[Segment]]:
        """The label, the prediction and the loss; their marks are those of the table's rows."""
        lines = [[self._segment(f"{self._glyphs.label}  label {label}", "label")]]
        if predictions is not None:
            prediction = predictions.predictions[self._seen[2]]
            kind, mark = ("label", self._glyphs.right) if prediction == label else ("wrong", self._glyphs.wrong)
            lines.append([self._segment(f" {mark} prediction {prediction}", kind)])
            lines.append(
                [self._segment(f"   loss {loss_of(predictions.probabilities[self._seen[2]][label])}", "muted")]
            )
        return lines + [[]] * (FACTS - len(lines))

    def _table(self, width: int, label: int, height: int) -> list[list[Segment]]:
        """A line of heads and a row for each digit, two lines high where `height` has room."""
        _, predictions, chosen = self._seen
        high = 2 if height > 2 * 10 else 1
        decimals, number = (1, 6) if width >= 40 else (0, 4)
        past, bar = widths(width - number)
        epochs = self._state.epochs
        snapshots = [*self._state.prediction_snapshots]
        if predictions is not None and (not snapshots or snapshots[-1][1] is not predictions):
            snapshots.append((self._state.trained, predictions))
        seen = [snapshot.probabilities[chosen] if snapshot else None for snapshot in by_column(snapshots, past, epochs)]
        table = [[self._segment(f"epoch {axis(epochs, past)}  now", "muted")]]
        for digit in range(10):
            prediction = predictions.predictions[chosen] if predictions else None
            text, kind = mark(digit, label, prediction, self._glyphs)
            now = predictions.probabilities[chosen][digit] if predictions else math.nan
            *upper, lowest = band([snapshot[digit] if snapshot else None for snapshot in seen], high, self._glyphs.bars)
            table += [[Segment(" " * len(text)), self._segment(line, kind or "muted")] for line in upper]
            table.append(
                [
                    self._segment(text, kind),
                    self._segment(f"{lowest}   {fill_across(now, bar, self._glyphs.across)} ", kind or "muted"),
                    self._segment(f"{now:{number}.{decimals}%}" if predictions else "", kind),
                ]
            )
        return table


def mark(digit: int, label: int, prediction: int | None, glyphs: Glyphs) -> tuple[str, str]:
    """What stands before a digit's row, and which kind of row it is: label, wrong, or neither."""
    winner = " " if digit != prediction else glyphs.right if digit == label else glyphs.wrong
    text = f"{glyphs.label if digit == label else ' '}{winner} {digit}  "
    return text, "label" if digit == label else "wrong" if digit == prediction else ""


def loss_of(probability: float) -> str:
    """The cross entropy of a label that was given this probability, and how it comes about."""
    loss = -math.log(probability) if probability > 0 else math.inf if probability == 0 else math.nan
    return f"{loss:.3f} = -ln {probability:.3g}"


def widths(width: int) -> tuple[int, int]:
    """The columns of a row's past and of its bar, beside its marks and the spaces between."""
    rest = max(0, width - 10)
    bar = min(30, rest * 2 // 5)
    return rest - bar, bar


def axis(epochs: int, width: int) -> str:
    """Whole epochs from 0, each over the column where it is reached; the last one stands just behind."""
    line = [" "] * (width + 1)
    for tick in epoch_ticks(epochs, width) if width >= 6 else []:
        text = str(tick)
        start = min(round(tick / epochs * width), width + 1 - len(text))
        line[start : start + len(text)] = text
    return "".join(line)


def by_column(snapshots: Sequence[tuple[float, Predictions]], width: int, epochs: int) -> list[Predictions | None]:
    """For each of `width` columns of the training: the latest predictions then; None for what is to come."""
    columns: list[Predictions | None] = [None] * width
    if snapshots and width:
        times = [time for time, _ in snapshots]
        reached = max(1, min(width, math.ceil(times[-1] / epochs * width)))
        for column in range(reached):
            count = bisect_right(times, (column + 1) / width * epochs)
            columns[column] = snapshots[count - 1][1] if count else None
        columns[reached - 1] = snapshots[-1][1]
    return columns


def band(values: Sequence[float | None], height: int, bars: str) -> list[str]:
    """Probabilities as columns from `bars`, `height` lines high; even a zero leaves a trace, None does not.

    The highest stays a step short of the line above.
    """
    steps = len(bars) - 1
    most = height * steps - 1
    fills = [0 if value is None or not math.isfinite(value) else 1 + round(value * (most - 1)) for value in values]
    return ["".join(bars[max(0, min(steps, fill - row * steps))] for fill in fills) for row in reversed(range(height))]


def fill_across(value: float, width: int, across: str) -> str:
    """A probability as a bar from left to right, `width` cells at the most."""
    steps = len(across) - 1
    filled = round(value * width * steps) if math.isfinite(value) else 0
    whole, part = divmod(filled, steps)
    return (across[-1] * whole + across[part] * (part > 0)).ljust(width)
