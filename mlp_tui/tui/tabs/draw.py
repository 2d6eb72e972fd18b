"""A pad to draw a digit on, and what the model makes of it."""

import math
import textwrap
import time
from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from ...events import BatchFinished, Drawing, Predictions
from ...headless.characters import SIDE
from ...training.data.centring import BOX, centred
from ..pictures.digits import picture
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..pictures.numerals import numeral
from ..run_state import RunState
from ..widgets.pad import Pad, pixel_cells
from ..widgets.panel import retitle
from .tab import Tab

DRAWING_SECONDS = 0.1
"""Time between two questions to the model while the drawing changes."""

LEARNING_SECONDS = 1.0
"""Time between two questions to a model that learns, about a drawing that stays."""

LAYOUTS = ((154, 30, "-huge"), (112, 30, "-large"), (66, 20, "-small"), (0, 0, "-tiny"))
"""The least width and height that each layout needs, the largest first."""

EMPTY = (
    "Draw a digit with the mouse: the left button inks, the right one erases. Or with the keys: the arrows move "
    "the pen, space puts it down and lifts it. The model answers as you draw."
)
NO_MODEL = "There is no model yet. It answers as soon as it is loaded."
WATCHED = "A watched run has no model here that could answer. To draw, go on with the run: mlp-tui --resume {}"
NOT_FINITE = "The model has no answer: its weights are not finite any more."

Lines = list[list[Segment]]


class Canvas(Widget):
    """Shows what a function draws for a width and a height; it is kept until it is to be drawn anew."""

    def __init__(self, draw: Callable[[int, int], Lines], id: str) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._lines: Lines = []

    def redraw(self) -> None:
        self._lines = self._draw(*self.size)
        self.refresh()

    def on_resize(self) -> None:
        self.redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.redraw()  # another theme has other colours

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else []
        return Strip(line).adjust_cell_length(self.size.width).apply_style(self.rich_style)


