"""The headless mode: lines, streams, signals and exit codes."""

import array
import fcntl
import io
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from mlp_tui.events import EpochFinished, Event, RunFinished, RunStarted, from_json
from mlp_tui.headless.lines import NotebookLines
from mlp_tui.headless.run import run_headless

from .. import made_up, made_up_data
from ..made_up import MadeUpSession


@pytest.fixture(autouse=True)
def keep_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mlp_tui", "--no-ui", *map(str, arguments)]


def test_the_lines_are_the_notebooks_to_the_letter() -> None:
    lines = NotebookLines()
    events: list[Event] = [
        made_up.batch(1, 1, 938, 2.3333),
        made_up.batch(1, 2, 938, 2.3),
        made_up.batch(1, 100, 938, 2.3),
        made_up.batch(1, 101, 938, 0.5249),
        EpochFinished(1, 5, 0.28, 0.91757, 0.3, 0.9161, 1.0, 0.1),
    ]
    assert [line for event in events for line in lines(event)] == [
        "Epoch 1, batch 1: loss = 2.33",
        "Epoch 1, batch 101: loss = 0.52",
        "Epoch 1 done. Average train loss = 0.28, average train accuracy = 91.757%",
        "Epoch 1 done. Average test loss = 0.30, average test accuracy = 91.610%",
    ]


def test_the_end_shows_each_digit_over_its_prediction_and_label(capsys: pytest.CaptureFixture[str]) -> None:
    session = MadeUpSession([*made_up.opening(), made_up.predictions(1)])
    assert run_headless(session, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Prediction: 9   Prediction: 0   Prediction: 2   Prediction: 5   Prediction: 1" in lines
    assert lines[-2:] == [
        "Prediction: 4   Prediction: 2   Prediction: 6   Prediction: 8   Prediction: 2",
        "Label: 4        Label: 2        Label: 6        Label: 8        Label: 1",
    ]
    assert len(lines) == 1 + 4 * 9 + 3
    assert any("█" in line for line in lines)


def test_the_end_shows_the_confusion_matrix_and_what_was_confused_most(capsys: pytest.CaptureFixture[str]) -> None:
    session = MadeUpSession([*made_up.opening(), *made_up.mistakes(1)])
    assert run_headless(session, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-13:-11] == ["How often each label was read as each digit:", lines[-12]]
    assert lines[-12].split() == ["label", *map(str, range(10)), "recall"]
    assert lines[-7].split()[0] == "4" and lines[-7].split()[10] == "31"
    assert lines[-1] == "Most often wrong: 4 read as 9 (31 times), 3 as 5 (27), 7 as 2 (22)."


def test_with_ascii_the_digits_are_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    session = MadeUpSession([*made_up.opening(), *made_up.mistakes(1)])
    assert run_headless(session, as_json=False, ascii=True) == 0
    text = capsys.readouterr().out
    assert text.isascii() and "@" in text


def test_output_that_knows_ascii_alone_gets_ascii_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", output)
    assert run_headless(MadeUpSession([*made_up.opening(), made_up.predictions(1)]), as_json=False) == 0
    output.seek(0)
    assert "@" in output.read()


def test_json_is_one_event_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    events = made_up.opening()
    end = RunFinished("completed", 5, 0.05, 0.95, 4.0)
    assert run_headless(MadeUpSession(events, end), as_json=True) == 0
    assert [from_json(line) for line in capsys.readouterr().out.splitlines()] == [*events, end]


def test_a_notice_and_a_failure_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    end = RunFinished("failed", 0, None, None, 0.0, "It broke.")
    assert run_headless(MadeUpSession([made_up.run_started(notice="Mind this.")], end), as_json=False) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "mlp-tui: Mind this.\nmlp-tui: It broke.\n"


def test_into_a_pipe_go_plain_lines_alone(small_mnist: Path) -> None:
    done = subprocess.run(command("--data-dir", small_mnist, "--epochs", 2), capture_output=True, check=True)
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout
    assert b"\r" not in done.stdout
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("Epoch 1, batch 1: loss = 2.")
    assert lines[5].startswith("Epoch 2 done. Average test loss = ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_training_in_order(small_mnist: Path, number: int, code: int) -> None:
    arguments = command("--json", "--data-dir", small_mnist, "--epochs", 1_000_000)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if "epoch_finished" in line:
                break
        process.send_signal(number)
        last = list(process.stdout)[-1]
    assert process.returncode == code
    event = from_json(last)
    assert isinstance(event, RunFinished)
    assert event.reason == "stopped"
    assert event.epochs >= 1


def test_an_output_that_nobody_reads_any_more_ends_the_training(small_mnist: Path) -> None:
    arguments = command("--data-dir", small_mnist, "--epochs", 1_000_000)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read().decode()
    assert process.returncode == 1
    sentence, saved = error.splitlines()
    assert sentence == "mlp-tui: Nobody reads the output any more, so the training was stopped."
    assert saved.startswith("mlp-tui: The run is saved. Resume it: mlp-tui --resume ")


def test_a_dataset_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        (raw / f"{split}-images-idx3-ubyte").write_bytes(b"oops")
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(b"")
    arguments = command("--dataset", "mnist", "--data-dir", tmp_path)
    done = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, "TERM": "dumb"})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"mlp-tui: {raw}/train-images-idx3-ubyte is 4 bytes long, too short for a header: "
        "it is damaged; delete it, and it is downloaded anew.\n"
    )


