"""RunControl: what the keys do to the run, and the phase that it is in; nothing of it is drawn here."""

import gc
import math
import time
from collections.abc import Callable
from functools import partial

from textual.message import Message

from ..config import TrainingConfig
from ..events import (
    BatchFinished,
    Drawing,
    EpochFinished,
    Event,
    Moment,
    Predictions,
    RunFinished,
    StepTaken,
    Weights,
)
from ..runs.source import PACES, EventSource
from .phases import DRIVING, PHASES, WALKING, Phase
from .run_state import RunState
from .worker import FOLLOWED, Emitted, TrainingWorker

MOMENTS = 10
"""The most moments a second that are shown one after the other, where a larger stride keeps the pace."""

WHOLE_RUN = 10.0
"""Seconds in which a run is played from end to end at full speed."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds."""


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
        self.wanted: frozenset[str] = frozenset()
        """What of a past moment is shown beside what each Moment has, as TimeMachine calls it."""
        self._changed = changed
        self._later = later
        self._weights_asked: tuple[int, int] | None = None  # at which epoch and batch
        self._present: Phase = "paused"  # the phase that the run is in while a past moment is on show
        self._then: RunState | None = None  # the moment on show
        self._target: int | None = None  # the step that was asked for last
        self._due = 0.0  # when the next moment is, while they are played

    @property
    def looking_back(self) -> bool:
        """Whether the screen is at a past moment, or on its way there."""
        return self.phase in ("replay", "playing")

    @property
    def under_way(self) -> bool:
        """Whether there is a run that trains, or is paused."""
        return (self._present if self.looking_back else self.phase) in ("training", "paused")

    @property
    def shown(self) -> RunState:
        """What is to be on the screen: the moment that was walked to, or the run as it is."""
        return self._then or self.state

    def enter(self, phase: Phase) -> None:
        """Goes into a phase."""
        was_back, self.phase = self.looking_back, phase
        if was_back and not self.looking_back:
            self._then = self._target = None
            if self.source.past:
                self.worker.ask(self.source.past.leave, "walk")
        self._changed()

    def allows(self, action: str) -> bool:
        """Whether a key can do that now. What does not drive the run, it always can."""
        if action not in DRIVING:
            return True
        possible = self.source.trains and action in PHASES[self.phase].keys and action not in self.source.lacks
        if action in WALKING and self.source.past is None:
            return False
        return possible and (action != "resume" or self.source.unfinished is not None)

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

    # Walking through the run

    def walk(self, batches: int) -> None:
        """Goes so many batches forward, or back, from the moment that was asked for last."""
        if past := self.source.past:
            self.go((past.last if self._target is None else self._target) + batches)

    def walk_epochs(self, epochs: int) -> None:
        """Goes so many epochs forward, or back."""
        self.walk(epochs * self.state.batches)

    def walk_to_end(self, direction: int) -> None:
        """Goes to the beginning of the run (-1), or to where it is (1)."""
        if past := self.source.past:
            self.go(past.last if direction > 0 else past.first)

    def go(self, step: int, phase: Phase = "replay") -> None:
        """Goes to the moment after that many batches of the run; only the newest of several such wishes counts."""
        past = self.source.past
        if past is None:
            return
        step = max(past.first, min(step, past.last))
        if not self.looking_back:
            if step == past.last:
                return
            self._present = self.phase
        self._target = step
        self.worker.ask(partial(past.go, step, self.wanted), "walk")
        if self.phase != phase:
            self.enter(phase)

    def want(self, wanted: frozenset[str]) -> None:
        """Says what of a past moment is shown now; what is lacking is asked for."""
        before, self.wanted = self.wanted, wanted
        if wanted - before and self.looking_back and self._target is not None:
            self.go(self._target, self.phase)

    def play(self) -> None:
        """Shows one moment after the other from here on, at the pace that is set."""
        if self._target is not None:
            self.enter("playing")
            self._play_on(self._target)

    def halt(self) -> None:
        """Stays at the moment on show."""
        self.enter("replay")

    def _play_on(self, step: int) -> None:
        if self.phase == "playing" and step == self._target and self.source.past:
            pace = self.state.pace
            whole = self.source.past.last - self.source.past.first
            stride = max(1, math.ceil((pace or whole / WHOLE_RUN) / MOMENTS)) if not 0 < pace <= FOLLOWED else 1
            self._due = time.monotonic() + (stride / pace if pace else 1 / MOMENTS)
            self.go(step + stride, "playing")

    def _show(self, moment: Moment) -> None:
        """Shows a moment; at the run's end, the run as it is."""
        if not self.looking_back:
            return  # it was left meanwhile
        self.state.lost = self.shown.lost = moment.error
        if moment.error:
            self._target = self._then.moment.step if self._then and self._then.moment else moment.last
            self.enter("replay" if self._then else self._present)
        elif moment.step == moment.last == self._target:
            for event in moment.events:
                if isinstance(event, (Predictions, Weights, StepTaken)):
                    self.state.replace(event)
            self.enter(self._present)
        else:
            self._then = self.state.at(moment)
            if self.phase == "playing":
                self._later(max(0.001, self._due - time.monotonic()), partial(self._play_on, moment.step))

    # What the run emits

    def take(self, message: Emitted) -> set[type[Event]]:
        """Adds the events to the state, and changes the phase as they say; returns the kinds of events.

        A run that was left for a new one has none.
        """
        if message.run != self.worker.run:
            return set()
        kinds = {type(event) for event in message.events}
        for event in message.events:
            if isinstance(event, Moment):
                self._show(event)
            elif isinstance(event, (Drawing, Weights)):  # answers about what is on show
                self.shown.replace(event)
            else:
                self.state.add(event)
        self.state.folder = self.source.folder.path if self.source.folder else None
        if not self.source.trains:
            self._watch()
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
