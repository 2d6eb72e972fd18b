"""What comes from outside and is no good: values, files, streams. Each ends in one sentence, and none hangs."""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_tui.config import TrainingConfig

from .conftest import write_mnist
from .odd_files import as_fifo, as_folder, as_link_to_itself
from .one_process import OneProcess
from .terminal import Terminal

COMMAND = [sys.executable, "-m", "mlp_tui"]


@pytest.fixture(scope="module")
def program() -> Iterator[OneProcess]:
    process = OneProcess()
    yield process
    process.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest data that a run can be trained on and shown with."""
    return write_mnist(tmp_path_factory.mktemp("mnist"), train=64, test=100)


@pytest.fixture(autouse=True)
def data_dir(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLP_TUI_DATA_DIR", str(data))


@pytest.fixture(scope="module")
def trained(program: OneProcess, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, which can be given more."""
    runs = tmp_path_factory.mktemp("runs")
    done = program.run("--no-ui", "--epochs", 1, "--data-dir", data, "--runs-dir", runs)
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = runs.iterdir()
    return folder


@pytest.fixture
def run(trained: Path) -> Path:
    """A copy of that run, to be damaged: `r` in the folder of runs."""
    return Path(shutil.copytree(trained, Path("runs/r")))


def assert_one_sentence(done: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    """It failed with one sentence that holds these parts, and nothing else."""
    assert done.returncode in (1, 2), done
    assert done.stderr.startswith("mlp-tui: ") and done.stderr.endswith(".\n"), done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    for part in parts:
        assert part in done.stderr


# Values


@pytest.mark.parametrize("value", [10**30, 10**20, 10**19, 0, -1])
@pytest.mark.parametrize("option", ["batch-size", "test-batch-size", "epochs", "hidden-sizes", "threads"])
def test_a_count_that_no_machine_can_take_is_refused(program: OneProcess, option: str, value: int) -> None:
    if (option, value) == ("threads", 0):
        return  # it stands for a rule
    assert_one_sentence(program.run("--no-ui", f"--{option}", value), f"--{option} must be at ", f"not {value}.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hidden-sizes", 10**9],
        ["--hidden-sizes", 2**31 - 1],
        ["--threads", 10**9],
        ["--threads", 10_000],
    ],
    ids=str,
)
def test_a_size_too_large_for_this_machine_is_refused(program: OneProcess, arguments: list[object]) -> None:
    assert_one_sentence(program.run("--no-ui", *arguments), str(arguments[0]))


@pytest.mark.parametrize("option", ["batch-size", "test-batch-size"])
def test_a_batch_larger_than_the_data_is_all_of_the_data(program: OneProcess, option: str) -> None:
    done = program.run("--no-ui", "--epochs", 1, f"--{option}", 2**31 - 1)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize("option", ["learning-rate", "checkpoint-seconds"])
def test_a_number_that_is_none_to_train_with_is_refused(program: OneProcess, option: str, value: str) -> None:
    if (option, value) == ("checkpoint-seconds", "0"):
        return  # after each event, that is
    assert_one_sentence(program.run("--no-ui", f"--{option}", value), f"--{option} must be ")


