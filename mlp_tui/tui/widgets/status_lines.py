"""The lines at the top: what is trained and on what, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.events import MouseDown, MouseMove, MouseUp
from textual.message import Message
from textual.widgets import Static

from ...events import Moment
from ...headless.data import cut, printable
from ..phases import PHASES, Phase
from ..pictures.bars import bar
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from ..summary import clock, notice, outcome
from .lines import Line, Lines

LEAST_BAR = 20
"""The cells of a bar that stands beside sentences, where there is room for it."""

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
        if self._state.pace and "change_pace" in PHASES[self._phase].keys:
            status += f", {self._state.pace} batch{'es' * (self._state.pace != 1)}/s"
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
    """A bar over the whole run, with epoch, batch, speed and the time left; before it, what is loaded.

    At a past moment, and where the run is over, the bar is a slider: where the mouse is held is a moment to go to.
    """

    @dataclass
    class Sought(Message):
        """The mouse points at the moment after that many batches of the run."""

        step: int

    slides: bool = False
    """Whether one can walk through the run now."""
    waiting: Sequence[str] = ()
    """What the program waits for before it ends, in short sentences, the most important first."""

    def parts(self, width: int) -> Sequence[tuple[str, str]]:
        state = self._state
        self._track = (0, 0)
        if self.waiting:
            return [(fitting(self.waiting, width), "warning")]
        if state.moment is not None:
            return self._looking_back(state.moment, width)
        if state.finished is not None:
            again = [] if state.watched or state.own_loop else ["Press r to train anew."]
            words = fitting([*outcome(state), *again], width - (LEAST_BAR + 2 if self.slides else 0))
            bar = self._bar(len(words) + 2, width, state.fraction) if self.slides else []
            return [(words, ""), *([("  ", ""), *bar] if bar else [])]
        if state.run is None or (state.own_loop and state.batch is None):
            return self._preparing(width)
        if state.batch is None and state.watched:
            return [(f"No batch yet{self._glyphs.ellipsis}", "")]
        if state.batch is None:
            return [("Ready. Press ", ""), ("s", "key"), (" to start the training.", "")]
        batch = state.batch
        left = f"Epoch {batch.epoch:>{len(str(state.epochs))}}/{state.epochs} "
        seconds = seconds_left(state) or 0.0
        facts = [
            f" batch {batch.batch:>{len(str(batch.batches))}}/{batch.batches}",
            f"{clock(seconds):>6} left",
            f"{batch.images_per_second:>9,.0f} {state.data.speed}",
        ]
        if state.pace:  # what the machine could do says nothing then
            facts.pop()
        while len(facts) > 1 and len(left) + len("  ".join(facts)) + 10 > width:
            facts.pop()
        right = "  ".join(facts)
        return [(left, "title"), *self._bar(len(left), width - len(right), state.fraction), (right, "")]

    def _looking_back(self, moment: Moment, width: int) -> Sequence[tuple[str, str]]:
        """The moment on the bar, in words and as a number."""
        state = self._state
        epoch, batch = divmod(max(0, moment.step - 1), state.batches)
        left = f"Epoch {epoch + 1:>{len(str(state.epochs))}}/{state.epochs} "
        facts = [f" batch {batch + (moment.step > 0):>{len(str(state.batches))}}/{state.batches}"]
        facts.append(f"after {moment.step:>{len(f'{moment.last:,}')},} of {moment.last:,} batches")
        while len(facts) > 1 and len(left) + len("  ".join(facts)) + LEAST_BAR > width:
            facts.pop()
        right = "  ".join(facts)
        whole = state.epochs * state.batches
        bar = self._bar(len(left), width - len(right), moment.last / whole, moment.step / whole)
        return [(left, "title"), *bar, (right, "")]

    def _preparing(self, width: int) -> Sequence[tuple[str, str]]:
        preparing = self._state.preparing
        if preparing is None:
            return [(f"Starting{self._glyphs.ellipsis}", "")]
        if not preparing.total:
            return [(f"{preparing.what}{self._glyphs.ellipsis}", "")]
        amount = f"  {preparing.done / 1e6:5.1f} of {preparing.total / 1e6:.1f} MB"
        room = width - len(preparing.what) - len(amount) - 2
        start = len(preparing.what) + 2
        done = preparing.done / preparing.total
        return [(f"{preparing.what}  ", ""), *self._bar(start, start + room, done), (amount, "")]

    def _bar(self, start: int, end: int, fraction: float, moment: float | None = None) -> list[tuple[str, str]]:
        """A bar between two columns; as a slider it has a knob, at the moment on show or at the end of what is done."""
        width = max(0, end - start)
        self._track = start, width
        done, todo = bar(fraction, width, self._glyphs.todo + self._glyphs.done)
        if not self.slides or not width:
            return [(done, "status--bar"), (todo, "faint")]
        place = round(min(1.0, fraction if moment is None else moment) * (width - 1))
        line, behind = done + todo, max(len(done), place + 1)
        return [
            (line[:place], "status--bar"),
            (self._glyphs.test_marker, "key"),
            (line[place + 1 : behind], "muted"),
            (line[behind:], "faint"),
        ]

    # The mouse

    def on_mouse_down(self, event: MouseDown) -> None:
        start, width = self._track
        if self.slides and start <= event.x < start + width:
            self.capture_mouse()
            self._seek(event.x)

    def on_mouse_move(self, event: MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._seek(event.x)

    def on_mouse_up(self, event: MouseUp) -> None:
        self.release_mouse()

    def _seek(self, x: int) -> None:
        start, width = self._track
        share = max(0.0, min(1.0, (x - start) / max(1, width - 1)))
        self.post_message(self.Sought(round(share * self._state.epochs * self._state.batches)))


def fitting(sentences: Sequence[str], width: int) -> str:
    """As many of the sentences as have room, at least the first."""
    return next(
        (text for count in range(len(sentences), 1, -1) if len(text := " ".join(sentences[:count])) <= width),
        sentences[0] if sentences else "",
    )


def seconds_left(state: RunState) -> float | None:
    """The time that the rest of the training and its tests will take at the present speed, or at the pace."""
    if state.batch is None:
        return None
    done = state.batch.batch / state.batch.batches
    tests = state.epochs - len(state.rows)
    test_seconds = state.rows[-1].test_seconds if state.rows else 0.0
    rest = state.epochs - state.batch.epoch + 1 - done
    seconds = rest * state.batch.seconds / done
    if state.pace:
        seconds = max(seconds, rest * state.batches / state.pace)
    return seconds + tests * test_seconds
