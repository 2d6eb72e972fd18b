"""The lines at the top: what is trained and on what, and how far it is."""

from collections.abc import Sequence

from ..pictures.bars import bar
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import Phase, RunState
from ..summary import clock
from .lines import Line, Lines

STATUS = {
    "loading": "loading",
    "ready": "ready",
    "training": "training",
    "paused": "paused",
    "stopping": "stopping",
    "completed": "done",
    "stopped": "stopped",
    "diverged": "diverged",
    "failed": "failed",
    "live": "live",
    "killed": "killed",
}
"""What each phase is called on the screen."""


class StatusLine(Lines):
    """One line of text in parts, each in the style of a component class; it costs a tenth of what a Static does."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        & > .status--bar { color: $primary; }
        & > .status--loading, & > .status--stopping, & > .status--stopped { color: $text-muted; }
        & > .status--ready { color: $primary; text-style: bold; }
        & > .status--training, & > .status--live, & > .status--completed { color: $success; text-style: bold; }
        & > .status--paused { color: $warning; text-style: bold; }
        & > .status--diverged, & > .status--failed, & > .status--killed { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {"status--bar", *(f"status--{phase}" for phase in STATUS)}

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
        status = f"{self._glyphs.status[self._phase]} {STATUS[self._phase]}"
        if self._state.watched:
            status += f", last event {clock(self._state.watched.age)} ago"
        facts = describe(self._state)
        notice = self._state.run.notice if self._state.run else ""
        if notice and self.low:
            facts = [notice.split(". ")[0]]
        separator = f" {self._glyphs.dot} "
        # The last facts give way first.
        while facts and len("mlp-tui  " + separator.join(facts)) + len(status) + 2 > width:
            facts.pop()
        text = "  " + separator.join(facts)
        space = " " * max(1, width - len("mlp-tui") - len(text) - len(status))
        return [("mlp-tui", "title"), (text, "muted"), (space, ""), (status, f"status--{self._phase}")]


def describe(state: RunState) -> list[str]:
    """The run in facts, the most important first."""
    if state.run is None:
        return []
    run, config = state.run, state.run.config
    name = {"mnist": "MNIST", "synthetic": "built-in digits"}.get(run.dataset, run.dataset)
    return [
        f"{name} {run.train_size:,} + {run.test_size:,}",
        f"784-{config['hidden_size']}-10 ReLU",
        f"Adam {state.learning_rate:g}" if not state.cycles else f"Adam {state.learning_rate:.4f}, one cycle",
        f"batches of {config['batch_size']}",
        run.device,
        f"{run.parameters:,} weights",
    ]


class ProgressLine(StatusLine):
    """A bar over the whole run, with epoch, batch, speed and the time left; before it, what is loaded."""

    def parts(self, width: int) -> Sequence[tuple[str, str]]:
        state = self._state
        if state.finished is not None:
            sentences = outcome(state)
            if not state.watched:
                sentences.append("Press r to train anew.")
            while len(" ".join(sentences)) > width and len(sentences) > 1:
                sentences.pop()
            return [(" ".join(sentences), "")]
        if state.run is None:
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
            f"{batch.images_per_second:>9,.0f} images/s",
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


def outcome(state: RunState) -> list[str]:
    """The end of a run in short sentences, the most important first."""
    if state.finished is None:
        return []
    epochs, accuracy = state.finished.epochs, state.finished.test_accuracy
    sentences = [f"{epochs} epoch{'s' * (epochs != 1)} in {clock(state.finished.seconds)}."]
    if accuracy is not None and state.best is not None:
        sentences.append(f"Test accuracy {accuracy:.2%}, best {state.best.test_accuracy:.2%}.")
    return sentences