class Interrupted(MadeUpSession):
    """Sends its own process a signal in the middle of a step, which then takes its time."""

    def __init__(self, number: int) -> None:
        super().__init__([])
        self.number = number

    def events(self, stop: threading.Event) -> Generator[Event, None, None]:
        yield from made_up.opening()
        for batch in range(1, 1000):
            if batch == 3:
                # The signal comes while the lock of the very event is held that a stop sets.
                with stop._cond:  # type: ignore[attr-defined]
                    os.kill(os.getpid(), self.number)
                    time.sleep(0.2)
            yield made_up.batch(1, batch, 1000, 0.5)
            if stop.is_set():
                break
        yield RunFinished("stopped", 0, None, None, float(batch))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_a_long_step_waits_for_no_lock_and_stops_the_run_after_it(
    number: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_headless(Interrupted(number), as_json=True) == code
    end = from_json(capsys.readouterr().out.splitlines()[-1])
    assert end == RunFinished("stopped", 0, None, None, 3.0)


def test_a_signal_stops_a_run_whose_output_nobody_reads(small_mnist: Path) -> None:
    arguments = command("--json", "--data-dir", small_mnist, "--epochs", 1_000_000)
    full, entry = os.pipe()
    with subprocess.Popen(arguments, stdout=entry, stderr=subprocess.PIPE, text=True) as process:
        os.close(entry)
        # Until there is no more in the pipe than before: it is full, and the program waits.
        before = -1
        while (now := waiting_in(full)) != before or now < 4096:
            before = now
            time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
    os.close(full)
    assert process.returncode == 143
    assert error.startswith("mlp-tui: The run is saved. Resume it: mlp-tui --resume ")


def test_signals_in_the_midst_of_steps_do_no_harm(small_mnist: Path) -> None:
    arguments = command("--data-dir", small_mnist, "--epochs", 1_000_000)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(500):
            process.send_signal(signal.SIGHUP)  # it says that the terminal is gone; the run continues
            time.sleep(0.002)
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read()
    assert process.returncode == 143


def waiting_in(pipe: int) -> int:
    """The bytes that nobody has read yet."""
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


@pytest.mark.parametrize("run", [made_up_data.colour(), made_up_data.birds(), made_up_data.table()])
def test_names_and_many_classes_keep_to_the_lines_width(run: RunStarted, capsys: pytest.CaptureFixture[str]) -> None:
    session = MadeUpSession([*made_up_data.opening(run), *made_up_data.mistakes(run)])
    assert run_headless(session, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    first, last = made_up_data.labels(run)[0], made_up_data.labels(run)[-1]
    assert any(f"Prediction: {run.classes[first]}"[:27] in line for line in lines)
    assert any(f"Label: {run.classes[last]}"[:27] in line for line in lines)
    assert "How often each label was read as each class:" in lines
    assert all(len(line) <= 100 for line in lines[:-1])
    assert ("These are the 12 classes most often confused, of 200." in lines) == (len(run.classes) == 200)
    assert run.classes[1] in lines[-1] or "bird" in lines[-1]


def test_validation_is_named_in_the_notebooks_lines() -> None:
    lines = list(NotebookLines()(EpochFinished(1, 5, 0.28, 0.91757, 0.3, 0.9161, 1.0, 0.1, "validation")))
    assert lines[1].startswith("Epoch 1 done. Average validation loss = 0.30")
