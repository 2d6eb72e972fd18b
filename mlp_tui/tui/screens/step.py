"""One step of training, in detail: the notebook's six steps, as they happened to one batch."""

import textwrap
from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from ...events import Event, Moment, StepTaken
from ...headless.data import DIGITS, cut, padded
from ..pictures import rows
from ..pictures.arrange import arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.answer import likeliest_first
from ..widgets.digit_grid import caption
from ..widgets.lines import Line, Lines

SIZES = ((10, 5), (8, 4))
"""Cells that a digit of the batch may take."""

CAPTION, NAMED_CAPTION = (8, 0), (14, 0)
"""The cell of an example where there is no room for pictures: its caption alone, a digit or a name."""

NAMED = 12
"""The most cells of a class name before its logit."""

INDENT = "    "

UNBROKEN = "\0"
"""Stands for a blank that is not the end of a line."""

NAME = 24
"""The width of the steps' names."""

OTHER_LINES = 12
"""The lines that the view has besides the examples of the batch and the parameters."""

PARAMETERS = 4
"""Parameters that are always on show."""

AT_PRESENT = "[b]n[/b] next step  [b], .[/b] walk  [b]N[/b] to the epoch's end  [b]s[/b] continue  [b]Esc[/b] close"
IN_THE_PAST = "[b]n[/b] next step  [b], .[/b] walk  [b]Esc[/b] close"


class StepScreen(ModalScreen[None]):
    """Shows the last step; its keys take the next one."""

    DEFAULT_CSS = """
    StepScreen {
        align: center middle;
        & > StepView { width: 100%; max-width: 110; height: 1fr; max-height: 30; }
        & > Static { width: 100%; max-width: 110; height: 1; color: $text-muted; padding: 0 1; background: $surface; }
    }
    """
    BINDINGS = [
        Binding("n", "app.drive('step')", "Next step"),
        Binding("N", "app.drive('epoch')", "To the epoch's end"),
        Binding("s,space", "app.drive('unpause')", "Continue"),
        Binding("comma", "app.walk('batches', -1)", "A batch back"),
        Binding("full_stop", "app.walk('batches', 1)", "A batch forward"),
        Binding("up", "scroll(-1)", "Parameters", show=False),
        Binding("down", "scroll(1)", "Parameters", show=False),
        Binding("pageup", "scroll(-8)", "Parameters", show=False),
        Binding("pagedown", "scroll(8)", "Parameters", show=False),
        Binding("escape,enter,q", "dismiss", "Close"),
    ]

    def __init__(self, glyphs: Glyphs, colour: bool) -> None:
        super().__init__()
        self.view = StepView(glyphs, colour)
        self._keys = Static(AT_PRESENT)

    def compose(self) -> ComposeResult:
        yield self.view
        yield self._keys

    def show(self, state: RunState) -> None:
        """Shows the last step, or that of a past moment."""
        self.view.show(state)
        self._keys.update(IN_THE_PAST if state.moment else AT_PRESENT)

    def take(self, events: Sequence[Event], state: RunState) -> None:
        """Shows the step that is told in these events, if one is; `state` is what they have come to."""
        if any(isinstance(event, (StepTaken, Moment)) for event in events):
            self.show(state)

    def action_scroll(self, lines: int) -> None:
        self.view.scroll(lines)


