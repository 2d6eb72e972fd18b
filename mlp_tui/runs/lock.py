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
    a process of this machine that lives, or one of another machine, trains the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._name = folder.name
        self._descriptor: int | None = None

    def acquire(self, patience: float = 0.5) -> None:
        """Makes this process the one that trains the run. Raises UserError where another does, and OSError."""
        descriptor = open_regular(self.path, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + patience
        # A watcher takes the lock for an instant; a trainer keeps it.
        while _is_taken(descriptor, exclusive=True, path=self.path):
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
            return _is_taken(descriptor, exclusive=False, path=self.path)
        finally:
            os.close(descriptor)

    def take_over(self, patience: float = 15.0) -> None:
        """Asks the process that trains the run, if there is one, to save and end; waits. Raises UserError."""
        pid = _pid_here(self.path)
        if not self.is_held():
            return
        if pid is None:
            raise UserError(
                f"The run {self._name} is being trained by {self.holder()}: stop it there first, "
                f"or delete {self.path} where that process is gone."
            )
        try:
            os.kill(pid, signal.SIGTERM)
        except (OSError, OverflowError) as error:
            raise UserError(f"The run {self._name} is being trained by {self.holder()}: {error}.") from error
        deadline = time.monotonic() + patience
        while self.is_held():
            if time.monotonic() > deadline:
                raise UserError(f"The run {self._name} is still being trained by {self.holder()}, which does not end.")
            time.sleep(0.02)

    def holder(self) -> str:
        """The process that trains the run, in words."""
        pid = _pid_here(self.path)
        return f"process {pid} on this machine" if pid else "a process on another machine"


def _is_taken(descriptor: int, exclusive: bool, path: Path) -> bool:
    """Whether another process holds the lock; where none does, this one has taken it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks on this file system
        pid = _pid_here(path)
        if pid is None:
            return os.fstat(descriptor).st_size > 0
        return pid != os.getpid() and _lives(pid)
    return False


def _pid_here(path: Path) -> int | None:
    """The process of this machine that the file names, if it names one."""
    try:
        holder = read_json(path)
        return int(holder["pid"]) if holder["host"] == socket.gethostname() else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
