"""A run that is a Python loop of the user's own: what it yields becomes the events of a run that nothing saves."""

import dataclasses
import time
from collections.abc import Generator, Iterable, Iterator
from threading import Event as Flag
from typing import Protocol, TypeGuard, get_args

from ..config import TrainingConfig
from ..errors import UserError
from ..events import BatchFinished, EpochFinished, Event, Preparing, RunFinished, RunStarted
from .source import EventSource


class Tested(Protocol):
    """What the loop needs of a test: `TestResult` has it."""

    loss: float
    accuracy: float
    logits: object


class PythonRun(EventSource):
    """Runs a loop that yields the events of `train`, or of `fit`, and the results of `test`.

    It computes only while its next event is asked for, so it can be paused, stepped and stopped like any other run.
    What it does not say is made up from what is known: an epoch begins where the batches count from 1 again.
    """

    trains = True
    resumes = True  # it begins at once
    lacks = frozenset({"restart", "resume", "change_rate", "settings", "detach", "details", "saving"})

    def __init__(self, events: Iterable[object], epochs: int = 0) -> None:
        self.config = self.next_config = TrainingConfig()
        self._events = events
        self._epochs = epochs
        self._batch: BatchFinished | None = None
        self._started: RunStarted | None = None
        self._test_size = 0
        self._seconds = 0.0
        self.error: BaseException | None = None
        """What the loop raised."""

    def events(self, stop: Flag) -> Generator[Event, None, None]:
        """The loop's events, and at the end a RunFinished, as EventSource says; the loop is closed then."""
        end = RunFinished("completed", 0, None, None, 0.0)
        loop: Iterator[object] = iter(())
        try:
            loop = iter(self._events)
            for event in self._translated(loop):
                if isinstance(event, RunFinished):
                    end = event
                    break
                if isinstance(event, EpochFinished):
                    loss, accuracy = event.test_loss, event.test_accuracy
                    end = dataclasses.replace(end, epochs=event.epoch, test_loss=loss, test_accuracy=accuracy)
                yield event
                if stop.is_set():
                    end = dataclasses.replace(end, reason="stopped")
                    break
            if hasattr(loop, "close"):
                loop.close()
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            self.error = error
            message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            end = dataclasses.replace(end, reason="failed", message=f"The loop failed: {message}")
        yield dataclasses.replace(end, seconds=end.seconds or self._seconds)

    def _translated(self, loop: Iterator[object]) -> Iterator[Event]:
        """Makes of what the loop yields the events of one run. Raises UserError where it is neither."""
        says_itself = False
        while True:
            started = time.perf_counter()
            try:
                event = next(loop)
            except StopIteration:
                return
            took = time.perf_counter() - started
            self._seconds += took
            says_itself = says_itself or isinstance(event, RunStarted)
            if isinstance(event, BatchFinished) and not says_itself:
                before = self._batch
                epoch = 1 if before is None else before.epoch + (event.batch <= before.batch)
                self._batch = dataclasses.replace(event, epoch=epoch)
                yield from self._facts()
                yield self._batch
            elif isinstance(event, get_args(Event)):
                yield event
            elif is_test(event):
                yield from self._after_test(event, took)
            else:
                raise UserError(
                    f"the loop yields a {type(event).__name__}: let it yield the events of train "
                    "(yield from train(...)) and the results of test (yield test(...))."
                )

    def _after_test(self, result: Tested, seconds: float) -> Iterator[Event]:
        """The end of an epoch, from the result of its test; of one before the training a message."""
        batch = self._batch
        if batch is None:
            yield Preparing(f"A test before the training: loss {result.loss:.2f}, accuracy {result.accuracy:.2%}")
            return
        if isinstance(result.logits, Iterable):
            self._test_size = sum(1 for _ in result.logits)
        yield from self._facts()
        yield EpochFinished(
            epoch=batch.epoch,
            epochs=max(self._epochs, batch.epoch),
            train_loss=batch.running_loss,
            train_accuracy=batch.running_accuracy,
            test_loss=result.loss,
            test_accuracy=result.accuracy,
            train_seconds=batch.seconds,
            test_seconds=seconds,
        )

    def _facts(self) -> Iterator[RunStarted]:
        """What is known of the run, where that is more than before."""
        batch = self._batch
        assert batch is not None
        images = round(batch.images_per_second * batch.seconds)
        size = self._started.config["batch_size"] if self._started else max(1, round(images / batch.batch))
        whole = batch.batch == batch.batches
        config = self.config.as_dict() | {"batch_size": size, "optimizer": "", "learning_rate": batch.learning_rate}
        started = RunStarted(
            run="",
            config=config | {"epochs": max(self._epochs, batch.epoch)},
            device="",
            dataset="your loop",
            train_size=images if whole else self._started.train_size if self._started else size * batch.batches,
            test_size=self._test_size,
            parameters=0,
        )
        known = dataclasses.replace(started, config=started.config | {"learning_rate": 0.0})
        if self._started is None or known != self._started:
            self._started = known
            yield started


def is_test(result: object) -> TypeGuard[Tested]:
    """Whether it is the result of a test."""
    return all(hasattr(result, name) for name in ("loss", "accuracy", "logits"))
