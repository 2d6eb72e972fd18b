"""Training without a screen: events become lines on standard output."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import Progress, TaskID

from ..config import PRINT_EVERY
from ..events import (
    BatchFinished,
    EpochFinished,
    Event,
    Mistakes,
    Past,
    Predictions,
    Preparing,
    Preview,
    RunFinished,
    RunStarted,
    Saving,
    to_json,
)
from ..session import Session
from .characters import can_show_blocks, in_quadrants, in_ramp, side_by_side
from .confusion import confused_words, matrix_lines


def run_headless(session: Session, as_json: bool, on_hangup: str = "detach", ascii: bool = False) -> int:
    """Trains to the end, or to a signal, and returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(RunLogHandler(session))
    received: list[int] = []
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGHUP and on_hangup == "detach":
            return  # the terminal is gone, the run goes on
        stop.set()
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has set it
            signal.signal(number, on_signal)

    lines = as_json_lines if as_json else NotebookLines(ascii)
    end = None
    with closing(session.events(stop)) as events:
        for event in told_on_stderr(events):
            try:
                for line in lines(event):
                    print(line, flush=True)
            except OSError as error:
                # Python flushes standard output once more at exit: give it somewhere to go.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                if isinstance(error, BrokenPipeError) and signal.SIGHUP not in received:
                    complain("Nobody reads the output any more, so the training was stopped.")
                    stop.set()
            end = event
    if stop.is_set():
        stopped_by = [number for number in received if number != signal.SIGHUP or on_hangup == "stop"]
        if session.unfinished:
            complain(f"The run is saved. Go on with it: mlp-tui --resume {session.unfinished.path}")
        return 128 + stopped_by[-1] if stopped_by else 1
    return int(isinstance(end, RunFinished) and bool(end.message))


class RunLogHandler(logging.Handler):
    """Keeps a copy of the log's lines in the folder of the run."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        folder = self._session.folder
        if folder and not is_standard_error(folder.output):  # as it is where the run was detached
            folder.note(self.format(record))


def is_standard_error(path: Path) -> bool:
    """Whether standard error goes to that file."""
    try:
        return os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False


def complain(sentence: str) -> None:
    """Says one sentence on standard error, in the program's name."""
    with suppress(OSError):  # a terminal that is gone
        print(f"mlp-tui: {sentence}", file=sys.stderr, flush=True)


def told_on_stderr(events: Iterator[Event]) -> Iterator[Event]:
    """The same events; what is for the person rather than the program goes to standard error on the way."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        tasks: dict[str, TaskID] = {}
        for event in events:
            match event:
                case Preparing(what, done, total) if total:
                    if what not in tasks:
                        tasks[what] = progress.add_task(what)
                    progress.update(tasks[what], completed=done, total=total)
                case RunStarted(notice=notice):
                    progress.stop()
                    if notice:
                        complain(notice)
                case Saving(error=error):
                    complain(f"The run cannot be saved: {error}." if error else "The run can be saved again.")
                case RunFinished(message=message) if message:
                    progress.stop()
                    complain(message)
            yield event


def as_json_lines(event: Event) -> Iterator[str]:
    """The event itself, as one line."""
    if not isinstance(event, Past):
        yield to_json(event)


class NotebookLines:
    """The notebook's own lines, to the letter; at the end its picture, in characters, and what was read wrong."""

    def __init__(self, ascii: bool = False) -> None:
        self.ascii = ascii or not can_show_blocks(sys.stdout.encoding)
        self.mistakes: Mistakes | None = None
        self.preview: Preview | None = None
        self.predictions: Predictions | None = None

    def __call__(self, event: Event) -> Iterator[str]:
        match event:
            case BatchFinished(epoch=epoch, batch=batch, running_loss=loss) if batch % PRINT_EVERY == 1:
                yield f"Epoch {epoch}, batch {batch}: loss = {loss:.2f}"
            case EpochFinished() as e:
                for name, loss, accuracy in (
                    ("train", e.train_loss, e.train_accuracy),
                    ("test", e.test_loss, e.test_accuracy),
                ):
                    yield (
                        f"Epoch {e.epoch} done. Average {name} loss = {loss:.2f}, "
                        f"average {name} accuracy = {accuracy * 100:.3f}%"
                    )
            case Preview():
                self.preview = event
            case Predictions():
                self.predictions = event
            case Mistakes():
                self.mistakes = event
            case RunFinished(reason="completed") if self.preview and self.predictions:
                yield ""
                yield from picture(self.preview, self.predictions, self.ascii)
                if self.mistakes:
                    yield ""
                    yield "How often each label was read as each digit:"
                    yield from matrix_lines(self.mistakes.confusion)
                    yield confused_words(self.mistakes.confusion)


def picture(preview: Preview, predictions: Predictions, ascii: bool) -> list[str]:
    """The examples five to a row, each over its prediction and its label."""
    width, height = 14, 7
    draw = in_ramp if ascii else in_quadrants
    digits = [
        [*draw(pixels, width, height), f"Prediction: {prediction}", f"Label: {label}"]
        for pixels, label, prediction in zip(preview.pixels, preview.labels, predictions.predictions, strict=True)
    ]
    return side_by_side(digits, width, columns=5)