@pytest.mark.parametrize("value", ["nan", "inf", "", "1.5", "many", "1" + "0" * 5000])
@pytest.mark.parametrize("option", ["batch-size", "epochs", "hidden-sizes", "threads", "seed"])
def test_a_word_that_is_no_whole_number_is_wrong_usage(program: OneProcess, option: str, value: str) -> None:
    done = program.run("--no-ui", f"--{option}", value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--{option}" in done.stderr and "Traceback" not in done.stderr


# Folders


def as_file(path: Path) -> None:
    path.write_text("x")


def as_link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere/at/all")


def as_endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_unreadable(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path.write_text("x")
    path.chmod(0)


def as_unwritable_folder(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    path.mkdir(mode=0o500)


NO_FOLDERS = [as_file, as_fifo, as_link_to_itself, as_link_to_nowhere, as_endless_device, as_unwritable_folder]


@pytest.mark.parametrize("option", [("--runs-dir",), ("--dataset", "mnist", "--data-dir")], ids=["runs", "data"])
@pytest.mark.parametrize("make", NO_FOLDERS)
def test_a_folder_that_is_none_is_a_sentence(
    program: OneProcess, make: Callable[[Path], None], option: tuple[str, ...]
) -> None:
    make(Path("place"))
    assert_one_sentence(program.run("--no-ui", *option, "place"), "place", option[-1])


@pytest.mark.parametrize("name", ["y" * 300, "/".join(["y" * 200] * 30), "/dev/null", "/proc", "place/x"])
@pytest.mark.parametrize("option", [("--runs-dir",), ("--dataset", "mnist", "--data-dir")], ids=["runs", "data"])
def test_a_name_that_no_folder_can_have_is_a_sentence(program: OneProcess, name: str, option: tuple[str, ...]) -> None:
    Path("place").touch()
    assert_one_sentence(program.run("--no-ui", *option, name), name[:100], option[-1])


@pytest.mark.parametrize("option", [("--runs-dir",), ("--dataset", "mnist", "--data-dir")], ids=["runs", "data"])
@pytest.mark.parametrize("name", ["a\0b", "\ud800"], ids=["NUL", "half a character"])
def test_a_name_that_the_system_cannot_be_asked_for_is_a_sentence(
    program: OneProcess, name: str, option: tuple[str, ...]
) -> None:
    assert_one_sentence(program.run("--no-ui", *option, name), f"{option[-1]} must be ")


@pytest.mark.parametrize("name", ["y" * 300, "/dev/null", "place", "place/x"])
def test_a_data_folder_in_the_environment_is_looked_at_like_one_in_an_option(program: OneProcess, name: str) -> None:
    Path("place").touch()
    done = program.run("--no-ui", "--dataset", "mnist", MLP_TUI_DATA_DIR=name)
    assert_one_sentence(done, name, "--data-dir")


@pytest.mark.parametrize("name", ["", "x\ny", "\x1b[31m", "y" * 300, "latest", "..", "/", "/dev/zero"], ids=ascii)
def test_a_run_that_is_not_there_is_one_line_whatever_its_name(program: OneProcess, name: str) -> None:
    Path("runs").mkdir()
    done = program.run("--no-ui", "--resume", name)
    assert_one_sentence(done, "There is no run")
    assert done.stderr[:-1].isprintable()


# Streams


def shell(command: str, arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program with these arguments, by way of a shell."""
    line = command.replace("PROGRAM", f"'{sys.executable}' -m mlp_tui {arguments}")
    return subprocess.run(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments", ["--no-ui --epochs 1", "--version", "--help", ""])
def test_a_closed_output_is_said_before_anything_is_done(arguments: str) -> None:
    done = shell("PROGRAM >&-", arguments)
    assert_one_sentence(done, "Standard output is closed")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [(each, closed) for each in ("--version", "--help") for closed in ("2>&-", "<&-")]
    + [("--no-ui --epochs 1", "2>&- <&-")],
)
def test_what_needs_neither_input_nor_error_output_does_without(arguments: str, closed: str) -> None:
    done = shell(f"PROGRAM {closed}", arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [("", ">&- 2>&- <&-"), ("", "2>&- <&-"), ("--epochs 0", "2>/dev/full"), ("--epochz", "2>/dev/full")],
)
def test_a_complaint_that_nobody_can_read_is_still_an_exit_code(arguments: str, closed: str) -> None:
    done = shell(f"PROGRAM {closed}", arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this system")


@FULL
@pytest.mark.parametrize("arguments", ["--version", "--help"])
def test_an_output_that_is_full_is_a_sentence(arguments: str) -> None:
    assert_one_sentence(shell("PROGRAM >/dev/full", arguments), "Standard output cannot be written (No space left")


@FULL
def test_a_run_whose_output_is_full_is_trained_and_the_exit_code_says_what_was_lost() -> None:
    done = shell("PROGRAM >/dev/full", "--no-ui --epochs 1")
    assert_one_sentence(done, "Standard output cannot be written (No space left", "the training continues without it")
    assert done.returncode == 1
    assert len(list(Path("runs").glob("*/model.pt"))) == 1


# A run's files


def contents(folder: Path) -> dict[str, object]:
    """What is in a folder: each file's kind and bytes, or where it points."""
    result: dict[str, object] = {}
    for path in folder.iterdir():
        regular = stat.S_ISREG(path.lstat().st_mode)
        target = os.readlink(path) if path.is_symlink() else None
        result[path.name] = path.lstat().st_mode, target, path.read_bytes() if regular else None
    return result


def resume(program: OneProcess) -> "subprocess.CompletedProcess[str]":
    return program.run("--no-ui", "--resume", "r", "--epochs", 2)


NO_FILES = [as_folder, as_fifo, as_link_to_itself, as_link_to_nowhere, as_endless_device, as_unreadable]


@pytest.mark.parametrize("name", ["config.json", "events.jsonl", "checkpoint.pt", "lock"])
@pytest.mark.parametrize("make", NO_FILES)
def test_a_run_one_of_whose_files_is_none_is_left_as_it_is(
    program: OneProcess, run: Path, name: str, make: Callable[[Path], None]
) -> None:
    (run / name).unlink()
    make(run / name)
    before = contents(run)
    assert_one_sentence(resume(program), str(run.absolute() / name))
    assert contents(run) == before


@pytest.mark.parametrize("name", ["model.pt", "log.txt"])
@pytest.mark.parametrize("make", NO_FILES)
def test_a_file_that_a_run_only_writes_does_not_stop_it(
    program: OneProcess, run: Path, name: str, make: Callable[[Path], None]
) -> None:
    (run / name).unlink(missing_ok=True)
    make(run / name)
    done = resume(program)
    if (name, make) == ("model.pt", as_folder):
        assert_one_sentence(done, "could not be saved", str(run.absolute() / name))
    else:
        assert (done.returncode, done.stderr) == (0, "")
    assert torch.load(run / "checkpoint.pt", weights_only=True)["training"]["epoch"] == 2


def test_a_run_that_has_its_epochs_is_left_as_it_is(program: OneProcess, run: Path) -> None:
    before = contents(run)
    assert_one_sentence(program.run("--no-ui", "--resume", "r"), "has its 1 epochs", "--epochs 6")
    assert contents(run) == before


# Settings


NO_NUMBERS: list[object] = [None, "x", [], {}, True, -1, 10**400]
NO_COUNTS: list[object] = [*NO_NUMBERS, 1.5, 10**30]
NO_WORDS: list[object] = [None, "x", [], {}, True, 1.5]
NO_SHARES: list[object] = [*NO_NUMBERS, 1]
NO_TEXTS: list[object] = [None, [], {}, True, 1.5]
NO_NAMES: list[object] = [None, [], {}, True, 1, "\0", "\ud800"]

SETTINGS: dict[str, list[object]] = {
    **dict.fromkeys(("epochs", "batch_size", "test_batch_size", "seed", "threads", "image_size"), NO_COUNTS),
    "hidden_sizes": [None, "x", {}, True, 3, ["x"], [0], [-1], [1.5], [True], [[1]], [10**30]],
    **dict.fromkeys(("learning_rate", "checkpoint_seconds", "history_mb", "weight_decay"), NO_NUMBERS),
    **dict.fromkeys(("dropout", "momentum", "label_smoothing", "validation"), NO_SHARES),
    **dict.fromkeys(("schedule", "device", "activation", "optimizer", "augment", "tripwire"), NO_WORDS),
    **dict.fromkeys(("dataset", "model"), NO_TEXTS),
    **dict.fromkeys(("data_dir", "runs_dir"), NO_NAMES),
}


def test_every_setting_is_tried() -> None:
    assert SETTINGS.keys() == {setting.name for setting in fields(TrainingConfig)}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in SETTINGS.items() for value in values],
    ids=lambda value: f"{value!r:.20}",
)
def test_settings_of_the_wrong_types_are_a_sentence(program: OneProcess, run: Path, name: str, value: object) -> None:
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(settings | {name: value}))
    before = contents(run)
    assert_one_sentence(resume(program), f"--{name.replace('_', '-')} must be ")
    assert contents(run) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"epochs":' * 100_000, "nested too deep"),
        (b'{"epochs": "\xff\xfe"}', "codec can't decode"),
        (b"[]", "holds no settings"),
        (b"3", "holds no settings"),
        (b'{"epochs": ' + b"9" * 10_000 + b"}", "4300 digits"),
        (b"[" + b"1," * 50_000_000 + b"1]", "is longer than"),
    ],
    ids=["empty", "deep", "deep objects", "not UTF-8", "list", "number", "10,000 digits", "100 MB"],
)
def test_settings_that_cannot_be_read_are_a_sentence(program: OneProcess, run: Path, text: bytes, reason: str) -> None:
    (run / "config.json").write_bytes(text)
    assert_one_sentence(resume(program), str(run.absolute() / "config.json"), reason)
    assert (run / "config.json").read_bytes() == text


