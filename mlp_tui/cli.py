"""The command line: what all commands have in common, and the choice of one by the first word."""

import sys

from . import __version__
from .commands import names, of_name
from .errors import UserError
from .streams import complain, open_streams, standard_output


def main(arguments: list[str] | None = None) -> None:
    """The command `mlp-tui`. Leaves by SystemExit: 0 done, 1 failed, 2 wrong usage, 128 + a signal's number."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Does what the arguments say, and returns the exit code. Raises SystemExit as tyro does."""
    open_streams()
    try:
        if sys.platform == "win32":
            raise UserError("It runs on Linux and macOS, and on Windows under WSL: install and start it there.")
        if "--version" in arguments:
            with standard_output():
                print(f"mlp-tui {__version__}")
            return 0
        if arguments and arguments[0] in names():
            return of_name(arguments[0]).run(arguments[1:])
        return of_name("train").run(arguments)
    except UserError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
