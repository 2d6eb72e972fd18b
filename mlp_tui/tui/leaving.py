"""How the dashboard ends: by a key, by SIGTERM or when the connection drops; the run is saved first."""

import os
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app import TrainingApp

PATIENCE = 1.5
"""Seconds to wait for the training's thread where nothing is to be saved: it may be stuck in an import, say."""

WAITING = (
    "The run is being saved.",
    "The program ends when it is;",
    "q ends it now, and leaves the run at its last checkpoint.",
)


class Leaving:
    """Ends the run, then the app; a run that is being saved is waited for, however long that takes."""

    def __init__(self, app: "TrainingApp", on_hangup: str) -> None:
        self._app = app
        self._worker = app.control.worker
        self._source = app.control.source
        self._on_hangup = on_hangup
        self._write_end = -1
        self._since: float | None = None
        self.detached = False
        """Whether the run is to be resumed by a process of its own."""
        self.forced = False
        """Whether the user would not wait for the run to be saved."""

    def leave(self) -> None:
        """Ends the training, which saves the run, then the app. Asked for again, it waits no longer."""
        if self._since is None:
            self._begin()
        else:
            self.forced = True

    def _begin(self, signalled: int = 0) -> None:
        self._since = started = self._since or time.monotonic()
        self._worker.close()
        self._app.control.enter("stopping")

        def exit_when_done() -> None:
            if time.monotonic() > started + PATIENCE and self._source.unsaved:
                self._app.progress.waiting = WAITING
                self._app.progress.redraw()
            if self._is_over(PATIENCE) or self.forced:
                end = self._app.control.state.finished
                failed = self.forced or bool(end and end.message)
                self._app.exit(return_code=128 + signalled if signalled else int(failed))

        self._app.set_interval(0.02, exit_when_done)

    def detach(self) -> None:
        """Leaves the run to a process of its own."""
        self.detached = True
        self.leave()

    def _is_over(self, patience: float) -> bool:
        """Whether the thread has ended, or hangs with nothing to save."""
        stuck = self._since is not None and time.monotonic() > self._since + patience
        return self._worker.join(0) or (stuck and not self._source.unsaved)

    # Signals

    def take_signals(self) -> None:
        """Has SIGTERM and SIGHUP end the program in order; only on the main thread, where signals arrive."""
        if threading.current_thread() is threading.main_thread():
            read_end, self._write_end = os.pipe()
            threading.Thread(target=self._end_after_signal, args=(read_end,), name="signals", daemon=True).start()
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # It may have interrupted whoever holds a lock, so it takes none: a thread gets the number through a pipe.
        # The kernel sends SIGCONT behind SIGHUP, and Textual would start to read the dead terminal again.
        signal.signal(signal.SIGCONT, signal.SIG_IGN)
        os.write(self._write_end, bytes([number]))

    def _end_after_signal(self, read_end: int) -> None:
        """Waits for a signal, then ends the run, the app and the process."""
        number = os.read(read_end, 1)[0]
        self._since = self._since or time.monotonic()
        self._worker.close()
        hung_up = number == signal.SIGHUP
        if not hung_up:
            self._app.call_later(self._begin, number)
        while not self._is_over(patience=10):
            time.sleep(0.02)
        # A terminal that is gone, or that nobody reads, cannot be written to, and the app never ends by itself.
        time.sleep(0.0 if hung_up else 1.0)
        if hung_up and self._on_hangup == "detach" and self._source.unfinished:
            self._source.unfinished.resume_detached()
        os._exit(128 + number)
