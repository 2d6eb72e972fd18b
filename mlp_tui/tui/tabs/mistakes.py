"""What the last test got wrong: the confusion matrix, and the examples behind it."""

import textwrap
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding

from ...events import Mistakes
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..widgets.confusion_matrix import ConfusionMatrix, Pair, worst
from ..widgets.lines import Line
from ..widgets.mistake_gallery import MistakeGallery
from ..widgets.panel import panel
from .tab import OWN_LOOP, Tab

EMPTY = "The confusion matrix appears after the first test."
TESTING = "The model is tested as it was then. The confusion matrix appears here in a moment."


class MistakesTab(Tab):
    """The confusion matrix beside the gallery of mistakes, all of them or those of the cell picked."""

    DEFAULT_CSS = "MistakesTab { layout: horizontal; }"
    seconds = 2.0
    wanted = frozenset({"step", "mistakes"})
    BINDINGS = [
        Binding("left", "move(0, -1)", "Pick", key_display="arrows", tooltip="pick a cell of the confusion matrix"),
        Binding("right", "move(0, 1)", show=False),
        Binding("up", "move(-1, 0)", show=False),
        Binding("down", "move(1, 0)", show=False),
        Binding("escape", "show_all", "All", key_display="esc", tooltip="show the mistakes of all cells again"),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self.matrix = panel(ConfusionMatrix(glyphs, colour), "")
        self.gallery = panel(MistakeGallery(glyphs, colour), "")
        self.matrix.display = self.gallery.display = False
        self._mistakes: Mistakes | None = None
        self.picked: Pair | None = None
        """The cell whose mistakes are on show; none: those of all."""

    def compose(self) -> ComposeResult:
        yield self.matrix
        yield self.gallery

    def show(self, state: RunState) -> None:
        self._state = state
        before, self._mistakes = self._mistakes, state.mistakes
        if self._mistakes is not before:
            self._draw()
        if (self._mistakes is None) != (before is None):
            self.refresh_bindings()

    def lines(self, width: int, height: int) -> list[Line]:
        why = OWN_LOOP if self._state.own_loop else TESTING if self._state.moment else EMPTY
        return [] if self._mistakes else [[self.text(line, "muted")] for line in textwrap.wrap(why, width)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "move":
                return self._mistakes is not None
            case "show_all":
                return self.picked is not None
        return True

    def action_move(self, down: int, across: int) -> None:
        """Moves to a cell beside the one picked; from none, to the largest mistake."""
        if self._mistakes is None:
            return
        if self.picked is None:
            self.pick(worst(self._mistakes.confusion) or (0, 0))
        else:
            label, prediction = self.picked
            self.pick((self._beside(label, down), self._beside(prediction, across)))

    def _beside(self, label: int, step: int) -> int:
        """The class beside that one among those on show; behind the last of them, the next of all."""
        shown, classes = self.matrix.shown, len(self._mistakes.confusion) if self._mistakes else 0
        place = shown.index(label) + step if label in shown else -1
        return shown[place] if 0 <= place < len(shown) else max(0, min(classes - 1, label + step))

    def action_show_all(self) -> None:
        self.pick(None)

    def on_confusion_matrix_picked(self, message: ConfusionMatrix.Picked) -> None:
        self.pick(message.pair)

    def pick(self, pair: Pair | None) -> None:
        """Shows the mistakes of that cell; none: of all."""
        if pair == self.picked:
            return
        before, self.picked = self.picked, pair
        self._draw()
        if (pair is None) != (before is None):
            self.refresh_bindings()

    def _draw(self) -> None:
        mistakes = self._mistakes
        self.matrix.display = self.gallery.display = mistakes is not None
        if mistakes:
            self.matrix.show(mistakes.confusion, self.picked, self._state.data)
            self.gallery.show(self._state, self.picked)
            moment = self._state.moment
            self.matrix.retitle(errors(self._state.errors, self._state.words(moment.step) if moment else ""))
        self.redraw()


def errors(tests: Sequence[tuple[int, int]], when: str = "") -> str:
    """How many errors the last of these tests found, and how many more or fewer than the one before.

    `when` it was is said in these words; it was after an epoch, where there are none.
    """
    *before, (epoch, count) = tests
    text = f"{when or f'Epoch {epoch}'}: {count:,} error{'s' * (count != 1)}"
    # A resumed run may test an epoch a second time.
    if not before or before[0][0] >= epoch:
        return text
    change = count - before[0][1]
    if not change:
        return f"{text}, as many as before"
    return f"{text}, {abs(change):,} {'more' if change > 0 else 'fewer'} than before"
