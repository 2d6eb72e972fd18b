"""The lock that says which process trains a run."""

import contextlib
import json
import os
import signal
import socket
import time
from pathlib import Path

from ..errors import UserError
from ..files import open_regular, read_json

try:
    import fcntl
except ImportError:  # on Windows, where the command line says that the program does not run
    fcntl = None  # type: ignore[assignment]


class RunLock:
    """An exclusive `flock` on the file `lock` of a run's folder, which names the process that holds it.

    It ends with its process, however that ends. Where the file system has no such locks, what the file says counts:
    a process of this machine that lives, or one of another machine, trains the run. Its word is not good enough to
    end a process by: the number may be another's by now.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._name = folder.name
        self._descriptor: int | None = None
        self._has_flock = True  # until the file system says otherwise

    def acquire(self, patience: float = 0.5) -> None:
        """Makes this process the one that trains the run. Raises UserError where another does, and OSError."""
        descriptor = open_regular(self.path, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + patience
        # A watcher takes the lock for an instant; a trainer keeps it.
        while self._is_taken(descriptor, exclusive=True):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise UserError(f"The run {self._name} is being trained by {self.holder()}.")
            time.sleep(0.02)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets go of the lock, and of the file's word for it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.truncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether a process trains the run."""
        try:
            descriptor = open_regular(self.path)
        except OSError:
            return False
        try:
            return self._is_taken(descriptor, exclusive=False)
        finally:
            os.close(descriptor)

    def take_over(self, patience: float = 15.0) -> None:
        """Asks the process that trains the run, if there is one, to save and end; waits. Raises UserError."""
        pid = self._pid_here()
        if not self.is_held():
            return
        if pid is None or not self._has_flock:
            raise UserError(
                f"The run {self._name} is being trained by {self.holder()}: stop it there first, "
                f"or delete {self.path} where that process is gone."
            )
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError as error:
            raise UserError(f"The run {self._name} is being trained by {self.holder()}: {error}.") from error
        deadline = time.monotonic() + patience
        while self.is_held():
            if time.monotonic() > deadline:
                raise UserError(f"The run {self._name} is still being trained by {self.holder()}, which does not end.")
            time.sleep(0.02)

    def holder(self) -> str:
        """The process that trains the run, in words."""
        pid = self._pid_here()
        return f"process {pid} on this machine" if pid else "a process on another machine"

    def _is_taken(self, descriptor: int, exclusive: bool) -> bool:
        """Whether another process holds the lock; where none does, this one has taken it."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            self._has_flock = False
            pid = self._pid_here()
            if pid is None:
                return os.fstat(descriptor).st_size > 0
            return pid != os.getpid() and _lives(pid)
        return False

    def _pid_here(self) -> int | None:
        """The process of this machine that the file names, if it names one."""
        try:
            holder = read_json(self.path)
            pid, host = int(holder["pid"]), holder["host"]
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        # A signal to 0, or to a number below it, would go to many processes.
        return pid if host == socket.gethostname() and 0 < pid < 2**31 else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