class StepView(Lines):
    """The six steps, each with its result."""

    DEFAULT_CSS = "StepView { padding: 0 1; background: $surface; }"

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True) -> None:
        super().__init__(glyphs, colour)
        self._state = RunState()
        self._first = 0  # the first parameter on show

    def show(self, state: RunState) -> None:
        """Draws the last step."""
        self._state = state
        self.redraw()

    def scroll(self, lines: int) -> None:
        """Moves along the parameters, where not all have room."""
        count = len(self._state.step.parameters) if self._state.step else 0
        self._first = max(0, min(self._first + lines, count - self._listed))
        self.redraw()

    @property
    def _listed(self) -> int:
        """How many of the parameters are on show."""
        count = len(self._state.step.parameters) if self._state.step else 0
        return min(count, max(PARAMETERS, (self.size.height - OTHER_LINES) // 2 - 1))

    def lines(self, width: int, height: int) -> list[Line]:
        if self._state.step is not None:
            return list(self._describe_step(self._state.step))
        return [[self.text("No batch was trained on just before this moment.", "muted")]] if self._state.moment else []

    def _describe_step(self, step: StepTaken) -> Iterator[Line]:
        predictions = step.predictions
        right = sum(a == b for a, b in zip(predictions, step.labels, strict=True))
        size, data, listed = len(step.labels), self._state.data, self._listed
        column = 14
        if (longest := max(map(len, step.parameters), default=0)) > column:
            column = max(column, min(longest + 1, self.size.width - len(INDENT) - 36))

        def named(name: str, text: str) -> Line:
            return [self.text(name.ljust(NAME), "key"), self.text(text)]

        def cells(name: str, *columns: str) -> str:
            return f"{INDENT}{name:<{column}}" + "".join(column.rjust(9) for column in columns)

        yield [self.text(f"One step of training: epoch {step.epoch}, batch {step.batch}", "title")]
        yield []
        yield named("1 Fetch the next batch", f"{size} {data.noun}s")
        yield from self._batch(step, predictions)
        yield named("2 Zero the gradients", "cleared after the last step")
        yield named("3 Compute the outputs", f"{right} of {size} {data.noun}s read right")
        largest = likeliest_first(step.logits[0], 10)
        pairs = [(cut(data.name(label), NAMED, self._glyphs.ellipsis), step.logits[0][label]) for label in largest]
        logits = "  ".join(f"{name}:{logit:5.1f}".replace(" ", UNBROKEN) for name, logit in pairs)
        words = "logits of the first" if len(largest) == len(step.logits[0]) else "largest logits of the first"
        for line in textwrap.wrap(f"{words}  {logits}", max(1, self.size.width - len(INDENT)))[:3]:
            yield [self.text(INDENT + line.replace(UNBROKEN, " "), "muted")]
        yield named("4 Compute the loss", f"{step.loss:.4f}, the mean cross entropy")
        yield named("5 Backpropagation", "the gradients of the loss")
        yield named("6 Gradient descent", f"learning rate {step.learning_rate:.3g}")
        shown = slice(self._first, self._first + listed)
        head = "norm of the"
        if listed < len(step.parameters):
            head = f"{shown.start + 1}-{shown.stop} of {len(step.parameters)}"
        yield [self.text(cells(head, "values", "gradient", "update", "change"), "muted")]
        norms = zip(step.parameters, step.gradient_norms, step.update_norms, step.weight_norms, strict=True)
        for name, gradient, update, weight in list(norms)[shown]:
            if len(name) > column - 1:  # its end says more than its beginning
                name = self._glyphs.ellipsis + name[len(name) + len(self._glyphs.ellipsis) - column + 1 :]
            share = f"{update / weight:.1%}" if weight else ""
            yield [self.text(cells(name, f"{weight:.4f}", f"{gradient:.4f}", f"{update:.4f}", share))]
        change = step.loss_after - step.loss
        word = "lower" if change < 0 else "higher"
        yield named("  The same batch after", f"loss {step.loss_after:.4f}, {abs(change):.4f} {word}")

    def _batch(self, step: StepTaken, predictions: Sequence[int]) -> Iterator[Line]:
        """The first examples of the batch, as many and as large as there is room for."""
        data = self._state.data
        width, room = self.size.width - len(INDENT), self.size.height - OTHER_LINES - self._listed
        if not data.pictures:
            yield from self._rows(step, predictions, width, room)
            return
        named = data.classes != DIGITS
        pictured = room > SIZES[-1][1]
        cell, columns, rows, _ = arrange(
            width - 1,
            room if pictured else 1,
            len(step.labels),
            SIZES if pictured else (NAMED_CAPTION if named else CAPTION,),
            (1,),
        )
        blocks = []
        shown = list(zip(step.labels, predictions, step.pixels, strict=True))[: columns * rows]
        for label, prediction, pixels in shown:
            image = picture(pixels, *cell, self._glyphs, self._colour, data.picture_shape) if pictured else []
            text, part = caption(prediction, label, cell[0], self._glyphs, data, short=True)
            blocks.append([*image, [self.text(padded(text.center(cell[0]), cell[0]), part)]])
        for line in side_by_side(blocks, columns, 1):
            yield [self.text(INDENT), *line]

    def _rows(self, step: StepTaken, predictions: Sequence[int], width: int, room: int) -> Iterator[Line]:
        """The first rows of a table, each behind what it was read as."""
        data, order = self._state.data, self._state.order
        for label, prediction, row in list(zip(step.labels, predictions, step.values, strict=True))[: max(1, room)]:
            text, part = caption(prediction, label, 24, self._glyphs, data, short=True)
            yield [self.text(INDENT + padded(text, 24), part), self.text(rows.values(row, order, width - 24), "muted")]
