"""One step of training, in detail: the notebook's six steps, as they happened to one batch."""

import textwrap
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from ...events import StepTaken
from ..pictures.arrange import arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from ..widgets.lines import Line, Lines

SIZES = ((10, 5), (8, 4))
"""Cells that a digit of the batch may take."""

CAPTION = (8, 0)
"""The cell of a digit where there is no room for pictures: its caption alone."""

INDENT = "    "

UNBROKEN = "\0"
"""Stands for a blank that is not the end of a line."""

NAME = 24
"""The width of the steps' names."""

OTHER_LINES = 16
"""The lines that the view has besides the digits of the batch."""


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
        Binding("escape,enter,q", "dismiss", "Close"),
    ]

    def __init__(self, glyphs: Glyphs, colour: bool) -> None:
        super().__init__()
        self.view = StepView(glyphs, colour)

    def compose(self) -> ComposeResult:
        yield self.view
        yield Static("[b]n[/b] next step  [b]N[/b] to the epoch's end  [b]s[/b] continue  [b]Esc[/b] close")


class StepView(Lines):
    """The six steps, each with its result."""

    DEFAULT_CSS = "StepView { padding: 0 1; background: $surface; }"

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True) -> None:
        super().__init__(glyphs, colour)
        self._step: StepTaken | None = None

    def show(self, step: StepTaken | None) -> None:
        """Draws that step."""
        self._step = step
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        return list(self._describe_step(self._step)) if self._step else []

    def _describe_step(self, step: StepTaken) -> Iterator[Line]:
        predictions = [row.index(max(row)) for row in step.logits]
        right = sum(a == b for a, b in zip(predictions, step.labels, strict=True))
        size = len(step.labels)

        def named(name: str, text: str) -> Line:
            return [self.text(name.ljust(NAME), "key"), self.text(text)]

        def cells(name: str, *columns: str) -> str:
            return f"{INDENT}{name:<14}" + "".join(column.rjust(9) for column in columns)

        yield [self.text(f"One step of training: epoch {step.epoch}, batch {step.batch}", "title")]
        yield []
        yield named("1 Fetch the next batch", f"{size} digits")
        yield from self._batch(step, predictions)
        yield named("2 Zero the gradients", "cleared after the last step")
        yield named("3 Compute the outputs", f"{right} of {size} digits read right")
        logits = "  ".join(f"{digit}:{logit:5.1f}".replace(" ", UNBROKEN) for digit, logit in enumerate(step.logits[0]))
        for line in textwrap.wrap(f"logits of the first  {logits}", max(1, self.size.width - len(INDENT))):
            yield [self.text(INDENT + line.replace(UNBROKEN, " "), "muted")]
        yield named("4 Compute the loss", f"{step.loss:.4f}, the mean cross entropy")
        yield named("5 Backpropagation", "the gradients of the loss")
        yield named("6 Gradient descent", f"learning rate {step.learning_rate:.3g}")
        yield [self.text(cells("norm of the", "values", "gradient", "update", "change"), "muted")]
        for name, gradient, update, weight in zip(
            step.parameters, step.gradient_norms, step.update_norms, step.weight_norms, strict=True
        ):
            share = f"{update / weight:.1%}" if weight else ""
            yield [self.text(cells(name, f"{weight:.4f}", f"{gradient:.4f}", f"{update:.4f}", share))]
        change = step.loss_after - step.loss
        word = "lower" if change < 0 else "higher"
        yield named("  The same batch after", f"loss {step.loss_after:.4f}, {abs(change):.4f} {word}")

    def _batch(self, step: StepTaken, predictions: list[int]) -> Iterator[Line]:
        """The first digits of the batch, as many and as large as there is room for."""
        width, room = self.size.width - len(INDENT), self.size.height - OTHER_LINES
        pictured = room > SIZES[-1][1]
        cell, columns, rows, _ = arrange(
            width - 1, room if pictured else 1, len(step.labels), SIZES if pictured else (CAPTION,), (1,)
        )
        blocks = []
        shown = list(zip(step.labels, predictions, step.pixels, strict=True))[: columns * rows]
        for label, prediction, pixels in shown:
            image = picture(pixels, *cell, self._glyphs, self._colour) if pictured else []
            right = label == prediction
            text = f"{self._glyphs.right} {label}" if right else f"{self._glyphs.wrong} {prediction} ({label})"
            blocks.append([*image, [self.text(text.center(cell[0]), "right" if right else "wrong")]])
        for line in side_by_side(blocks, columns, 1):
            yield [self.text(INDENT), *line]
