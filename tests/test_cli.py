"""The command line, as a shell sees it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typing_extensions import Doc

from mlp_tui import __version__
from mlp_tui.config import TrainingConfig

from .terminal import Terminal

COMMAND = [sys.executable, "-m", "mlp_tui"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_version_is_printed_alone() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"mlp-tui {__version__}\n")


def test_help_names_every_option_and_says_what_it_does() -> None:
    done = run("--help", COLUMNS="100")
    assert done.returncode == 0
    text = " ".join(done.stdout.replace("│", " ").split())
    for option in ("--no-ui", "--json", "--resume RUN", "--watch RUN", "--on-hangup", "--ascii", "--version"):
        assert option in text
    for name, hint in get_type_hints(TrainingConfig, include_extras=True).items():
        kind, *notes = get_args(hint)
        words = {int: "INT", float: "FLOAT", str: "STR", Path: "PATH", tuple[int, ...]: "[INT [INT ...]]"}.get(
            kind
        ) or "{" + ",".join(get_args(kind)) + "}"
        assert f"--{name.replace('_', '-')} {words} " in text
        assert next(note.documentation for note in notes if isinstance(note, Doc)) in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--epochs", "0"], "mlp-tui: --epochs must be at least 1, not 0.\n"),
        (["--json"], "mlp-tui: --json is for the headless mode: add --no-ui.\n"),
        (["--no-ui", "--pace", "30"], "mlp-tui: --pace is for the dashboard: it does not go with --no-ui.\n"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments: list[str], complaint: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", complaint)


@pytest.mark.parametrize(
    "arguments", [["--epoch", "3"], ["--epochs", "many"], ["--schedule", "cosine"], ["--pace", "7"], ["run"]]
)
def test_an_option_that_does_not_exist_is_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_dashboard_stays_closed() -> None:
    started = time.monotonic()
    done = run(TERM="xterm-256color")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mlp-tui: The dashboard needs a terminal: run it in one, or add --no-ui for plain lines.\n"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "shell",
    ["TERM=dumb $0 -m mlp_tui", "env -u TERM $0 -m mlp_tui", "$0 -m mlp_tui <&-", "$0 -m mlp_tui | cat; exit 2"],
    ids=["dumb", "no TERM", "stdin closed", "piped"],
)
def test_a_terminal_that_cannot_hold_the_dashboard_is_told_so(terminal: Callable[..., Terminal], shell: str) -> None:
    screen = terminal(["/bin/sh", "-c", shell, sys.executable], columns=120)
    screen.wait_for("--no-ui for plain lines")
    assert screen.wait() == 2
    assert b"\x1b" not in screen.output


def test_help_names_the_commands_and_each_has_its_own() -> None:
    done = run("--help")
    for name in ("train", "predict", "export", "compare", "check"):
        assert f"  {name} " in done.stdout
        own = run(name, "--help")
        assert own.returncode == 0 and own.stdout.startswith(f"usage: mlp-tui{'' if name == 'train' else ' ' + name}")


def test_the_command_train_may_be_left_out() -> None:
    assert run("train", "--epochs", "0").stderr == run("--epochs", "0").stderr != ""
