"""Train a neural network and watch it learn, in a terminal; the command may be left out."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from tyro.conf import arg

from ..config import RECIPES, TrainingConfig, as_options, as_text
from ..errors import UserError
from ..headless.run import run_headless
from ..runs.folder import RunFolder
from ..runs.source import EventSource
from ..runs.watch import WatchedRun
from ..session import Session
from ..streams import complain, has_terminal
from . import overview, parse_options

RECIPE_HELP = "A set of defaults, which the options below override. " + "; ".join(
    f"{name}: {as_options(settings) or 'as they are below'}" for name, settings in RECIPES.items()
)


@dataclass(frozen=True)
class Options:
    """How to run, and what."""

    config: Annotated[TrainingConfig, arg(name="")]
    recipe: Annotated[Literal["notebook", "quick", "accurate"], arg(help=f"{RECIPE_HELP}.")] = "notebook"
    no_ui: Annotated[bool, arg(help="Train without the dashboard: the notebook's lines on standard output.")] = False
    json: Annotated[bool, arg(help="With --no-ui: one event a line, as JSON.")] = False
    resume: Annotated[str | None, arg(help="Resume a run: its folder, its name, or latest.", metavar="RUN")] = None
    watch: Annotated[
        str | None, arg(help="Watch a run that another process trains, or that is over.", metavar="RUN")
    ] = None
    replay: Annotated[
        str | None, arg(help="Walk through a run that is over: any moment of it can be had again.", metavar="RUN")
    ] = None
    pace: Annotated[
        Literal[0, 1, 3, 10, 30, 100, 300],
        arg(help="Batches a second in the dashboard, where + and - change it. 0: as fast as it can."),
    ] = 0
    on_hangup: Annotated[
        Literal["detach", "stop"],
        arg(help="When the connection drops, the run trains on without the dashboard (detach), or is saved and ends."),
    ] = "detach"
    ascii: Annotated[bool, arg(help="Draw with ASCII characters alone.")] = False
    version: Annotated[bool, arg(help="Print the version, and nothing else.")] = False


def run(arguments: list[str]) -> int:
    """Trains, or watches, as the arguments say, and returns the exit code."""
    options = parse(arguments)
    source = choose_source(options, arguments)
    if isinstance(source, Session) and source.folder_to_resume and options.replay is None:
        try:
            source.folder_to_resume.lock.take_over()
        except UserError as error:
            complain(str(error))
            return 1
    if options.no_ui:
        return run_headless(source, options.json, options.on_hangup, options.ascii)
    return run_dashboard(source, options)


def choose_source(options: Options, arguments: list[str]) -> EventSource:
    """The run that the options ask for. Raises UserError where they do not go together, or there is no such run."""
    if options.json and not options.no_ui:
        raise UserError("--json is for the headless mode: add --no-ui.")
    if not options.no_ui and not has_terminal():
        raise UserError("The dashboard needs a terminal: run it in one, or add --no-ui for plain lines.")
    if options.no_ui and options.pace:
        raise UserError("--pace is for the dashboard: it does not go with --no-ui.")
    walked = (options.resume, options.watch, options.replay)
    if options.recipe != "notebook" and walked != (None, None, None):
        raise UserError("--recipe is for a new run: one that is there keeps its own settings.")
    if options.watch is not None and (options.no_ui or options.resume is not None):
        raise UserError("--watch shows a run in the dashboard: it goes with neither --no-ui nor --resume.")
    if options.replay is not None and (options.no_ui or options.resume is not None or options.watch is not None):
        raise UserError("--replay walks through a run in the dashboard: it goes with no other way to run.")
    if options.watch is not None:
        return WatchedRun(RunFolder.find(options.config.runs_dir, options.watch))
    if (run := options.resume if options.replay is None else options.replay) is not None:
        folder = RunFolder.find(options.config.runs_dir, run)
        return Session(parse_resumed(arguments, folder).config, folder, replay=options.replay is not None)
    return Session(options.config)


def run_dashboard(source: EventSource, options: Options) -> int:
    """Shows the dashboard until it is left, says what became of the run, and returns the exit code."""
    with suppress(OSError):
        # The terminal knows its size, also after it was resized; these may say anything, a billion columns too.
        if os.get_terminal_size(sys.stdout.fileno()).columns:
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)
    from ..tui.app import TrainingApp

    app = TrainingApp(source, options.on_hangup, options.ascii, options.pace)
    app.run()
    worker, leaving = app.control.worker, app.leaving
    while source.unsaved and not leaving.forced and not worker.join(0.1):
        pass  # the run is still being saved, however the app came to its end
    code = app.return_code or 0
    for line in app.control.summary() if not leaving.detached else ():  # a run that trains on has no end yet
        print(line)
    if leaving.detached and source.unfinished:
        pid = source.unfinished.resume_detached()
        print(f"Return to it:  mlp-tui --resume {source.unfinished.path}")
        print(f"Watch it:      mlp-tui --watch {source.unfinished.path}")
        print(f"Stop it:       kill {pid}")
    elif leaving.detached:
        complain("The run could not be saved, so it does not train on.")
        code = 1
    elif source.unfinished:
        print(f"The run is saved. Resume it: mlp-tui --resume {source.unfinished.path}")
    if not worker.join(0):
        # The thread is stuck in a call that cannot be broken off: leave without it.
        sys.stdout.flush()
        os._exit(code)
    return code


def parse(arguments: list[str], default: Options | None = None) -> Options:
    """The options in the arguments. Raises UserError, and SystemExit as tyro does."""
    asked = {"-h", "--help"} & set(arguments)  # the other commands are imported where they are named, and not else
    options = parse_options(Options, "", overview() if asked else "", arguments, default)
    if default is None and RECIPES[options.recipe]:  # the same arguments again, where other settings are the defaults
        return parse(arguments, Options(TrainingConfig(**RECIPES[options.recipe])))
    return options


def parse_resumed(arguments: list[str], folder: RunFolder) -> Options:
    """The options with the run's own settings as their defaults. Raises UserError where they may not differ."""
    own = TrainingConfig.from_dict(folder.read_config())
    resumed = parse(arguments, Options(own))
    may_change = {"runs_dir", "checkpoint_seconds", "history_mb", "threads", "tripwire"}
    if own.schedule == "constant":  # a cycle ends where it was planned to
        may_change.add("epochs")
    if folder.diverged():
        may_change.add("learning_rate")
    for setting in fields(own):
        value, was = getattr(resumed.config, setting.name), getattr(own, setting.name)
        if value != was and setting.name not in may_change:
            option = setting.name.replace("_", "-")
            why = "a run that is resumed can be given more --epochs, and nothing else"
            if setting.name == "epochs":
                why = "the cycle of its learning rate ends there"
            raise UserError(f"--{option} is {as_text(was) or 'empty'} in the run {folder.name} and stays so: {why}.")
    return resumed
