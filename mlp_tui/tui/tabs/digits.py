"""The examples, one of them in detail, with the probabilities of the classes and how they moved."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from operator import is_
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
from .tab import OWN_LOOP, Tab

PICTURE = (28, 14)
"""The cells of the large picture: two pixels each, one over the other, so that every pixel is seen."""

FACTS = 3
"""Lines of facts about the chosen digit: its label, the prediction, the loss."""

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
        width, height = self.size
        wide, tall = width >= 116, height >= 30  # where there is room for a margin, and for a title
        self.set_class(not tall, "-low")
        self.set_class(wide, "-wide")
        self.grid.display = preview is not None
        if preview is not None:
            count = len(preview.labels)
            self.grid.styles.height = grid_height(width - 2 * wide, height - tall, count, self._state.data) + tall

    def action_move(self, x: int, y: int) -> None:
        self.action_choose(self.chosen + x + y * self.grid.arrangement.columns)

    def action_choose(self, place: int) -> None:
        if self._state.preview and 0 <= place < len(self._state.preview.labels):
            self.chosen = place
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

    _state = RunState()
    _chosen = 0
    _seen: tuple[object, ...] = (None,) * 4

    def show(self, state: RunState, chosen: int) -> None:
        """Draws the example at that place."""
        before, self._seen = self._seen, (state, state.preview, state.predictions, chosen)
        if all(map(is_, before, self._seen)):
            return
        self._state, self._chosen = state, chosen
        noun = state.data.noun.capitalize()
        self.retitle(f"{noun} {chosen + 1} of {len(state.preview.labels)}" if state.preview else "")
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        preview = self._state.preview
        if preview is None:
            why = f"The test {self._state.data.noun}s appear as soon as they are loaded."
            return [[self.text(OWN_LOOP if self._state.own_loop else why, "muted")]]
        label = preview.labels[self._chosen]
        beside = width - PICTURE[0] - 2
        if beside < LEAST:
            return [*self._facts(label, width), *self._table(width, label, height - FACTS)]
        left = self._example(preview)
        if height >= PICTURE[1] + 1 + FACTS:
            left += [[], *self._facts(label, PICTURE[0])]
            right = self._table(beside, label, height)
        else:
            right = [*self._facts(label, beside), *self._table(beside, label, height - FACTS)]
        rows: Iterable[tuple[Line, Line]] = zip_longest(left, right, fillvalue=[])
        return [[*(Strip(one).adjust_cell_length(PICTURE[0] + 2)), *other] for one, other in rows]

    def _example(self, preview: Preview) -> list[Line]:
        """The chosen example: its picture, or its values by their names, the most telling first."""
        data, order = self._state.data, self._state.order
        if data.pictures:
            return [*picture(preview.pixels[self._chosen], *PICTURE, self._glyphs, self._colour, data.picture_shape)]
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
        data, ellipsis = self._state.data, self._glyphs.ellipsis
        lines = [[self.text(cut(f"{self._glyphs.label}  label {data.name(label)}", width, ellipsis), "best")]]
        if predictions := self._state.predictions:
            prediction = predictions.predictions[self._chosen]
            part, mark = ("best", self._glyphs.right) if prediction == label else ("wrong", self._glyphs.wrong)
            text = cut(f" {mark} prediction {data.name(prediction)}", width, ellipsis)
            loss = loss_of(predictions.probabilities[self._chosen][label])
            lines += [[self.text(text, part)], [self.text(f"   loss {loss}", "muted")]]
        return lines + [[]] * (FACTS - len(lines))

    def _table(self, width: int, label: int, height: int) -> list[Line]:
        """A line of heads and a row for each class, two lines high where `height` has room.

        Where not all classes have room the likeliest are there, and the label's.
        """
        state, chosen, predictions = self._state, self._chosen, self._state.predictions
        prediction, nows = None, (math.nan,) * len(state.data.classes)
        snapshots = [*state.prediction_snapshots]
        if predictions is not None:
            prediction, nows = predictions.predictions[chosen], predictions.probabilities[chosen]
            if not snapshots or snapshots[-1][1] is not predictions:
                snapshots.append((state.trained, predictions))
        count = len(nows)
        high = 2 if height > 2 * count else 1
        decimals, number = (1, 6) if width >= 40 else (0, 4)
        name = min(state.data.longest, max(1, width // 5))
        room = max(0, width - number - name - 9)  # for the past and the bar, beside the marks and the spaces between
        across = min(30, room * 2 // 5)
        past = room - across
        seen = [look.probabilities[chosen] if look else () for look in by_column(snapshots, past, state.epochs)]
        shown = likeliest_first(nows, height - 1)
        if len(shown) < count:
            shown = likeliest_first(nows, height - 2, label)
        table = [[self.text(f"{'epoch':<{5 + name}}{axis(state.epochs, past)}  now", "muted")]]
        for digit in shown:
            text, part = mark(digit, label, prediction, self._glyphs)
            text += f"{padded(state.data.name(digit), name, self._glyphs.ellipsis)}  "
            shares = [look[digit] if digit < len(look) else None for look in seen]
            # The highest stays a step short of the row above.
            *upper, lowest = columns(shares, high, self._glyphs, spare=1)
            table += [[self.text(" " * len(text)), self.text(line, part or "muted")] for line in upper]
            bars = f"{lowest}   {''.join(bar(nows[digit], across, self._glyphs.across))} "
            percent = f"{nows[digit]:{number}.{decimals}%}" if predictions else ""
            table.append([self.text(text, part), self.text(bars, part or "muted"), self.text(percent, part)])
        if len(shown) < count:
            rest = sum(nows) - sum(nows[digit] for digit in shown)
            words = f"{count - len(shown)} other classes" + (f": {max(0.0, rest):.1%}" if predictions else "")
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
    if not snapshots or not width:
        return [None] * width
    times = [time for time, _ in snapshots]
    reached = max(1, min(width, math.ceil(times[-1] / epochs * width)))
    counts = [bisect_right(times, (column + 1) / width * epochs) for column in range(reached - 1)]
    past = [snapshots[count - 1][1] if count else None for count in counts]
    return [*past, snapshots[-1][1], *[None] * (width - reached)]
