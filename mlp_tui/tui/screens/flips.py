"""Which examples are read otherwise than at an earlier moment; of each, the batch that did it and what taught it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from ...events import Event, FlipFound, Flips, Influences, NoAnswer
from ...headless.data import cut
from ...runs.source import Interrupted, Question, Walkable
from ..pictures.glyphs import Glyphs
from ..run_state import RunState
from ..widgets.cards import NAME, Card, Cards, reading
from ..widgets.key_line import KeyLine
from .influences import InfluencesScreen
from .step import StepScreen


class Way(Protocol):
    """The way to the past: `ask` gives up the question that was asked before, and `go` leads to a step."""

    def ask(self, question: Question) -> None: ...

    def go(self, step: int) -> None: ...


class FlipsScreen(ModalScreen[None]):
    """The flips from an earlier moment of a run to a later one, both named by their steps.

    Its questions go the `way` to the `past`, and the answers come by `take`.
    """

    DEFAULT_CSS = """
    FlipsScreen {
        background: $background;
        & > Static { height: auto; max-height: 2; padding: 0 1; }
        & > #heading { text-style: bold; }
        & > #about { color: $text-muted; }
        & > Cards { height: 1fr; margin: 1 1 0 1; }
    }
    """
    BINDINGS = [
        Binding("enter", "show_batch", "Its batch", key_display="enter"),
        Binding("i", "why", "What taught it"),
        Binding("left_square_bracket", "move(-1)", "Epoch", key_display="[ ]"),
        Binding("right_square_bracket", "move(1)", "Epoch", key_display="[ ]"),
        Binding("w", "turn", "Other kind first"),
        Binding("q", "close", "Close"),
        Binding("escape,f", "close", show=False),
    ]

    def __init__(self, state: RunState, past: Walkable, way: Way, glyphs: Glyphs, colour: bool) -> None:
        super().__init__()
        self._state, self._past, self._way = state, past, way
        self._glyphs, self._colour = glyphs, colour
        self.later = state.moment.step if state.moment else past.last
        self.earlier = max(past.first, self.later - state.batches)
        self.flips: Flips | None = None
        self._places: list[int] = []  # of the cards, among the flips
        self._right_first = False
        self._wanted: int | None = None  # the number of the example that is asked about
        self.heading, self.about = Static(id="heading", markup=False), Static(id="about", markup=False)
        self.cards = Cards(glyphs, colour)

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.about
        yield self.cards
        yield KeyLine()

    def on_mount(self) -> None:
        self.cards.focus()
        self._compare()

    # What the keys do

    def action_move(self, epochs: int) -> None:
        """Compares with a moment so many epochs after the earlier one, or before it."""
        earlier = max(self._past.first, self.earlier + epochs * self._state.batches)
        if earlier != self.earlier and earlier < self.later:
            self.earlier = earlier
            self._compare()

    def action_turn(self) -> None:
        """Puts those first that became right, or those that became wrong."""
        self._right_first = not self._right_first
        self._show_cards()

    def action_show_batch(self) -> None:
        self._ask_about_picked("Looking for the batch", self._past.find_flip)

    def action_why(self) -> None:
        self._ask_about_picked("Looking for what taught it", self._past.influences)

    def action_close(self) -> None:
        """Gives up a search that is under way; where there is none, closes the screen."""
        self._way.ask(lambda interrupted: None)
        if self._wanted is None:
            self.dismiss()
        else:
            self._wanted = None
            self._say_between()

    # Questions and answers

    def _compare(self) -> None:
        self.flips = self._wanted = None
        self._say(f"Comparing{self._glyphs.ellipsis}")
        self._way.ask(partial(self._past.flips, self.earlier, self.later))

    def _ask_about_picked(self, doing: str, question: Callable[[int, int, int, Interrupted], Event | None]) -> None:
        if self.flips and self._places:
            self._wanted = self.flips.indices[self._places[self.cards.picked]]
            self._say(f"{doing}{self._glyphs.ellipsis} Esc ends the search.")
            self._way.ask(partial(question, self._wanted, self.flips.earlier, self.flips.later))

    def take(self, events: Sequence[Event], state: RunState) -> None:
        """Takes the answers that are among these events."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        """Takes an answer; one to a question that was given up is left."""
        match event:
            case Flips() if (event.earlier, event.later) == (self.earlier, self.later):
                self.flips = event
                self._show_cards()
                self._say_between()
            case FlipFound() | Influences() if self.flips and event.index == self._wanted:
                self._wanted = None
                self._say_between()
                if isinstance(event, Influences):
                    flip = self._card(self.flips, self.flips.indices.index(event.index))
                    self.app.push_screen(InfluencesScreen(event, flip, self._state, self._glyphs, self._colour))
                elif event.step is not None:
                    self.app.push_screen(StepScreen(self._glyphs, self._colour))
                    self._way.go(event.step)
                else:
                    looked = self._state.words(event.looked).lower()
                    self._say(f"It was read so at least since {looked}: the search looked no further back.")
            case NoAnswer():
                self._wanted = None
                self._say(event.error)

    # What the screen shows

    def _say(self, text: str) -> None:
        self.about.update(text)

    def _say_between(self) -> None:
        """Says which moments are compared, and how many of the flips are listed."""
        earlier, later = (self._state.words(step).lower() for step in (self.earlier, self.later))
        text = f"from {earlier} to {later}"
        if (flips := self.flips) and len(flips.indices) < (count := flips.became_wrong + flips.became_right):
            text += f"; the surest {len(flips.indices)} of {count:,} are here"
        self._say(text)

    def _show_cards(self) -> None:
        if (flips := self.flips) is None:
            return
        noun = self._state.data.noun
        self.heading.update(f"{flips.became_wrong:,} {noun}s became wrong, and {flips.became_right:,} right")
        right = [place for place, label in enumerate(flips.labels) if flips.now[place] == label]
        wrong = [place for place, label in enumerate(flips.labels) if flips.now[place] != label]
        self._places = right + wrong if self._right_first else wrong + right
        self.cards.show([self._card(flips, place) for place in self._places], self._state)

    def _card(self, flips: Flips, place: int) -> Card:
        label, data = flips.labels[place], self._state.data
        return Card(
            (flips.pixels or flips.values)[place],
            (
                (f"label {cut(data.name(label), NAME, self._glyphs.ellipsis)}", "title"),
                reading("was", flips.before[place], label, flips.sure_before[place], data, self._glyphs),
                reading("now", flips.now[place], label, flips.sure_now[place], data, self._glyphs),
                (f"no. {flips.indices[place]:,}", "muted"),
            ),
        )
