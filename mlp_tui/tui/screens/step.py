"""One step of training laid open: the notebook's six steps, as they happened to one batch."""

from collections.abc import Iterator

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from ...events import StepTaken
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs

CELLS = ((10, 5), (8, 4))
"""Cells that a digit of the batch may take."""

NAME = 24
"""The width of the steps' names."""

OTHER_LINES = 16
"""The lines beside the digits of the batch."""


class StepScreen(ModalScreen[None]):
    """Shows the step that was taken last; its keys take the next one."""

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
        yield Static("[b]n[/b] next step   [b]N[/b] to the epoch's end   [b]s[/b] go on   [b]Esc[/b] close")


class StepView(Widget):
    """The six steps, each with what came of it."""

    DEFAULT_CSS = """
    StepView {
        padding: 0 1;
        background: $surface;
        & > .step-view--title { text-style: bold; }
        & > .step-view--name { color: $primary; text-style: bold; }
        & > .step-view--muted { color: $text-muted; }
        & > .step-view--right { color: $success; }
        & > .step-view--wrong { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {f"step-view--{part}" for part in ("title", "name", "muted", "right", "wrong")}

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._colour = colour
        self._step: StepTaken | None = None
        self._lines: list[list[Segment]] = []

    def show(self, step: StepTaken | None) -> None:
        """Draws that step."""
        self._step = step
        self._lines = list(self._describe_step(step)) if step and self.size else []
        self.refresh()

    def on_resize(self) -> None:
        self.show(self._step)

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else []
        return Strip(line).adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _text(self, text: str, part: str = "") -> Segment:
        return Segment(text, self.get_component_rich_style(f"step-view--{part}") if part else None)

    def _describe_step(self, step: StepTaken) -> Iterator[list[Segment]]:
        predictions = [max(range(10), key=row.__getitem__) for row in step.logits]
        right = sum(a == b for a, b in zip(predictions, step.labels, strict=True))
        size = len(step.labels)

        def named(name: str, text: str) -> list[Segment]:
            return [self._text(name.ljust(NAME), "name"), self._text(text)]

        def cells(name: str, *columns: str) -> str:
            return f"    {name:<14}" + "".join(column.rjust(9) for column in columns)

        yield [self._text(f"One step of training: epoch {step.epoch}, batch {step.batch}", "title")]
        yield []
        yield named("1 Fetch the next batch", f"{size} digits")
        yield from self._batch(step, predictions)
        yield named("2 Zero the gradients", "those of the step before go")
        yield named("3 Compute the outputs", f"{right} of {size} digits read right")
        logits = "  ".join(f"{digit}:{logit:5.1f}" for digit, logit in enumerate(step.logits[0]))
        for line in wrapped(f"logits of the first  {logits}", self.size.width - 4):
            yield [self._text(f"    {line}", "muted")]
        yield named("4 Compute the loss", f"{step.loss:.4f}, the mean cross entropy")
        yield named("5 Backpropagation", "the loss by each parameter")
        yield named("6 Gradient descent", f"learning rate {step.learning_rate:.3g}")
        yield [self._text(cells("norm of the", "values", "gradient", "update", "change"), "muted")]
        for name, gradient, update, weight in zip(
            step.parameters, step.gradient_norms, step.update_norms, step.weight_norms, strict=True
        ):
            share = f"{update / weight:.1%}" if weight else ""
            yield [self._text(cells(name, f"{weight:.4f}", f"{gradient:.4f}", f"{update:.4f}", share))]
        change = step.loss_after - step.loss
        word = "lower" if change < 0 else "higher"
        yield named("  The same batch after", f"loss {step.loss_after:.4f}, {abs(change):.4f} {word}")

    def _batch(self, step: StepTaken, predictions: list[int]) -> Iterator[list[Segment]]:
        """The first digits of the batch, as many and as large as there is room for."""
        room = self.size.height - OTHER_LINES
        width, height = next((cell for cell in CELLS if cell[1] < room), (CELLS[-1][0], 0))
        columns = max(1, (self.size.width - 4) // (width + 1))
        rows = max(1, room // (height + 1)) if height else 1
        for start in range(0, min(len(step.labels), columns * rows), columns):
            shown = range(start, min(start + columns, len(step.labels)))
            pictures = [picture(step.pixels[i], width, height, self._glyphs, self._colour) for i in shown if height]
            for y in range(height):
                yield [self._text("    "), *(part for image in pictures for part in (*image[y], self._text(" ")))]
            captions = [self._text("    ")]
            for i in shown:
                label, prediction = step.labels[i], predictions[i]
                right = label == prediction
                text = f"{self._glyphs.right} {label}" if right else f"{self._glyphs.wrong} {prediction} ({label})"
                captions += [self._text(text.center(width), "right" if right else "wrong"), self._text(" ")]
            yield captions


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of whole `a: b` pairs, two spaces between them."""
    lines = [""]
    for pair in text.split("  "):
        joined = f"{lines[-1]}  {pair}" if lines[-1] else pair
        if len(joined) > width and lines[-1]:
            lines.append(pair)
        else:
            lines[-1] = joined
    return lines
