"""Kills, drops and stops runs many times over: `python -m tests.endurance 100 20` prints what came of it.

The first number is of runs killed with SIGKILL, the second of terminals dropped, and of SIGTERMs to each front end.
It trains on the built-in digits, and takes about half an hour with those numbers.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from mlp_tui.events import EpochFinished
from mlp_tui.runs.folder import RunFolder

from .terminal import Terminal

EPOCHS = 60
COMMAND = [sys.executable, "-m", "mlp_tui", "--dataset", "synthetic", "--epochs", str(EPOCHS)]
chance = random.Random(1)


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder.model, weights_only=True)
    return state


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def whole(folder: RunFolder) -> bool:
    """Whether the log has every epoch once."""
    logged = [event.epoch for event in folder.read_events() if isinstance(event, EpochFinished)]
    return logged == list(range(1, EPOCHS + 1))


def headless(runs: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [*COMMAND, "--no-ui", "--runs-dir", str(runs), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_runs(count: int, runs: Path, undisturbed: dict[str, torch.Tensor]) -> str:
    kills = good = ended = 0
    while kills < count:
        resume: list[str] = []
        while True:
            process = headless(runs, *resume)
            try:
                process.wait(chance.uniform(0.5, 5.0))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += kills < count
            if list(runs.glob("*/config.json")):
                folder = RunFolder.find(runs, "latest")
                folder.read_config()
                folder.read_events()
                resume = ["--resume", str(folder.path)]
            if kills >= count:
                headless(runs, *resume).wait()
                break
        folder = RunFolder.find(runs, "latest")
        ended += 1
        good += same(weights(folder), undisturbed) and whole(folder)
    return (
        f"{kills} kills in {ended} runs: {good} ended with the weights of the undisturbed run, each epoch logged once"
    )


def open_dashboard(runs: Path) -> Terminal:
    screen = Terminal([*COMMAND, "--runs-dir", str(runs)], 120, 40)
    screen.wait_for("ready", 60)
    screen.type("s")
    screen.wait_for(r"Epoch +\d+/")
    time.sleep(chance.uniform(0, 3))
    return screen


def processes(runs: Path) -> int:
    """The processes whose command line names the folder."""
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return sum(str(runs) in line and str(os.getpid()) not in line for line in listing.splitlines())


def drop_terminals(count: int, runs: Path, undisturbed: dict[str, torch.Tensor]) -> str:
    good = 0
    for _ in range(count):
        screen = open_dashboard(runs)
        screen.hang_up()
        screen.wait(10)
        folder = RunFolder.find(runs, "latest")
        deadline = time.monotonic() + 120
        while not folder.model.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        good += folder.model.exists() and same(weights(folder), undisturbed) and whole(folder) and not processes(runs)
        screen.close()
    return f"{count} dropped terminals: {good} runs ended complete, each epoch logged once, no process left"


def stop_dashboards(count: int, runs: Path) -> str:
    good, slowest = 0, 0.0
    for _ in range(count):
        screen = open_dashboard(runs)
        before = time.monotonic()
        screen.process.send_signal(signal.SIGTERM)
        code = screen.wait(10)
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.2)
        left = [re.escape(mode) for mode in ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?1003l", "\x1b[?2004l")]
        restored = all(re.search(mode.encode(), screen.output) for mode in left) and screen.is_as_before()
        folder = RunFolder.find(runs, "latest")
        good += code == 143 and restored and folder.checkpoint.exists() and not folder.lock.is_held()
        screen.close()
    return f"{count} SIGTERMs to the dashboard: {good} exit 143, terminal as before, saved; slowest {slowest:.2f} s"


def stop_headless(count: int, runs: Path) -> str:
    good, slowest = 0, 0.0
    for _ in range(count):
        process = headless(runs)
        time.sleep(chance.uniform(2.5, 6))
        before = time.monotonic()
        process.terminate()
        code = process.wait(10)
        slowest = max(slowest, time.monotonic() - before)
        folder = RunFolder.find(runs, "latest")
        good += code == 143 and folder.checkpoint.exists() and not folder.lock.is_held()
    return f"{count} SIGTERMs to a headless run: {good} exit 143 and saved; slowest {slowest:.2f} s"


def main() -> None:
    kills, drops = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        assert headless(runs / "undisturbed").wait() == 0
        undisturbed = weights(RunFolder.find(runs / "undisturbed", "latest"))
        print(stop_headless(drops, runs / "headless"), flush=True)
        print(stop_dashboards(drops, runs / "dashboards"), flush=True)
        print(drop_terminals(drops, runs / "drops", undisturbed), flush=True)
        print(kill_runs(kills, runs / "kills", undisturbed), flush=True)


if __name__ == "__main__":
    main()
