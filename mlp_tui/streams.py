"""The standard streams: opened where they are closed, and written to without waiting for a reader that is gone."""

import io
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

PIECE = select.PIPE_BUF // 4 if hasattr(select, "PIPE_BUF") else 128
"""Characters that a pipe takes without making the writer wait, once `select` calls it ready."""


def open_streams() -> None:
    """Gives a standard stream that was closed (`>&-`) somewhere to go, before a file of ours gets its number.

    Raises SystemExit where standard output is closed.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        complain("Standard output is closed: send it to a file, or to /dev/null.")
        raise SystemExit(2)


def has_terminal() -> bool:
    """Whether a dashboard can be shown: three terminals that can do more than a typewriter, or Textual's web driver."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM", "dumb") != "dumb" and all(stream and stream.isatty() for stream in streams)


def complain(sentence: str, patience: float = float("inf")) -> None:
    """Says one sentence on standard error, in the program's name; for `patience` seconds at most it waits to."""
    deadline = time.monotonic() + patience
    with suppress(OSError):  # a terminal that is gone, say
        write_line(sys.stderr, f"mlp-tui: {on_one_line(sentence)}", lambda: time.monotonic() > deadline)


def on_one_line(text: str) -> str:
    """The text with what is not printable in it escaped: one line it is, whatever names and messages are in it."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def write_line(stream: TextIO, line: str, give_up: Callable[[], bool] = lambda: False) -> None:
    """Writes a line at once. Raises OSError, and BlockingIOError where `give_up` says so while nobody reads.

    A call of the system that waits for a reader would not return for a signal.
    """
    text = line + "\n"
    for start in range(0, len(text), PIECE):
        while not _is_ready(stream):
            if give_up():
                raise BlockingIOError(None, "nobody reads it")
        stream.write(text[start : start + PIECE])
        stream.flush()


def _is_ready(stream: TextIO) -> bool:
    """Whether a write would not wait, asked for a tenth of a second."""
    try:
        return bool(select.select([], [stream], [], 0.1)[1])
    except ValueError:  # it has no file behind it, as in a notebook or a test
        return True


def discard(stream: TextIO) -> None:
    """Sends what is written to the stream from now on nowhere: Python writes what is left once more at exit."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


@contextmanager
def standard_output() -> Iterator[None]:
    """Ends the program with a sentence where what is printed cannot be written. Raises SystemExit.

    Characters that its encoding does not have are escaped.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        complain(f"Standard output cannot be written ({error.strerror or error}): send it to another file.")
        raise SystemExit(1) from error
