"""Many commands in one process, for tests of the command line that would wait for PyTorch's import each time."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack

from mlp_tui import cli

SECONDS = 60.0
"""How long a command may take: enough on a busy machine, and not for ever."""


class OneProcess:
    """Runs `mlp-tui` with arguments as a shell would, in a process that is kept for the next command.

    A command that takes longer than SECONDS is killed with its process, and its exit code is -9.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs one command in the present working folder."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, __file__]  # its folder of modules may not be where Python looks
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process = self._process
        assert process.stdin and process.stdout
        words = [str(argument) for argument in arguments]
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        process.stdin.write(json.dumps([os.getcwd(), environment, words]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        timer.cancel()
        if not answer:  # it hung, or has taken its process with it
            return subprocess.CompletedProcess(words, process.wait(), "", "")
        return subprocess.CompletedProcess(words, *json.loads(answer))

    def close(self) -> None:
        """Ends the process."""
        if self._process:
            self._process.communicate()


def serve() -> None:
    """Runs the commands that come in, one a line, and answers each with its exit code and what it printed."""
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in commands:
        folder, environment, arguments = json.loads(line)
        os.chdir(folder)
        before = dict(os.environ)
        os.environ.update(environment)
        with ExitStack() as files:
            printed = [files.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
            for descriptor, file in enumerate(printed, start=1):
                os.dup2(file.fileno(), descriptor)
            try:
                code: object = cli.run(arguments)
            except SystemExit as error:
                code = error.code
            sys.stdout.flush()
            texts = [os.pread(file.fileno(), 1 << 20, 0).decode() for file in printed]
        os.environ.clear()
        os.environ.update(before)
        print(json.dumps([code, *texts]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
