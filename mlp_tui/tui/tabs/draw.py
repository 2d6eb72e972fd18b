"""A pad to draw on, and what the model makes of it."""

import math
import time
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from ...events import BatchFinished, Predictions
from ...headless.characters import SIDE
from ...headless.data import Data
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.answer import Probabilities, ReadDigit, SeenDigit
from ..widgets.pad import Pad
from .tab import OWN_LOOP, Tab

DRAWING_SECONDS = 0.1
"""Time between two questions to the model while the drawing changes."""

LEARNING_SECONDS = 1.0
"""Time between two questions to a model in training, while the drawing stays the same."""

LAYOUTS = ((154, 30, "-huge"), (112, 30, "-large"), (66, 20, "-small"), (0, 0, "-tiny"))
"""The least width and height that each layout needs, the largest first."""

EMPTY = (
    "Draw {} with the mouse: the left button draws, the right one erases. Or with the keys: the arrows move "
    "the pen, space puts it down and lifts it. The model answers as you draw."
)
NO_MODEL = "There is no model yet. It answers as soon as it is loaded."
WATCHED = "A watched run has no model here that could read a drawing. To draw, resume the run: mlp-tui --resume {}"
NO_PICTURES = "This tab needs pictures, and the model reads the rows of a table."
COLOUR = "The pad has no colours, and the model reads pictures in colour."
NOT_FINITE = "The model has no answer: its weights are not finite any more."


class DrawTab(Tab):
    """The pad; the drawing as the model sees it; the digit that it reads, large; and all ten probabilities."""

    DEFAULT_CSS = """
    DrawTab {
        layout: grid;
        grid-gutter: 0 1;
        align-vertical: middle;
        & > Pad, & > AnswerView { border: round $foreground 25%; border-title-color: $text; }
        &.-ascii > Pad, &.-ascii > AnswerView { border: ascii $foreground 25%; }
        & > #draw-bars { padding: 0 1; }
        & > #draw-caption { padding: 1 1 0 1; color: $text-muted; }
    }
    DrawTab.-huge, DrawTab.-large {
        grid-size: 3 3; grid-rows: 18 12 3;
        & > #draw-pad { row-span: 2; }
        & > #draw-caption { column-span: 3; }
    }
    DrawTab.-huge { grid-columns: 58 58 1fr; & > #draw-seen { row-span: 2; } }
    DrawTab.-large { grid-columns: 58 32 1fr; & > #draw-seen { padding: 1; } & > #draw-bars { column-span: 2; } }
    DrawTab.-small {
        grid-size: 3 3; grid-columns: 30 16 1fr; grid-rows: 9 7 4;
        & > #draw-pad, & > #draw-winner { row-span: 2; }
        & > #draw-bars { row-span: 3; }
        & > #draw-caption { padding: 0 1; }
    }
    DrawTab.-tiny {
        grid-size: 3 2; grid-columns: 30 10 1fr; grid-rows: 6 10;
        & > AnswerView { border: none; border-top: solid $foreground 25%; padding: 0; }
        &.-ascii > AnswerView { border: none; border-top: ascii $foreground 25%; }
        & > #draw-pad, & > #draw-bars { row-span: 2; }
        & > #draw-bars { padding: 0; }
        & > #draw-caption { display: none; }
    }
    """
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

    @dataclass
    class Drawn(Message):
        """The drawing changed, or the model did: 28x28 bytes, ink bright; None where there is no ink."""

        pixels: bytes | None

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.set_class(glyphs is ASCII, "-ascii")
        self.pad = Pad(glyphs, colour, id="draw-pad")
        self._seen = SeenDigit(glyphs, colour, id="draw-seen")
        self._read = ReadDigit(glyphs, colour, id="draw-winner")
        self._bars = Probabilities(glyphs, colour, id="draw-bars")
        self._caption = Static(caption(self._state.data), id="draw-caption")
        self.pad.border_title, self._read.border_title = "You draw", "It reads"
        self._moment: BatchFinished | Predictions | None = None
        """Where the training was when the model was last asked."""
        self._asked = 0.0
        self._due = math.inf
        """When the model is to be asked again."""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield from (self.pad, self._seen, self._read, self._bars, self._caption)

    def on_resize(self) -> None:
        layout = next(name for wide, high, name in LAYOUTS if self.size.width >= wide and self.size.height >= high)
        for *_, name in LAYOUTS:
            self.set_class(name == layout, name)
        # A grid is filled in order: the column of the bars is the last, or their row is.
        roomy = layout in ("-huge", "-large")
        if roomy:
            self.move_child(self._bars, after=self._read)
        else:
            self.move_child(self._bars, before=self._read)
        self._seen.retitle("The model sees" if roomy else "It sees")
        self._title_bars()

    def _title_bars(self) -> None:
        what = "digit" if self._state.data.digits else "class"
        self._bars.retitle("Probability" if self.has_class("-tiny") else f"Probability of each {what}")

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
        self.pad.down = False
        self._show_pen()

    def action_undo(self) -> None:
        self.pad.undo()

    def action_clear(self) -> None:
        self.pad.clear()

    def on_pad_changed(self) -> None:
        self._show_pen()
        if self.pad.ink is None:
            self._show_answer()
        self._ask_after(DRAWING_SECONDS)

    def _show_pen(self) -> None:
        title = "You draw, pen down" if self.pad.down else "You draw"
        if self.pad.border_title != title:
            self.pad.border_title = title
            self.refresh_bindings()

    # Asking

    def show(self, state: RunState) -> None:
        before, self._state = self._state, state
        if state.data is not before.data:
            self._title_bars()
            self._caption.update(caption(state.data))
        self._show_answer()
        if self.pad.ink is not None and (state.batch or state.predictions) is not self._moment:
            self._ask_after(DRAWING_SECONDS if state.moment else LEARNING_SECONDS)

    def _ask_after(self, seconds: float) -> None:
        """Has the model asked once that time has passed since the last question."""
        due = self._asked + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.stop()
        self._due = due
        self._timer = self.set_timer(max(0.001, due - time.monotonic()), self._ask)

    def _ask(self) -> None:
        self._timer = None
        self._asked = time.monotonic()
        self._moment = self._state.batch or self._state.predictions
        self.post_message(self.Drawn(self.pad.ink))

    def _show_answer(self) -> None:
        """Shows the newest answer; it may be to an earlier drawing until the next one comes."""
        state = self._state
        answer = state.drawing if self.pad.ink is not None else None
        if state.own_loop:
            sentence = OWN_LOOP
        elif not state.data.pictures:
            sentence = NO_PICTURES
        elif state.data.shape[0] != 1:
            sentence = COLOUR
        elif state.watched:
            sentence = WATCHED.format(state.run.run if state.run else "latest")
        elif not (state.batch or state.predictions):
            sentence = NO_MODEL
        elif answer is None:
            sentence = EMPTY.format("a digit" if state.data.digits else "a picture")
        else:
            sentence = "" if all(map(math.isfinite, answer.probabilities)) else NOT_FINITE
        for view in (self._seen, self._read, self._bars):
            view.show(answer, sentence, state.data)


def caption(data: Data) -> str:
    """What becomes of a drawing before the model reads it; nothing where it reads none."""
    if data.shape[:-2] != (1,):
        return ""
    height, width = data.shape[1:]
    what = "The ink is scaled to 20x20 pixels"
    if (height, width) != (SIDE, SIDE):
        return f"{what}, centred by its mass in 28x28, and made {width}x{height} pixels large."
    like = "like the digits that the model learns from" if data.digits else "as MNIST's digits are"
    return f"{what} and centred by its mass, {like}."
