"""The examples, one of them in detail, with the probabilities of the classes and how they moved."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from ...events import Predictions, Preview
from ...headless.data import MNIST, Data, cut, padded
from ..pictures import rows
from ..pictures.arrange import arrange
from ..pictures.bars import bar, columns
from ..pictures.digits import picture
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.answer import likeliest_first
from ..widgets.digit_grid import DigitGrid, sizes
from ..widgets.lines import Line, Lines
from ..widgets.loss_chart import epoch_ticks
from ..widgets.panel import retitle
from .tab import OWN_LOOP, Tab

PICTURE = (28, 14)
"""The cells of the large picture: two pixels each, one over the other, so that every pixel is seen."""

SPACE = 2
"""Columns between the large picture and the table."""

FACTS = 3
"""Lines of facts about the chosen digit: its label, the prediction, the loss."""

TALL = 30
"""Rows from which the small digits get a title."""

WIDE = 116
"""Columns from which there is a margin."""

LEAST = 24
"""The narrowest table that stands beside a picture."""


class DigitsTab(Tab):
    """The examples in small pictures, one of them chosen with the arrows or a click; below, that one in detail."""

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
        Binding("left", "move(-1, 0)", "Choose", key_display="arrows", tooltip="choose a digit, or click on it"),
        Binding("right", "move(1, 0)", show=False),
        Binding("up", "move(0, -1)", show=False),
        Binding("down", "move(0, 1)", show=False),
        Binding("home", "choose(0)", show=False, key_display="home/end", tooltip="the first digit, the last"),
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
        before, self._state = self._state, state
        if state.preview is not before.preview:
            self._lay_out(state.preview)
        self.grid.show(state)
        self.detail.show(state, self.chosen)

    def on_resize(self) -> None:
        self._lay_out(self._state.preview)

    def _lay_out(self, preview: Preview | None) -> None:
        """Gives the small digits the room that the large one does not need: at least a line of captions."""
        tall = self.size.height >= TALL
        wide = self.size.width >= WIDE
        self.set_class(not tall, "-low")
        self.set_class(wide, "-wide")
        self.grid.display = preview is not None
        if preview is not None:
            count, data = len(preview.labels), self._state.data
            room = self.size.width - 2 * wide, self.size.height - tall
            self.grid.styles.height = grid_height(*room, count, data) + tall

    def action_move(self, x: int, y: int) -> None:
        place = self.chosen + x + y * self.grid.arrangement.columns
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


def grid_height(width: int, height: int, count: int, data: Data = MNIST) -> int:
    """The lines for `count` small examples on a screen that holds the large one too."""
    room = height - PICTURE[1] - 1
    if not data.pictures:
        return max(2, min(count + 1, room))
    (_, cell), columns, *_ = arrange(width, room, count, sizes(data, room))
    return max(1, min(math.ceil(count / columns), room // (cell + 1)) * (cell + 1))


class DigitDetail(Lines):
    """One example: its picture or its values, what the model makes of it, and a row for each class's probability.

    A row holds the probability over the training from left to right, as a bar at present, and as a number.
    """

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._state = RunState()
        self._chosen = 0
        self._seen: tuple[object, ...] = ()

    def show(self, state: RunState, chosen: int) -> None:
        """Draws the example at that place."""
        before, self._seen = self._seen, (state, state.preview, state.predictions, chosen)
        if len(before) == len(self._seen) and all(old is new for old, new in zip(before, self._seen, strict=True)):
            return
        self._state, self._chosen = state, chosen
        noun = state.data.noun.capitalize()
        retitle(self, f"{noun} {chosen + 1} of {len(state.preview.labels)}" if state.preview else "")
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        preview = self._state.preview
        if preview is None:
            why = f"The test {self._state.data.noun}s appear as soon as they are loaded."
            return [[self.text(OWN_LOOP if self._state.own_loop else why, "muted")]]
        label = preview.labels[self._chosen]
        beside = width - PICTURE[0] - SPACE
        facts = self._facts(label, width if beside < LEAST or height < PICTURE[1] + 1 + FACTS else PICTURE[0])
        if beside < LEAST:
            return [*facts, *self._table(width, label, height - FACTS)]
        left = self._example(preview)
        if height >= PICTURE[1] + 1 + FACTS:
            left, right = [*left, [], *facts], self._table(beside, label, height)
        else:
            right = [*facts, *self._table(beside, label, height - FACTS)]
        rows: Iterable[tuple[Line, Line]] = zip_longest(left, right, fillvalue=[])
        return [[*(Strip(one).adjust_cell_length(PICTURE[0] + SPACE)), *other] for one, other in rows]

    def _example(self, preview: Preview) -> list[Line]:
        """The chosen example: its picture, or its values by their names, the most telling first."""
        data, order = self._state.data, self._state.order
        if data.pictures:
            pixels = preview.pixels[self._chosen]
            return picture(pixels, *PICTURE, self._glyphs, self._colour, data.picture_shape)
        width, height = PICTURE
        shown = order if len(order) <= height else order[: height - 1]
        lines = []
        for i in shown:
            name = padded(data.column(i), width - rows.CELL, self._glyphs.ellipsis)
            value = rows.number(preview.values[self._chosen][i]).rjust(rows.CELL)
            lines.append([self.text(name, "muted"), self.text(value)])
        if len(shown) < len(order):
            lines.append([self.text(f"and {len(order) - len(shown)} more columns", "muted")])
        return lines + [[]] * (height - len(lines))

    def _facts(self, label: int, width: int) -> list[Line]:
        """The label, the prediction and the loss; their marks are those of the table's rows."""

        def fitting(text: str) -> str:
            return cut(text, width, self._glyphs.ellipsis)

        name = self._state.data.name
        lines = [[self.text(fitting(f"{self._glyphs.label}  label {name(label)}"), "best")]]
        if predictions := self._state.predictions:
            prediction = predictions.predictions[self._chosen]
            loss = loss_of(predictions.probabilities[self._chosen][label])
            part, mark = ("best", self._glyphs.right) if prediction == label else ("wrong", self._glyphs.wrong)
            lines += [
                [self.text(fitting(f" {mark} prediction {name(prediction)}"), part)],
                [self.text(f"   loss {loss}", "muted")],
            ]
        return lines + [[]] * (FACTS - len(lines))

    def _table(self, width: int, label: int, height: int) -> list[Line]:
        """A line of heads and a row for each class, two lines high where `height` has room.

        Where not all classes have room the likeliest are there, and the label's.
        """
        state, chosen = self._state, self._chosen
        count = len(state.predictions.probabilities[chosen]) if state.predictions else len(state.data.classes)
        high = 2 if height > 2 * count else 1
        decimals, number = (1, 6) if width >= 40 else (0, 4)
        name = min(state.data.longest, max(1, width // 5))
        past, across = widths(width - number - name + 1)
        snapshots = [*state.prediction_snapshots]
        if state.predictions is not None and (not snapshots or snapshots[-1][1] is not state.predictions):
            snapshots.append((state.trained, state.predictions))
        seen = [
            snapshot.probabilities[chosen] if snapshot else None
            for snapshot in by_column(snapshots, past, state.epochs)
        ]
        prediction = state.predictions.predictions[chosen] if state.predictions else None
        nows = state.predictions.probabilities[chosen] if state.predictions else [math.nan] * count
        shown = likeliest_first(nows, height - 1)
        if len(shown) < count:
            shown = likeliest_first(nows, height - 2, label)
        table = [[self.text(f"{'epoch':<{5 + name}}{axis(state.epochs, past)}  now", "muted")]]
        for digit in shown:
            text, part = mark(digit, label, prediction, self._glyphs)
            text += f"{padded(state.data.name(digit), name, self._glyphs.ellipsis)}  "
            now = nows[digit]
            # The highest stays a step short of the row above.
            *upper, lowest = columns(
                [shares[digit] if shares and digit < len(shares) else None for shares in seen],
                high,
                self._glyphs,
                spare=1,
            )
            table += [[self.text(" " * len(text)), self.text(line, part or "muted")] for line in upper]
            table.append(
                [
                    self.text(text, part),
                    self.text(f"{lowest}   {''.join(bar(now, across, self._glyphs.across))} ", part or "muted"),
                    self.text(f"{now:{number}.{decimals}%}" if state.predictions else "", part),
                ]
            )
        if len(shown) < count:
            rest = sum(nows) - sum(nows[digit] for digit in shown)
            words = f"{count - len(shown)} other classes" + (f": {max(0.0, rest):.1%}" if state.predictions else "")
            table.append([self.text(f"   {words}", "muted")])
        return table


def mark(digit: int, label: int, prediction: int | None, glyphs: Glyphs) -> tuple[str, str]:
    """What stands before a digit's row, and the component class of the row: best for the label, wrong, or none."""
    winner = " " if digit != prediction else glyphs.right if digit == label else glyphs.wrong
    text = f"{glyphs.label if digit == label else ' '}{winner} "
    return text, "best" if digit == label else "wrong" if digit == prediction else ""


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
