"""What a script calls: `show` for a training loop of one's own, `fit` for a run with these settings."""

import signal
import threading
from collections.abc import Iterable, Iterator

from .config import TrainingConfig
from .errors import UserError
from .events import Event, RunFinished
from .headless.lines import NotebookLines
from .runs.from_python import PythonRun
from .session import Session
from .streams import has_terminal

PATIENCE = 5.0
"""Seconds to wait, once the dashboard is left, for the loop to end."""


def show(events: Iterable[object], epochs: int = 0) -> None:
    """Shows a loop of one's own in the dashboard, whose keys pause, step and stop it; nothing is saved.

    `events` yields the events of `train` and the results of `test`, as a generator does that has
    `yield from train(...)` and `yield test(...)` in it. With the number of `epochs` the dashboard knows how far it
    is. It returns once it is left, and raises what the loop raised. Where there is no terminal, as in a notebook, it
    prints lines instead.
    """
    source = PythonRun(events, epochs)
    if has_terminal():
        show_dashboard(source)
    else:
        lines = NotebookLines()
        for event in source.events(threading.Event()):
            for line in lines(event):
                print(line, flush=True)
    if source.error is not None:
        raise source.error


def show_dashboard(source: PythonRun) -> None:
    """Shows the dashboard until it is left, and says what the run came to."""
    from .tui.app import TrainingApp

    on_main_thread = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT) if on_main_thread else ()
    handlers = {number: signal.getsignal(number) for number in numbers}
    app = TrainingApp(source)
    try:
        app.run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    app.control.worker.join(PATIENCE)
    for line in app.control.summary():
        print(line)


def fit(config: TrainingConfig) -> Iterator[Event]:
    """Trains as the settings say, in a run's folder, and yields the events of `mlp_tui.events`.

    Whoever leaves it early stops the run, which is saved. Raises UserError after the last event of a run that failed
    or whose loss is not finite any more.
    """
    stop = threading.Event()
    events = Session(config).events(stop)
    end: Event | None = None
    try:
        for end in events:
            yield end
    finally:
        stop.set()
        for _ in events:  # on to the next event, at which the run ends
            pass
    if isinstance(end, RunFinished) and end.reason in ("failed", "diverged"):
        raise UserError(end.message)
