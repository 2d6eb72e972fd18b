"""The lines at the top: what is trained and on what, and how far it is."""

from collections.abc import Sequence

from textual.widgets import Static

from ...headless.data import cut, printable
from ..phases import PHASES, Phase
from ..pictures.bars import bar
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..summary import clock, notice, outcome
from .lines import Line, Lines

LONGEST = 30
"""The most cells that the name of a data set or of a model takes."""


class Notice(Static):
    """The sentence about a run that stays on the screen, where there is one."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)

    def show(self, state: RunState) -> None:
        """Says what there is to say; only where that changes, since it costs drawing it."""
        text, is_error = notice(state)
        if text != self.content:
            self.update(text)
        self.set_class(bool(text), "-shown")
        self.set_class(is_error, "-error")


class StatusLine(Lines):
    """One line of text in parts, each in the style of a component class; it costs a tenth of what a Static does."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        & > .status--bar { color: $primary; }
    }
    """
    COMPONENT_CLASSES = {"status--bar"}

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._state = RunState()
        self._phase: Phase = "loading"

    def show(self, state: RunState, phase: Phase) -> None:
        """Draws the state of the run as it is now."""
        self._state, self._phase = state, phase
        self.redraw()

    def parts(self, width: int) -> Sequence[tuple[str, str]]:
        """The line for that width: texts, each with its component class or ""."""
        raise NotImplementedError

    def lines(self, width: int, height: int) -> list[Line]:
        return [[self.text(*part) for part in self.parts(width)]]


class RunHeader(StatusLine):
    """The program, the dataset, the model, the optimizer, the device; and at the right the phase of the run.

    On a low screen, which has no line to spare for it, the run's notice takes the facts' place.
    """

    low = False

    def parts(self, width: int) -> Sequence[tuple[str, str]]:
        status = PHASES[self._phase].label(self._glyphs)
        if self._state.watched:
            status += f", last event {clock(self._state.watched.age)} ago"
        facts = describe(self._state, self._glyphs.ellipsis)
        notice = self._state.run.notice if self._state.run else ""
        if notice and self.low:
            facts = [notice.split(". ")[0]]
        separator = f" {self._glyphs.dot} "
        # The last facts give way first.
        while facts and len("mlp-tui  " + separator.join(facts)) + len(status) + 2 > width:
            facts.pop()
        text = "  " + separator.join(facts)
        space = " " * max(1, width - len("mlp-tui") - len(text) - len(status))
        return [("mlp-tui", "title"), (text, "muted"), (space, ""), (status, PHASES[self._phase].style)]


def describe(state: RunState, ellipsis: str = "…") -> list[str]:
    """The run in facts, the most important first."""
    if state.run is None:
        return []
    run, config = state.run, state.run.config
    optimizer = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}.get(config.get("optimizer", "adam"), "")
    name = {"mnist": "MNIST", "synthetic": "built-in digits"}.get(run.dataset, printable(run.dataset))
    facts = [
        f"{cut(name, LONGEST, ellipsis)} {run.train_size:,} + {run.test_size:,}",
        cut(printable(run.model), LONGEST, ellipsis),
        f"{optimizer or 'learning rate'} {state.learning_rate:g}"
        if not state.cycles
        else f"{optimizer} {state.learning_rate:.4f}, one cycle",
        f"batches of {config['batch_size']}",
        run.device,
        f"{run.parameters:,} weights" if run.parameters else "",
        "plain loop" if run.steps == "plain loop" else "",
    ]
    return [fact for fact in facts if fact]


class ProgressLine(StatusLine):
    """A bar over the whole run, with epoch, batch, speed and the time left; before it, what is loaded."""

    waiting: Sequence[str] = ()
    """What the program waits for before it ends, in short sentences, the most important first."""

    def parts(self, width: int) -> Sequence[tuple[str, str]]:
        state = self._state
        if self.waiting:
            return [(fitting(self.waiting, width), "warning")]
        if state.finished is not None:
            again = [] if state.watched or state.own_loop else ["Press r to train anew."]
            return [(fitting([*outcome(state), *again], width), "")]
        if state.run is None or (state.own_loop and state.batch is None):
            return self._preparing(width)
        if state.batch is None and state.watched:
            return [(f"No batch yet{self._glyphs.ellipsis}", "")]
        if state.batch is None:
            return [("Ready. Press ", ""), ("s", "key"), (" to start the training.", "")]
        batch = state.batch
        left = f"Epoch {batch.epoch:>{len(str(state.epochs))}}/{state.epochs} "
        seconds = state.seconds_left or 0.0
        facts = [
            f" batch {batch.batch:>{len(str(batch.batches))}}/{batch.batches}",
            f"{clock(seconds):>6} left",
            f"{batch.images_per_second:>9,.0f} {state.data.speed}",
        ]
        while len(facts) > 1 and len(left) + len("  ".join(facts)) + 10 > width:
            facts.pop()
        right = "  ".join(facts)
        return [(left, "title"), *self._bar(width - len(left) - len(right), state.fraction), (right, "")]

    def _preparing(self, width: int) -> Sequence[tuple[str, str]]:
        preparing = self._state.preparing
        if preparing is None:
            return [(f"Starting{self._glyphs.ellipsis}", "")]
        if not preparing.total:
            return [(f"{preparing.what}{self._glyphs.ellipsis}", "")]
        amount = f"  {preparing.done / 1e6:5.1f} of {preparing.total / 1e6:.1f} MB"
        room = width - len(preparing.what) - len(amount) - 2
        return [(f"{preparing.what}  ", ""), *self._bar(room, preparing.done / preparing.total), (amount, "")]

    def _bar(self, width: int, fraction: float) -> list[tuple[str, str]]:
        done, todo = bar(fraction, max(0, width), self._glyphs.todo + self._glyphs.done)
        return [(done, "status--bar"), (todo, "faint")]


def fitting(sentences: Sequence[str], width: int) -> str:
    """As many of the sentences as have room, at least the first."""
    return next(
        (text for count in range(len(sentences), 1, -1) if len(text := " ".join(sentences[:count])) <= width),
        sentences[0] if sentences else "",
    )
