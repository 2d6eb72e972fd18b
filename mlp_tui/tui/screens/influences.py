"""Which training examples made a network read an example as it does, and which spoke against it."""

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from ...events import Influences
from ...headless.data import cut
from ..pictures.glyphs import Glyphs
from ..run_state import RunState
from ..widgets.cards import NAME, Card, Cards, percent
from ..widgets.key_line import KeyLine


class InfluencesScreen(ModalScreen[None]):
    """The example first; then those that raised the probability of its reading most, and those that lowered it."""

    DEFAULT_CSS = """
    InfluencesScreen {
        background: $background;
        & > Static { height: auto; max-height: 3; padding: 0 1; }
        & > #heading { text-style: bold; }
        & > #about { color: $text-muted; }
        & > Cards { height: 1fr; margin: 1 1 0 1; }
    }
    """
    BINDINGS = [Binding("q", "dismiss", "Close"), Binding("escape,enter,i", "dismiss", show=False)]

    def __init__(self, influences: Influences, flip: Card, state: RunState, glyphs: Glyphs, colour: bool) -> None:
        super().__init__()
        self._influences, self._flip, self._state, self._glyphs = influences, flip, state, glyphs
        self.cards = Cards(glyphs, colour)

    def compose(self) -> ComposeResult:
        name = self._state.data.name(self._influences.reading)
        yield Static(f"What taught it to read the first of these as {name}", id="heading", markup=False)
        yield Static(about(self._influences, self._state), id="about", markup=False)
        yield self.cards
        yield KeyLine()

    def on_mount(self) -> None:
        self.cards.focus()
        self.cards.show([self._flip, *self._taught()], self._state)

    def _taught(self) -> Iterator[Card]:
        """The training examples, each with the percentage points that are due to it."""
        shown, data = self._influences, self._state.data
        examples: Sequence[bytes | tuple[float, ...]] = shown.pixels or shown.values
        rows = zip(examples, shown.labels, shown.steps, shown.effects, strict=True)
        for example, label, step, effect in rows:
            epoch, batch = self._state.words(step).lower().split(", ")
            name = cut(data.name(label), NAME, self._glyphs.ellipsis)
            moved = (points(effect), "best" if effect > 0 else "wrong")
            yield Card(example, ((f"label {name}", "title"), moved, (batch, "muted"), (epoch, "muted")))


def points(effect: float) -> str:
    """A change of a probability in percentage points."""
    return f"{100 * effect:+.3g} points"


def about(influences: Influences, state: RunState) -> str:
    """What happened to the probability, and how much of it the training examples account for."""
    moments = f"{state.words(influences.first)} to {state.words(influences.last).lower()}"
    return (
        f"{moments}: its probability went from {percent(influences.before)} to {percent(influences.after)}. "
        f"To the first order, {influences.trained:,} training {state.data.noun}s moved it by "
        f"{points(influences.total)}; these did most:"
    )
