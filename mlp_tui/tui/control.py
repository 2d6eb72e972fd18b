"""RunControl: what the keys do to the run, and the phase that it is in; nothing of it is drawn here."""

import gc
from collections.abc import Callable
from functools import partial

from textual.message import Message

from ..config import TrainingConfig
from ..events import (
    BatchFinished,
    Drawing,
    EpochFinished,
    Event,
    Forked,
    Moment,
    NoAnswer,
    Predictions,
    RunFinished,
    Weights,
)
from ..runs.source import PACES, EventSource
from .phases import DRIVING, PHASES, Phase
from .run_state import RunState
from .summary import summary
from .walk import Later, Walk
from .worker import Emitted, TrainingWorker


class RunControl:
    """Drives the worker thread, and adds up what it emits. `changed` is called at each change of the phase."""

    def __init__(
        self,
        source: EventSource,
        post: Callable[[Message], object],
        changed: Callable[[], object] = lambda: None,
        later: Later = lambda seconds, call: None,
        pace: int = 0,
    ) -> None:
        self.source = source
        self.worker = TrainingWorker(source, post, pace)
        self.state = RunState(own_loop="restart" in source.lacks)
        self.state.pace = pace
        self.phase: Phase = "starting" if source.resumes else "loading"
        self._changed = changed
        self._weights_asked: tuple[int, int] | None = None  # at which epoch and batch
        self.walk = Walk(self, later)

    @property
    def looking_back(self) -> bool:
        """Whether the screen is at a past moment, or on its way there."""
        return self.phase in ("replay", "playing")

    @property
    def under_way(self) -> bool:
        """Whether there is a run that trains, or is paused."""
        return (self.walk.present if self.looking_back else self.phase) in ("training", "paused")

    @property
    def shown(self) -> RunState:
        """What is to be on the screen: the moment that was walked to, or the run as it is."""
        return self.walk.then or self.state

    def enter(self, phase: Phase) -> None:
        """Goes into a phase."""
        self.phase = phase
        if not self.looking_back:
            self.walk.leave()
        self._changed()

    def allows(self, action: str) -> bool:
        """Whether a key can do that now. What does not drive the run, it always can."""
        action = "walk" if action == "flips" else action
        if action not in DRIVING:
            return True
        source = self.source
        needs = {"resume": source.unfinished, "walk": source.past, "branch": source.past, "go_on": source.tripped}
        possible = source.trains and action in PHASES[self.phase].keys and action not in source.lacks
        return possible and (action not in needs or needs[action] is not None)

    # What the keys do

    def begin(self) -> None:
        """Starts the thread, and the training where the run is one to resume or to watch."""
        if self.source.resumes:
            self.worker.unpause()
        self.worker.start()

    def start(self) -> None:
        """Starts the training, as soon as all is loaded."""
        self.worker.unpause()
        self.enter("training" if self.phase == "ready" else "starting")

    def pause(self) -> None:
        """Pauses the training; while it loads, takes the start back."""
        self.worker.pause()
        self.enter("loading" if self.phase == "starting" else "paused")

    def unpause(self) -> None:
        """Trains on from a pause."""
        self.worker.unpause()
        self.enter("training")

    def step(self) -> None:
        """Trains on one batch, whose six steps are then shown; at a past moment they are known."""
        if self.looking_back:
            self.enter("replay")
            return
        # By the thread that trains: a batch that is under way is not the one that is meant.
        self.worker.ask(partial(self.worker.unpause, BatchFinished, in_detail=True))
        self.enter("paused")

    def epoch(self) -> None:
        """Trains to the end of the epoch."""
        self.worker.unpause(until=EpochFinished)
        self.enter("training")

    def change_rate(self, direction: int) -> None:
        """Takes the next larger (1) or smaller (-1) learning rate. Each call counts, however quickly they come."""
        self.worker.ask(partial(self.source.change_learning_rate, direction))

    def change_pace(self, direction: int) -> None:
        """Takes the next faster (1) or slower (-1) pace."""
        place = PACES.index(self.state.pace) + direction
        self.state.pace = self.shown.pace = PACES[max(0, min(place, len(PACES) - 1))]
        self.worker.set_pace(self.state.pace)
        self._changed()

    def play(self) -> None:
        """Plays the run from the moment on show."""
        self.walk.play()

    def halt(self) -> None:
        """Stays at the moment on show."""
        self.enter("replay")

    def stop(self) -> None:
        """Ends the run, which saves it."""
        self.worker.stop()
        self.enter("stopping")

    def resume(self) -> None:
        """Resumes the run that was stopped."""
        self.source.resume_next()
        self.restart()

    def restart(self, paused: bool = False) -> None:
        """Begins a run; one that is under way is saved and left."""
        pace = self.state.pace
        self.state = RunState()
        self.state.pace = pace
        self._weights_asked = None
        self.worker.restart(paused)
        self.enter("loading" if paused else "starting")

    def take_settings(self, config: TrainingConfig) -> str:
        """Has the next run use these settings; that is this one, while it has no batch yet. Returns a sentence."""
        self.source.next_config = config
        if self.phase in ("loading", "starting", "ready") and not self.source.resumes:
            self.restart(paused=self.phase != "starting")
            return "The run takes the new settings."
        return "The next run takes the new settings: r starts it."

    def read_drawing(self, pixels: bytes | None) -> None:
        """Asks what the model makes of a drawing, 28x28 bytes; None takes the last answer away."""
        if pixels is None:
            self.state.drawing = None
        else:
            self.worker.ask(partial(self.source.read_drawing, pixels), "drawing")

    def ask_for_weights(self) -> None:
        """Asks for the weights, where they were trained since the last time."""
        batch = self.state.batch
        at = (batch.epoch, batch.batch) if batch else (0, 0)
        if at != self._weights_asked and self.state.predictions:
            self._weights_asked = at
            self.worker.ask(self.source.weights, "weights")

    def summary(self) -> list[str]:
        """What the run came to; nothing where it did not come to an end."""
        return summary(self.state)

    # What the run emits

    def drawn(self) -> None:
        """Takes note that all that was taken is on the screen."""
        self.worker.drawn()
        self.walk.drawn()

    def take(self, message: Emitted) -> set[type[Event]]:
        """Adds the events to the state, and changes the phase as they say; returns the kinds of events.

        A run that was left for a new one has none.
        """
        if message.run != self.worker.run:
            return set()
        kinds = {type(event) for event in message.events}
        for event in message.events:
            if isinstance(event, Moment):
                self.walk.show(event)
            elif isinstance(event, (Drawing, Weights, NoAnswer)):  # answers about what is on show
                self.shown.replace(event)
            else:
                self.state.add(event)
        self.state.folder = self.source.folder.path if self.source.folder else None
        if not self.source.trains:
            self._watch()
        elif Forked in kinds:  # the answer to a wish for a branch: it is the next run
            self.restart()
        elif self.state.finished and RunFinished in kinds:
            self.enter(self.state.finished.reason)
        elif kinds & {Predictions, BatchFinished} and self.phase in ("loading", "starting"):
            # PyTorch's objects stay; to search them for garbage would stop everything for 0.1 s at a time.
            gc.freeze()
            self.enter("training" if self.phase == "starting" else "ready")
        if message.paused and self.phase == "training" and self.worker.paused:
            self.enter("paused")
        return kinds

    def _watch(self) -> None:
        """Goes into the phase of a run that is watched."""
        state = self.state
        if state.watched is not None:
            phase: Phase = "live" if state.watched.live else state.finished.reason if state.finished else "killed"
            if phase != self.phase:
                self.enter(phase)
