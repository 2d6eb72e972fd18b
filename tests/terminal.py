"""A terminal for tests: a program in a pseudo-terminal, and the screen that it draws read back."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping

import pyte


def login() -> None:
    """Makes the pseudo-terminal the controlling one of a new session, so that its end is a hang-up."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs a command in a pseudo-terminal of the given size and keeps its screen."""

    def __init__(self, command: list[str], columns: int = 80, rows: int = 24, **environment: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._main, side = pty.openpty()
        self.output = b""
        self._set_size(columns, rows)
        self._modes = termios.tcgetattr(self._main)
        # What runs the tests may have told them its own terminal's size.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        env: Mapping[str, str] = {**inherited, "TERM": "xterm-256color", **environment}
        self.process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=env, preexec_fn=login)
        os.close(side)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side is closed: the program is gone
            while data := os.read(self._main, 65536):
                # pyte takes Kitty's keyboard sequences for others.
                drawn = re.sub(rb"\x1b\[[<>=?][0-9;]*u", b"", data)
                with self._lock:
                    self.output += data
                    self._stream.feed(drawn)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self.screen.resize(rows, columns)
        self._set_size(columns, rows)
        os.killpg(self.process.pid, signal.SIGWINCH)

    def type(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    @property
    def text(self) -> str:
        """The screen, a line a row."""
        with self._lock:
            return "\n".join(self.screen.display)

    def wait_for(self, pattern: str, seconds: float = 30.0) -> str:
        """Waits until the screen holds the pattern (a regular expression), and returns the screen."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, text := self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} after {seconds} s on this screen:\n{text}"
            time.sleep(0.01)
        return text

    def wait(self, seconds: float = 30.0) -> int:
        """Waits until the program has ended, and returns its exit code."""
        return self.process.wait(seconds)

    def is_as_before(self) -> bool:
        """Whether the terminal is in the modes that it was in before the program, all that `stty -a` shows."""
        return termios.tcgetattr(self._main) == self._modes

    def hang_up(self) -> None:
        """Takes the terminal away, as a connection that drops does."""
        os.close(self._main)
        self._main = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._main >= 0:
            os.close(self._main)
