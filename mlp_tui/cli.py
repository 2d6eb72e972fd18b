"""The command line: settings in, and the dashboard or the headless mode started with them."""

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import arg

from . import __version__
from .config import TrainingConfig
from .errors import UserError


@dataclass(frozen=True)
class Options:
    """How to run, and what."""

    config: Annotated[TrainingConfig, arg(name="")]
    no_ui: Annotated[bool, arg(help="Train without the dashboard: the notebook's lines on standard output.")] = False
    json: Annotated[bool, arg(help="With --no-ui: one event a line, as JSON.")] = False
    version: Annotated[bool, arg(help="Print the version, and nothing else.")] = False


def main(arguments: list[str] | None = None) -> None:
    """The command `mlp-tui`. Leaves by SystemExit: 0 done, 1 failed, 2 wrong usage, 128 + a signal's number."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Does what the arguments say, and returns the exit code. Raises SystemExit as tyro does."""
    from .headless import complain

    try:
        options = tyro.cli(
            Options,
            prog="mlp-tui",
            description="Train a multi-layer perceptron on MNIST and watch it learn, in a terminal.",
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except UserError as error:
        complain(str(error))
        return 2
    if options.version:
        print(f"mlp-tui {__version__}")
        return 0
    if options.json and not options.no_ui:
        complain("--json is for the headless mode: add --no-ui.")
        return 2
    if not options.no_ui and not has_terminal():
        complain("The dashboard needs a terminal: run it in one, or add --no-ui for plain lines.")
        return 2

    from .session import Session

    session = Session(options.config)
    if options.no_ui:
        from .headless import run_headless

        return run_headless(session, options.json)
    from .tui.app import TrainingApp

    app = TrainingApp(session)
    app.run()
    code = app.return_code or 0
    if not app.worker.join(0):
        # The thread is stuck in a call that cannot be broken off: leave without it.
        sys.stdout.flush()
        os._exit(code)
    return code


def has_terminal() -> bool:
    """Whether a dashboard can be shown: three terminals that can do more than a typewriter, or Textual's web driver."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return True
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM", "dumb") != "dumb" and all(stream and stream.isatty() for stream in streams)
