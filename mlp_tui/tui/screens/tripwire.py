"""What became of a run that has diverged: the batch that is to blame, and how the run may go on."""

import textwrap
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from ...events import StepTaken
from ...runs.source import GoOn
from ..pictures.glyphs import Glyphs
from ..run_state import RunState
from ..widgets.lines import Line
from .step import StepView


class TripwireScreen(ModalScreen[GoOn | None]):
    """Comes up where a run has gone back to before it diverged; it is dismissed with how to go on, None for not now."""

    DEFAULT_CSS = """
    TripwireScreen {
        align: center middle;
        & > TripwireView { width: 100%; max-width: 110; height: 1fr; max-height: 24; }
        & > Static { width: 100%; max-width: 110; height: auto; padding: 0 1; background: $surface; }
    }
    """
    BINDINGS = [
        Binding("h", "dismiss('halve')", "Half the rate"),
        Binding("k", "dismiss('skip')", "Skip the batch"),
        Binding("escape,enter,q,ctrl+c", "dismiss", "Close"),
    ]

    def __init__(self, glyphs: Glyphs, colour: bool, state: RunState) -> None:
        super().__init__()
        self.view = TripwireView(glyphs, colour)
        self._state = state

    def compose(self) -> ComposeResult:
        yield self.view
        yield Static("[b]h[/b] halve the rate and go on  [b]k[/b] skip the batch and go on  [b]Esc[/b] leave it")

    def on_mount(self) -> None:
        self.view.show(self._state)


class TripwireView(StepView):
    """The batch that is to blame, and the layer where it began."""

    DEFAULT_CSS = "TripwireView { padding: 0 1; background: $surface; }"

    @property
    def _listed(self) -> int:
        return 0  # the batch has the room of the parameters

    def _describe_step(self, step: StepTaken) -> Iterator[Line]:
        state = self._state
        predictions = [row.index(max(row)) for row in step.logits]
        right = sum(a == b for a, b in zip(predictions, step.labels, strict=True))
        if state.finished is None or state.tripped is None:
            return
        tripped = state.tripped
        blame = "whose examples alone are to blame" if tripped.by_data else "whose step did it"
        sentences = [
            state.finished.message.split(". ")[0] + ".",
            f"The run is back before batch {tripped.batch} of epoch {tripped.epoch}, {blame}.",
            f"It began {tripped.where}." if tripped.where else "",
        ]
        yield [self.text("The run has diverged", "wrong")]
        for sentence in filter(None, sentences):
            for line in textwrap.wrap(sentence, max(1, self.size.width)):
                yield [self.text(line)]
        yield []
        size = len(step.labels)
        yield [self.text(f"The batch: {right} of its {size} {state.data.noun}s were read right", "title")]
        yield from self._batch(step, predictions)
        yield [
            self.text(f"Loss {step.loss:.4g}; after a step at learning rate {step.learning_rate:.3g}: "),
            self.text(f"{step.loss_after:.4g}", "wrong"),
        ]
