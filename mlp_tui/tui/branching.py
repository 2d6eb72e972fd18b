"""Branching: a new run from a moment of another, and how a run goes on that has diverged; what a person is asked."""

from collections.abc import Set
from functools import partial
from typing import TYPE_CHECKING

from ..config import TrainingConfig
from ..errors import UserError
from ..events import Event, NoAnswer, Past, RunFinished, RunStarted
from ..runs.source import GoOn, Walkable
from .screens.branch import BranchScreen
from .screens.tripwire import TripwireScreen

if TYPE_CHECKING:
    from .app import TrainingApp


class Branching:
    """Opens the screens that ask, and tells the run what was answered."""

    def __init__(self, app: "TrainingApp") -> None:
        self._app = app
        self._control = app.control

    def take(self, kinds: Set[type[Event]]) -> None:
        """Asks how to go on where the run has diverged, and has a branch's parent shown behind it."""
        if RunFinished in kinds and self._control.allows("go_on"):
            self.ask_how()
        if kinds & {Past, RunStarted}:
            source = self._control.source
            runs_dir = source.folder.path.parent if source.folder else source.config.runs_dir
            self._app.train.show_parent(self._control.state, runs_dir)

    def ask_how(self) -> None:
        """Asks how a run that has diverged goes on."""
        self._app.push_screen(TripwireScreen(self._app.glyphs, self._app.shades, self._control.state), self._go_on)

    def _go_on(self, how: GoOn | None) -> None:
        if how is not None:
            self._control.source.go_on_next(how)
            self._control.restart()

    def ask_settings(self) -> None:
        """Asks for the settings of a branch from the moment on show, once the run's own are found."""
        if past := self._control.source.past:
            step = past.last if self._control.walk.step is None else self._control.walk.step
            self._control.worker.ask(partial(self._find_settings, past, step), "branch")

    def _find_settings(self, past: Walkable, step: int) -> Event | None:
        """Opens the form; by the thread that trains."""
        try:
            settings = past.settings_at(step)
        except UserError as error:
            return NoAnswer(str(error))
        self._app.call_later(self._open_form, step, settings)
        return None

    def _open_form(self, step: int, settings: TrainingConfig) -> None:
        place = divmod(step, self._control.state.batches)
        self._app.push_screen(BranchScreen(settings, *place, self._app.glyphs), partial(self._begin, step))

    def _begin(self, step: int, settings: TrainingConfig | None) -> None:
        if settings is not None:
            self._control.worker.ask(partial(self._control.source.branch, step, settings))
