"""Training without a screen: events become lines on standard output."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, redirect_stdout
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import Progress, TaskID

from ..events import Event, Preparing, RunFinished, RunStarted, Saving
from ..runs.source import EventSource
from ..streams import complain, discard, write_line
from .lines import NotebookLines, as_json_lines

PATIENCE = 1.0
"""Seconds to wait, once the run was stopped by a signal, for somebody to read the last sentence."""


def run_headless(source: EventSource, as_json: bool, on_hangup: str = "detach", ascii: bool = False) -> int:
    """Trains to the end, or to a signal, and returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(RunLogHandler(source))
    # A handler that took a lock could wait for the very code that it interrupted: these only add to a list.
    received: list[int] = []
    hung_up: list[int] = []
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and on_hangup == "detach":
            hung_up.append(number)  # the terminal is gone, the run continues
            return
        received.append(number)
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has set it
            signal.signal(number, on_signal)

    lines = as_json_lines if as_json else NotebookLines(ascii)
    end = None
    lost = False  # whether lines were lost that somebody may have waited for
    out = sys.stdout
    with redirect_stdout(sys.stderr), closing(source.events(stop)) as events:  # what the user's own model prints
        for event in notes_to_stderr(events):
            try:
                for line in lines(event):
                    write_line(out, line, give_up=lambda: bool(received))
            except OSError as error:
                discard(out)
                if isinstance(error, BrokenPipeError) and not hung_up and not received:
                    complain("Nobody reads the output any more, so the training was stopped.")
                    stop.set()
                elif not hung_up and not received:
                    reason = error.strerror or error
                    complain(f"Standard output cannot be written ({reason}): the training continues without it.")
                    lost = True
            if received:
                stop.set()
            end = event
    if stop.is_set():
        if source.unfinished:
            complain(f"The run is saved. Resume it: mlp-tui --resume {source.unfinished.path}", PATIENCE)
        return 128 + received[-1] if received else 1
    return int(lost or (isinstance(end, RunFinished) and bool(end.message)))


class RunLogHandler(logging.Handler):
    """Keeps a copy of the log's lines in the folder of the run."""

    def __init__(self, source: EventSource) -> None:
        super().__init__()
        self._source = source

    def emit(self, record: logging.LogRecord) -> None:
        folder = self._source.folder
        if folder and not is_standard_error(folder.output):  # as it is where the run was detached
            folder.note(self.format(record))


def is_standard_error(path: Path) -> bool:
    """Whether standard error goes to that file."""
    try:
        return os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False


def notes_to_stderr(events: Iterator[Event]) -> Iterator[Event]:
    """The same events; what is for the person rather than the program goes to standard error on the way."""
    progress = Progress(console=Console(stderr=True), transient=True)
    with ExitStack() as shown:
        tasks: dict[str, TaskID] = {}
        for event in events:
            match event:
                case Preparing(what, done, total) if total and sys.stderr.isatty():
                    if not tasks:
                        shown.enter_context(progress)
                    if what not in tasks:
                        tasks[what] = progress.add_task(what)
                    progress.update(tasks[what], completed=done, total=total)
                case RunStarted(notice=notice):
                    shown.close()
                    if notice:
                        complain(notice)
                case Saving(error=error):
                    complain(f"The run cannot be saved: {error}." if error else "The run can be saved again.")
                case RunFinished(message=message) if message:
                    shown.close()
                    complain(message)
            yield event