class DrawTab(Tab):
    """The pad; the drawing as the model sees it; the digit that it reads, large; and all ten probabilities."""

    DEFAULT_CSS = """
    DrawTab {
        layout: grid;
        grid-gutter: 0 1;
        align-vertical: middle;
        & > Pad, & > Canvas { border: round $foreground 25%; border-title-color: $text; }
        &.-ascii > Pad, &.-ascii > Canvas { border: ascii $foreground 25%; }
        & > #draw-bars { padding: 0 1; }
        & > #draw-caption { padding: 1 1 0 1; color: $text-muted; }
        & > .draw-tab--winner { color: $primary; text-style: bold; }
        & > .draw-tab--rest { color: $text-muted; }
        & > .draw-tab--todo { color: $foreground 25%; }
    }
    DrawTab.-huge {
        grid-size: 3 3; grid-columns: 58 58 1fr; grid-rows: 18 12 3;
        & > #draw-pad, & > #draw-seen { row-span: 2; }
        & > #draw-caption { column-span: 3; }
    }
    DrawTab.-large {
        grid-size: 3 3; grid-columns: 58 32 1fr; grid-rows: 18 12 3;
        & > #draw-pad { row-span: 2; }
        & > #draw-seen { padding: 1; }
        & > #draw-bars { column-span: 2; }
        & > #draw-caption { column-span: 3; }
    }
    DrawTab.-small {
        grid-size: 3 3; grid-columns: 30 16 1fr; grid-rows: 9 7 4;
        & > #draw-pad, & > #draw-winner { row-span: 2; }
        & > #draw-bars { row-span: 3; }
        & > #draw-caption { padding: 0 1; }
    }
    DrawTab.-tiny {
        grid-size: 3 2; grid-columns: 30 10 1fr; grid-rows: 6 10;
        & > Canvas { border: none; border-top: solid $foreground 25%; padding: 0; }
        &.-ascii > Canvas { border: none; border-top: ascii $foreground 25%; }
        & > #draw-pad, & > #draw-bars { row-span: 2; }
        & > #draw-bars { padding: 0; }
        & > #draw-caption { display: none; }
    }
    """
    COMPONENT_CLASSES = {"draw-tab--winner", "draw-tab--rest", "draw-tab--todo"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(0, -1)", "Move", key_display="arrows", tooltip="move the pen; where it is down, it draws"),
        Binding("down", "move(0, 1)", "Move", show=False),
        Binding("left", "move(-1, 0)", "Move", show=False),
        Binding("right", "move(1, 0)", "Move", show=False),
        Binding("space", "put_down", "Pen down", tooltip="put the pen down, or lift it (s starts and pauses)"),
        Binding("space", "lift", "Pen up"),
        Binding("u,backspace", "undo", "Undo", key_display="u", tooltip="take the last stroke back"),
        Binding("k,delete", "clear", "Clear", key_display="k", tooltip="clear the pad"),
    ]

    class Drawn(Message):
        """The drawing changed. `pixels`: 28x28 bytes, scaled and centred as MNIST's are; None where it is empty."""

        def __init__(self, pixels: bytes | None) -> None:
            super().__init__()
            self.pixels = pixels

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.set_class(glyphs is ASCII, "-ascii")
        self.pad = Pad(glyphs, colour, id="draw-pad")
        self._seen = Canvas(self._draw_seen, id="draw-seen")
        self._winner = Canvas(self._draw_winner, id="draw-winner")
        self._bars = Canvas(self._draw_bars, id="draw-bars")
        self._sent: bytes | None = None
        """The drawing as the model was last given it."""
        self._answer: Drawing | None = None
        self._sentence = ""
        """What is said where there is no answer."""
        self._moment: BatchFinished | Predictions | None = None
        """Where the training was when the model was last asked."""
        self._asked = 0.0
        self._due = math.inf
        """When the model is to be asked again."""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.pad
        yield self._seen
        yield self._winner
        yield self._bars
        yield Static(
            f"The ink is scaled to fit {BOX}x{BOX} pixels and centred by its mass, "
            "as the digits are that the model learns from.",
            id="draw-caption",
        )

    def on_mount(self) -> None:
        self._show_pen()
        self._winner.border_title = "It reads"

    def on_resize(self, event: Resize) -> None:
        width, height = event.size
        layout = next(
            name for least_width, least_height, name in LAYOUTS if width >= least_width and height >= least_height
        )
        for *_, name in LAYOUTS:
            self.set_class(name == layout, name)
        # A grid is filled in order: the column of the bars is the last, or their row is.
        roomy = layout in ("-huge", "-large")
        if roomy:
            self.move_child(self._bars, after=self._winner)
        else:
            self.move_child(self._bars, before=self._winner)
        retitle(self._seen, "The model sees" if roomy else "It sees")
        retitle(self._bars, "Probability" if layout == "-tiny" else "Probability of each digit")

    # Drawing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("put_down", "lift"):
            return self.pad.down == (action == "lift")
        return True

    def action_move(self, right: int, down: int) -> None:
        self.pad.move(right, down)

    def action_put_down(self) -> None:
        self.pad.put_down()
        self._show_pen()

    def action_lift(self) -> None:
        self.pad.lift()
        self._show_pen()

    def action_undo(self) -> None:
        self.pad.undo()

    def action_clear(self) -> None:
        self.pad.clear()

    def on_pad_changed(self) -> None:
        self._show_pen()
        self._ask_after(DRAWING_SECONDS)

    def _show_pen(self) -> None:
        title = "You draw, pen down" if self.pad.down else "You draw"
        if self.pad.border_title != title:
            self.pad.border_title = title
            self.refresh_bindings()

    # Asking

    def show(self, state: RunState) -> None:
        if state is not self._state:
            self._state, self._answer = state, None
        answer = state.drawing
        if answer is not None and answer.pixels == self._sent:  # else it is late, and another is on its way
            self._show_answer(answer)
        else:
            self._show_answer(self._answer)
        moment = state.batch or state.predictions
        if self._sent is not None and moment is not self._moment:
            self._ask_after(LEARNING_SECONDS)

    def _ask_after(self, seconds: float) -> None:
        """Has the model asked once that time has passed since the last question."""
        due = self._asked + seconds
        if self._timer is not None and self._due <= due:
            return
        if self._timer is not None:
            self._timer.stop()
        self._due = due
        wait = due - time.monotonic()
        if wait > 0:
            self._timer = self.set_timer(wait, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self._timer = None
        self._asked = time.monotonic()
        self._moment = self._state.batch or self._state.predictions
        drawing = centred(bytes(self.pad.pixels))
        if drawing != self._sent:
            self._sent = drawing
            self._seen.redraw()
        if drawing is None:
            self._show_answer(None)
        self.post_message(self.Drawn(drawing))

    def _show_answer(self, answer: Drawing | None) -> None:
        sentence = self._why_none(answer)
        if answer is not self._answer or sentence != self._sentence:
            self._answer, self._sentence = answer, sentence
            self._winner.redraw()
            self._bars.redraw()

    def _why_none(self, answer: Drawing | None) -> str:
        state = self._state
        if state.watched:
            return WATCHED.format(state.run.run if state.run else "latest")
        if not (state.batch or state.predictions):
            return NO_MODEL
        if answer is None:
            return EMPTY
        return "" if all(map(math.isfinite, answer.probabilities)) else NOT_FINITE

    # What is seen

    def _draw_seen(self, width: int, height: int) -> Lines:
        pixels = self._sent or bytes(SIDE * SIDE)
        large = width >= 2 * SIDE
        if width >= SIDE:
            return [
                pixel_cells(pixels, y, large, self._glyphs, self._colour) for y in range(SIDE if large else SIDE // 2)
            ]
        return picture(pixels, width, height, self._glyphs, self._colour) if width and height else []

    def _draw_winner(self, width: int, height: int) -> Lines:
        if self._sentence or self._answer is None:
            return []
        style = self.get_component_rich_style("draw-tab--winner")
        lines = numeral(winner(self._answer.probabilities), width, height, self._glyphs)
        return in_the_middle([[Segment(line.center(width), style)] for line in lines], height)

    def _draw_bars(self, width: int, height: int) -> Lines:
        if self._sentence or self._answer is None:
            style = self.get_component_rich_style("draw-tab--rest")
            return [
                [Segment(line, style)] for line in textwrap.wrap(self._sentence, max(1, width), break_on_hyphens=False)
            ]
        probabilities = self._answer.probabilities
        best = winner(probabilities)
        todo = self.get_component_rich_style("draw-tab--todo")
        lines = []
        for digit, probability in enumerate(probabilities):
            style = self.get_component_rich_style("draw-tab--winner" if digit == best else "draw-tab--rest")
            mark = self._glyphs.best if digit == best else " "
            room = max(0, width - 11)
            full = round(room * probability)
            lines.append(
                [
                    Segment(f"{mark} {digit} ", style),
                    Segment(self._glyphs.done * full, style),
                    Segment(self._glyphs.todo * (room - full), todo),
                    Segment(f"{probability:7.1%}", style),
                ]
            )
        return in_the_middle(lines, height)


def in_the_middle(lines: Lines, height: int) -> Lines:
    """The lines, with as much room above them as below."""
    blank: Lines = [[]]
    return blank * ((height - len(lines)) // 2) + lines


def winner(probabilities: tuple[float, ...]) -> int:
    """The likeliest digit."""
    return max(range(len(probabilities)), key=probabilities.__getitem__)
