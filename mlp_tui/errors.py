"""The error whose message is meant for the person at the keyboard, and how another error becomes one."""

import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    frames = own_frames(error)
    return place(frames[-1].filename, frames[-1].lineno) if frames else ""


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The calls in the user's own code that an error passed, the outermost first."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]


def said(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    line = next(iter(text.strip().splitlines()), "")[:200].rstrip(".:")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def kind(value: object) -> str:
    """A value's kind with its article; None is None."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def reason(error: BaseException) -> str:
    """What an error says, on one line, to be put into brackets."""
    cause = getattr(error, "reason", None)  # a URLError holds the error of the system
    text = getattr(error, "strerror", None) or (cause if isinstance(cause, Exception) else error)
    line = (" ".join(str(text).split()) or type(error).__name__)[:200].rstrip(".:")
    return f"it has no {line}" if isinstance(error, KeyError) else line


@contextmanager
def explained(
    problem: str, advice: str = "", kinds: type[Exception] | tuple[type[Exception], ...] = OSError
) -> Iterator[None]:
    """Makes a UserError of such errors: the problem, the error's own words in brackets, and what to do."""
    try:
        yield
    except UserError:
        raise
    except kinds as error:
        raise UserError(f"{problem} ({reason(error)}){advice and f': {advice}'}.") from error


@contextmanager
def blamed(doing: str, where: str) -> Iterator[None]:
    """Makes a UserError of what the user's code raises: its line, or else `where`, and what was done with it."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise UserError(
            f"{place_in(error) or where}: {doing} ends the program (SystemExit): "
            'leave that out, or put it under if __name__ == "__main__".'
        ) from error
    except BaseException as error:
        raise UserError(f"{place_in(error) or where}: {doing} fails with {said(error)}.") from error
