"""Say in a screenful whether a network will train, and what to do where it will not."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from ..config import TrainingConfig
from ..errors import UserError, place_in, said
from ..headless.characters import can_show_blocks
from ..streams import complain, standard_output
from . import parse_options

if TYPE_CHECKING:
    from ..training.checks import Line


def run(arguments: list[str]) -> int:
    """Checks the model that the first argument names, or the layers that the options ask for.

    Returns 0 where all is well, else 1. Raises UserError where the arguments are wrong, and SystemExit as tyro does.
    """
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--model", *arguments]
    config = parse_options(TrainingConfig, "check net.py:Net", __doc__, arguments)
    out, well = sys.stdout, True
    marks = marks_for(getattr(out, "encoding", None) or "ascii")
    # What the user's own model prints is no result.
    with standard_output(), redirect_stdout(sys.stderr):
        for line in lines(config):
            print(marks[line.well], line.text, file=out, flush=True)
            well = well and line.well is not False
    return int(not well)


def marks_for(encoding: str) -> dict[bool | None, str]:
    """What a line begins with."""
    marks = "✓✗·" if can_show_blocks(encoding) else "+!-"
    return dict(zip((True, False, None), marks, strict=True))


def lines(config: TrainingConfig) -> "Iterator[Line]":
    """What there is to say, as it is found out; the first thing that fails in the user's code is the last."""
    from ..training.checks import Line, checked
    from ..training.data.load import load_at_once

    try:
        dataset = load_at_once(config, lambda what: print(f"{what} ...", file=sys.stderr))
        if dataset.notice:
            complain(dataset.notice)
        yield from checked(config, dataset)
    except UserError as error:
        yield Line(False, str(error))
    except (Exception, SystemExit) as error:
        where = place_in(error)
        yield Line(False, f"{where and f'{where}: '}training fails with {said(error)}: mend that, and check again.")
