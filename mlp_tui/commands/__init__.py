"""The commands, one a file: its first line is what help says of it, and `run` does it."""

import os
import pkgutil
import shutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar, cast

import tyro
from tyro.conf import Positional, arg

from ..config import TrainingConfig
from ..runs.folder import RunFolder
from ..streams import standard_output

if TYPE_CHECKING:
    from ..training.trained import Trained

NARROWEST = 20
"""Columns for the help: in fewer than eight, tyro looks for a layout for ever."""

RUN_HELP = "A run's folder, its name, or latest."

OneRun = Positional[Annotated[str, arg(help=RUN_HELP, metavar="RUN")]]
RunsDir = Annotated[Path, arg(help="Where the runs are.")]

Options = TypeVar("Options")


class Command(Protocol):
    """What a file of this folder has."""

    def run(self, arguments: list[str]) -> int:
        """Does what the arguments after its name say, and returns the exit code.

        Raises UserError where they are wrong, and SystemExit as tyro does.
        """
        ...


def names() -> list[str]:
    """The commands' names: those of the files."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


def of_name(name: str) -> Command:
    """The command of that name."""
    return cast(Command, import_module(f".{name}", __name__))


def overview() -> str:
    """What each command does, a line each."""
    lines = [f"  {name:<9}{of_name(name).__doc__}" for name in names()]
    return "\n".join(["Commands, each with its own --help:", *lines])


def parse_options(
    kind: type[Options], command: str, description: str, arguments: list[str], default: Options | None = None
) -> Options:
    """The options in the arguments. Raises UserError, and SystemExit as tyro does."""
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)
    with standard_output():
        return tyro.cli(  # type: ignore[return-value]  # tyro would give the default back where it is None
            kind,
            prog=f"mlp-tui {command}".strip(),
            description=description,
            args=arguments,
            default=default,
            config=(tyro.conf.FlagCreatePairsOff,),
        )


def settings_of(folder: RunFolder) -> TrainingConfig:
    """A run's settings. Raises UserError."""
    return TrainingConfig.from_dict(folder.read_config())


def model_of(folder: RunFolder) -> "Trained":
    """A run's model. Raises UserError."""
    from ..training.trained import load_trained

    return load_trained(settings_of(folder), folder.checkpoint, folder.model)
