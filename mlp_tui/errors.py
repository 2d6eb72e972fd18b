"""The error whose message is meant for the person at the keyboard, and where in their own code an error arose."""

import os
import sysconfig
import traceback
from contextlib import suppress
from pathlib import Path

LIBRARIES = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))


class UserError(Exception):
    """Something the user can mend: its text is one sentence that says what is wrong and what to do."""


class ModelError(UserError):
    """What is wrong with a model of the user's own."""


def is_theirs(file: str) -> bool:
    """Whether a file of Python is the user's own: not of this package, of Python or of an installed one."""
    own = os.path.join(os.path.dirname(__file__), "")
    installed = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not (file.startswith(("<", own, *LIBRARIES)) or installed)


def place(file: str, line: int | None) -> str:
    """A line of a file in words, its name as short as the current folder allows."""
    with suppress(OSError):  # the current folder may be gone
        file = os.path.relpath(file) if file.startswith(os.path.join(os.getcwd(), "")) else file
    return f"{file}, line {line}" if line else file


def place_in(error: BaseException) -> str:
    """The last line of the user's own code that an error passed, in words; nothing where it passed none."""
    if isinstance(error, SyntaxError) and error.filename and is_theirs(error.filename):
        return place(error.filename, error.lineno)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    return place(frames[-1].filename, frames[-1].lineno) if frames else ""


def said(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    line = next(iter(text.strip().splitlines()), "")[:200].rstrip(".:")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