# Checkpoints


def rewritten(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Damages a checkpoint by a change of what is in it, in place or by what is returned."""

    def damage(path: Path) -> None:
        saved = torch.load(path, weights_only=True)
        torch.save(change(saved) or saved, path)

    return damage


def with_value(value: object, *place: str | int) -> Callable[[Path], None]:
    def change(saved: Any) -> None:
        for key in place[:-1]:
            saved = saved[key]
        saved[place[-1]] = value

    return rewritten(change)


def without(*place: str | int) -> Callable[[Path], None]:
    def change(saved: Any) -> None:
        for key in place[:-1]:
            saved = saved[key]
        del saved[place[-1]]

    return rewritten(change)


def with_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(change(path.read_bytes())))


def void(_: object) -> None:
    """Drops what a lambda would return."""


MOMENTS = ("training", "optimizer", "state", 0)

DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": with_bytes(lambda data: b""),
    "half": with_bytes(lambda data: data[: len(data) // 2]),
    "a byte short": with_bytes(lambda data: data[:-1]),
    "random": with_bytes(lambda data: random.Random(1).randbytes(len(data))),
    "a bit of a weight": with_bytes(lambda data: data[:200_000] + bytes([data[200_000] ^ 64]) + data[200_001:]),
    "a deep pickle": with_bytes(lambda data: b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
    "an object": lambda path: torch.save(print, path),
    "a list": lambda path: torch.save([1], path),
    "a tensor": lambda path: torch.save(torch.zeros(2), path),
    "no training": without("training"),
    "no log position": without("log_position"),
    "infinite log position": with_value(float("inf"), "log_position"),
    "negative log position": with_value(-1, "log_position"),
    "no weights": without("training", "model", "hidden.weight"),
    "weights of another model": with_value(torch.zeros(50, 784), "training", "model", "hidden.weight"),
    "weights that are text": with_value("x", "training", "model", "hidden.weight"),
    "model that is none": with_value(None, "training", "model"),
    "no moments": without(*MOMENTS, "exp_avg"),
    "moments of another shape": with_value(torch.zeros(3), *MOMENTS, "exp_avg"),
    "moments that are text": with_value("x", *MOMENTS, "exp_avg_sq"),
    "betas that are none": with_value(None, "training", "optimizer", "param_groups", 0, "betas"),
    "one beta": with_value((0.9,), "training", "optimizer", "param_groups", 0, "betas"),
    "no eps": without("training", "optimizer", "param_groups", 0, "eps"),
    "parameters of another model": with_value([0], "training", "optimizer", "param_groups", 0, "params"),
    "epoch that is text": with_value("1", "training", "epoch"),
    "epoch that is not finite": with_value(float("nan"), "training", "epoch"),
    "negative epoch": with_value(-1, "training", "epoch"),
    "sums that are none": with_value(None, "training", "totals", "loss"),
    "no sums": with_value({}, "training", "totals"),
    "random state too short": with_value(torch.zeros(5, dtype=torch.uint8), "training", "random"),
    "shuffle that is a number": with_value(5, "training", "shuffle"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_a_sentence_and_stays(
    program: OneProcess, run: Path, damage: Callable[[Path], None]
) -> None:
    damage(run / "checkpoint.pt")
    before = contents(run)
    assert_one_sentence(
        resume(program), f"{run.absolute() / 'checkpoint.pt'} cannot be read (", "or delete it to train the run anew"
    )
    assert contents(run) == before


def test_flags_that_another_version_of_torch_did_not_have_may_be_missing(program: OneProcess, run: Path) -> None:
    without("training", "optimizer", "param_groups", 0, "maximize")(run / "checkpoint.pt")
    assert resume(program).returncode == 0


# Logs


LOGS = {
    "deep": b"[" * 100_000 + b"\n",
    "deep objects": b'{"event":' * 100_000 + b"\n",
    "random": random.Random(2).randbytes(100_000) + b"\n",
    "a line of 50 MB": b'{"event": "' + b"x" * 50_000_000 + b'"}\n',
    "half a line of 50 MB": b"x" * 50_000_000,
    "wrong types": b'{"event": "batch_finished", "epoch": "x"}\n{"event": ["run_finished"]}\n\x00\n{}\n3\n',
}


@pytest.mark.parametrize("damage", LOGS.values(), ids=LOGS)
def test_a_damaged_log_does_not_stop_a_run(program: OneProcess, run: Path, damage: bytes) -> None:
    log = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(damage + log[len(damage) :])
    done = resume(program)
    assert (done.returncode, done.stderr) == (0, "")


# The dashboard


def watch(terminal: Callable[..., Terminal], state: str, **environment: str) -> None:
    """Watches the run `r` until the dashboard says that it stands so, then quits."""
    screen = terminal([*COMMAND, "--watch", "r"], columns=100, **environment)
    screen.wait_for(state)
    screen.type("q")
    assert screen.wait() == 0
    assert b"Traceback" not in screen.output
    assert screen.is_as_before()


@pytest.mark.parametrize("make", [as_fifo, as_endless_device])
def test_a_run_all_of_whose_files_are_none_can_be_watched(
    terminal: Callable[..., Terminal], run: Path, make: Callable[[Path], None]
) -> None:
    for name in ("config.json", "events.jsonl", "checkpoint.pt", "model.pt", "lock", "log.txt"):
        (run / name).unlink(missing_ok=True)
        make(run / name)
    watch(terminal, "killed")


def test_a_damaged_log_and_checkpoint_can_be_watched(terminal: Callable[..., Terminal], run: Path) -> None:
    log = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(b"\n".join(LOGS.values()) + b"\n" + log)
    (run / "checkpoint.pt").write_bytes(b"")
    (run / "config.json").write_bytes(b"[" * 100_000)
    watch(terminal, "done")


@pytest.mark.parametrize("value", ["-1", "1000000000"])
def test_the_terminals_own_size_counts(terminal: Callable[..., Terminal], run: Path, value: str) -> None:
    watch(terminal, "done", COLUMNS=value, LINES=value)


@pytest.mark.parametrize("value", ["x", "0", "1", "1000000000"])
def test_help_fits_any_width(value: str) -> None:
    environment = {**os.environ, "COLUMNS": value, "LINES": value}
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--no-ui" in done.stdout
