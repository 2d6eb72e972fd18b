"""Runs that are stopped, killed, detached or taken over, and go on exactly where they were."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, EpochFinished, Event, Past, RunFinished, RunStarted, Saving
from mlp_tui.runs.folder import RunFolder
from mlp_tui.session import Session

from ..conftest import write_mnist
from ..terminal import Terminal

RUNS = Path("runs")


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset large enough that a run of three epochs takes about a second."""
    return write_mnist(tmp_path_factory.mktemp("mnist") / "data", train=20_000)


@pytest.fixture
def each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event after each batch, so that a run can be stopped at any."""
    monkeypatch.setattr("mlp_tui.training.fit.EVENT_SECONDS", 0.0)


def config(mnist: Path, epochs: int = 3, **settings: object) -> TrainingConfig:
    return TrainingConfig(epochs=epochs, data_dir=mnist, runs_dir=RUNS, **settings)  # type: ignore[arg-type]


def run(session: Session, until: Callable[[Event], bool] = lambda event: False) -> list[Event]:
    """The session's events; it is asked to stop at the first that `until` names."""
    stop = threading.Event()
    events = []
    for event in session.events(stop):
        events.append(event)
        if until(event):
            stop.set()
    return events


def at(epoch: int, batch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, BatchFinished) and (event.epoch, event.batch) == (epoch, batch)


def end_of(epoch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, EpochFinished) and event.epoch == epoch


def latest() -> RunFolder:
    return RunFolder.find(RUNS, "latest")


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder.model, weights_only=True)
    return state


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def undisturbed(mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run that nothing ever stopped."""
    session = Session(TrainingConfig(epochs=3, data_dir=mnist, runs_dir=tmp_path_factory.mktemp("runs")))
    run(session)
    assert session.folder
    return weights(session.folder)


def epochs_logged(folder: RunFolder) -> list[int]:
    return [event.epoch for event in folder.read_events() if isinstance(event, EpochFinished)]


# Exact resume


@pytest.mark.parametrize(
    "stops",
    [
        [at(1, 1)],
        [at(2, 100)],
        [at(2, 313)],  # the epoch's last batch: its test is still to come
        [end_of(1)],
        [at(1, 50), at(1, 51), end_of(2), at(3, 200)],
    ],
    ids=["first batch", "mid-epoch", "before the test", "between epochs", "four times"],
)
def test_a_run_stopped_and_resumed_ends_with_the_weights_of_one_never_stopped(
    mnist: Path, undisturbed: dict[str, torch.Tensor], each_batch: None, stops: list[Callable[[Event], bool]]
) -> None:
    session = Session(config(mnist))
    for stop in stops:
        events = run(session, stop)
        assert isinstance(events[-1], RunFinished) and events[-1].reason == "stopped"
        assert session.unfinished
        session = Session(config(mnist), session.unfinished)
    events = run(session)
    assert isinstance(events[-1], RunFinished)
    assert (events[-1].reason, events[-1].epochs) == ("completed", 3)
    assert same(weights(latest()), undisturbed)
    assert len(list(RUNS.iterdir())) == 1
    assert epochs_logged(latest()) == [1, 2, 3]


def test_a_resumed_run_tells_its_past_and_where_it_goes_on(mnist: Path, each_batch: None) -> None:
    session = Session(config(mnist))
    run(session, at(2, 10))
    assert session.unfinished
    events = run(Session(config(mnist), session.unfinished), at(2, 20))
    (past,) = (event for event in events if isinstance(event, Past))
    assert any(isinstance(event, EpochFinished) for event in past.events)
    (started,) = (event for event in events if isinstance(event, RunStarted))
    assert started.resumed_from == "epoch 2, batch 10"
    first = next(event for event in events if isinstance(event, BatchFinished))
    assert (first.epoch, first.batch) == (2, 11)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].epochs == 1


def test_more_epochs_may_be_asked_for_when_a_run_is_done(mnist: Path) -> None:
    session = Session(config(mnist, epochs=1))
    run(session)
    refused = run(Session(config(mnist, epochs=1), latest()))
    assert isinstance(refused[-1], RunFinished)
    assert "has its 1 epochs: ask for more with --epochs 6." in refused[-1].message
    run(Session(config(mnist, epochs=2), latest()))
    straight = Session(config(mnist, epochs=2))
    run(straight)
    assert straight.folder
    others = [RunFolder(path) for path in RUNS.iterdir() if path.name != straight.folder.name]
    assert same(weights(others[0]), weights(straight.folder))


def test_checkpoints_load_no_code(tmp_path: Path, mnist: Path, each_batch: None) -> None:
    session = Session(config(mnist))
    run(session, at(1, 5))
    assert session.unfinished

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path}/owned",)

    torch.save({"training": Hostile(), "log_position": 0}, session.unfinished.checkpoint)
    events = run(Session(config(mnist), session.unfinished))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason == "failed"
    assert "checkpoint.pt cannot be read" in events[-1].message
    assert not (tmp_path / "owned").exists()
    assert not session.unfinished.lock.is_held()


def test_the_model_of_a_finished_run_is_a_plain_state_dict(mnist: Path) -> None:
    run(Session(config(mnist, epochs=1)))
    assert [*weights(latest())] == ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]


def test_a_run_that_never_trained_leaves_no_folder(mnist: Path) -> None:
    run(Session(config(mnist)), lambda event: isinstance(event, RunStarted))
    assert list(RUNS.iterdir()) == []


# Trouble


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(mnist: Path) -> None:
    session = Session(config(mnist, epochs=2, learning_rate=1e18))
    end = run(session)[-1]
    assert isinstance(end, RunFinished)
    assert end.reason == "diverged"
    assert "The loss became " in end.message and "with a gradient norm" not in end.message
    folder = latest()
    assert folder.diverged()
    if folder.checkpoint.exists():
        state = torch.load(folder.checkpoint, weights_only=True)["training"]
        assert all(bool(value.isfinite().all()) for value in state["model"].values())
    events = run(Session(config(mnist, epochs=1, learning_rate=1e-3), folder))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason == "completed"


def test_a_folder_that_cannot_be_written_is_said_and_saving_resumes(mnist: Path, each_batch: None) -> None:
    session = Session(config(mnist, epochs=200, checkpoint_seconds=0.01))
    stop = threading.Event()
    errors: list[str] = []
    hidden = Path("hidden")
    for event in session.events(stop):
        if at(1, 200)(event):
            assert session.folder
            session.folder.path.rename(hidden)
            session.folder.path.write_text("a file where the folder was")
        if isinstance(event, Saving):
            errors.append(event.error)
            if event.error:
                assert session.folder
                session.folder.path.unlink()
            else:
                stop.set()
        if isinstance(event, EpochFinished) and event.epoch > 100:
            stop.set()
    assert session.folder and str(session.folder.path) in errors[0] and errors[-1] == ""
    assert isinstance(event, RunFinished)
    assert (event.reason, event.message) == ("stopped", "")
    assert session.folder and session.folder.checkpoint.exists() and session.folder.config.exists()


# Other processes


def command(mnist: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "mlp_tui", "--data-dir", str(mnist), *map(str, arguments)]


def test_two_processes_never_train_one_run(mnist: Path) -> None:
    session = Session(config(mnist))
    events = session.events(threading.Event())
    for event in events:
        if isinstance(event, BatchFinished):
            break
    assert session.folder and session.folder.lock.is_held()
    with pytest.raises(UserError, match=f"is being trained by process {os.getpid()} on this machine"):
        RunFolder(session.folder.path).lock.acquire(patience=0.05)
    events.close()


def test_settings_of_a_run_stay_as_they_are(mnist: Path) -> None:
    run(Session(config(mnist, epochs=1)))
    arguments = ["--no-ui", "--resume", "latest", "--epochs", 3, "--hidden-sizes", 7]
    done = subprocess.run(command(mnist, *arguments), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--hidden-sizes is 100 in the run mnist-" in done.stderr


def test_a_cycle_of_the_learning_rate_is_not_made_longer(mnist: Path) -> None:
    run(Session(config(mnist, epochs=2, schedule="one-cycle")), end_of(1))
    arguments = ["--no-ui", "--resume", "latest", "--epochs", 3]
    done = subprocess.run(command(mnist, *arguments), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the cycle of its learning rate ends there" in done.stderr


def test_a_cycle_goes_on_where_it_was(mnist: Path, each_batch: None) -> None:
    straight = run(Session(config(mnist, epochs=2, schedule="one-cycle")))
    session = Session(config(mnist, epochs=2, schedule="one-cycle"))
    run(session, at(2, 100))
    assert session.unfinished
    resumed = run(Session(config(mnist, epochs=2, schedule="one-cycle"), session.unfinished))
    rates = [
        [(event.batch, event.learning_rate) for event in events if isinstance(event, BatchFinished)][-200:]
        for events in (straight, resumed)
    ]
    assert rates[0] == rates[1]
    assert isinstance(straight[-1], RunFinished) and isinstance(resumed[-1], RunFinished)
    assert straight[-1].test_loss == resumed[-1].test_loss


def test_a_rate_set_by_hand_that_led_nowhere_is_left(mnist: Path, each_batch: None) -> None:
    session = Session(config(mnist, epochs=2))
    for event in session.events(threading.Event()):
        if end_of(1)(event):
            assert session._state
            session._state.learning_rate = 1e18
    assert isinstance(event, RunFinished) and event.reason == "diverged"
    events = run(Session(config(mnist, epochs=2), latest()))
    rates = {event.learning_rate for event in events if isinstance(event, BatchFinished)}
    assert rates == {0.01}
    assert isinstance(events[-1], RunFinished) and events[-1].reason == "completed"


@pytest.mark.parametrize("name", ["latest", "no-such-run"])
def test_a_run_that_is_not_there_is_a_sentence(mnist: Path, name: str) -> None:
    done = subprocess.run(command(mnist, "--no-ui", "--resume", name), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("mlp-tui: There is no run")


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("settings", [{}, {"augment": "elastic", "checkpoint_seconds": 0.0}], ids=["", "distorted"])
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(mnist: Path, settings: dict[str, object]) -> None:
    run(straight := Session(config(mnist, **settings)))  # type: ignore[arg-type]
    chance = random.Random(5)
    arguments = ["--epochs", 3, *(f"--{name.replace('_', '-')}={value}" for name, value in settings.items())]
    for _ in range(3):
        with subprocess.Popen(
            command(mnist, "--no-ui", "--json", *arguments), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            after = chance.randrange(1, 250)
            for line in process.stdout:
                after -= len(json.loads(line).get("losses", ()))
                if after <= 0:
                    process.kill()
                    break
        arguments = ["--resume", "latest"]
        latest().read_events()
    subprocess.run(command(mnist, "--no-ui", "--resume", "latest"), check=True, stdout=subprocess.DEVNULL)
    assert straight.folder and straight.folder.path != latest().path
    assert same(weights(latest()), weights(straight.folder))
    assert epochs_logged(latest()) == [1, 2, 3]


def training(terminal: Callable[..., Terminal], mnist: Path, *arguments: object) -> Terminal:
    screen = terminal(command(mnist, *arguments), 120, 40)
    screen.wait_for("ready")
    screen.type("s")
    screen.wait_for(r"Epoch +\d+/.*batch +\d")
    return screen


def test_sigterm_saves_the_run_and_restores_the_terminal(terminal: Callable[..., Terminal], mnist: Path) -> None:
    screen = training(terminal, mnist, "--epochs", 100_000)
    started = time.monotonic()
    screen.process.send_signal(signal.SIGTERM)
    assert screen.wait(5) == 143
    assert time.monotonic() - started < 2
    time.sleep(0.1)
    for sequence in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"):
        assert sequence in screen.output
    assert screen.is_as_before()
    folder = latest()
    assert folder.checkpoint.exists() and not folder.lock.is_held()


def test_a_dropped_connection_leaves_the_run_going_and_it_ends_complete(
    terminal: Callable[..., Terminal], mnist: Path, undisturbed: dict[str, torch.Tensor]
) -> None:
    screen = training(terminal, mnist, "--epochs", 3)
    screen.hang_up()
    screen.wait(10)
    wait_until(lambda: latest().model.exists())
    wait_until(lambda: not latest().lock.is_held())
    assert same(weights(latest()), undisturbed)
    assert epochs_logged(latest()) == [1, 2, 3]


def test_a_dropped_connection_can_end_the_run_instead(terminal: Callable[..., Terminal], mnist: Path) -> None:
    screen = training(terminal, mnist, "--epochs", 100_000, "--on-hangup", "stop")
    screen.hang_up()
    assert screen.wait(10) == 129
    assert latest().checkpoint.exists()
    time.sleep(0.5)
    assert not latest().lock.is_held()


@pytest.mark.parametrize("on_hangup", ["detach", "stop"])
def test_a_headless_run_in_a_terminal_that_goes_away(
    terminal: Callable[..., Terminal], mnist: Path, undisturbed: dict[str, torch.Tensor], on_hangup: str
) -> None:
    screen = terminal(command(mnist, "--no-ui", "--epochs", 3, "--on-hangup", on_hangup), 120, 40)
    screen.wait_for("Epoch 1, batch 1:")
    screen.hang_up()
    code = screen.wait(30)
    if on_hangup == "stop":
        assert code == 129
        assert latest().checkpoint.exists() and not latest().model.exists()
    else:
        assert code == 0
        assert same(weights(latest()), undisturbed)


def test_ctrl_c_says_where_the_run_is_saved(terminal: Callable[..., Terminal], mnist: Path) -> None:
    screen = terminal(command(mnist, "--no-ui", "--epochs", 100_000), 200, 40)
    screen.wait_for("Epoch 1 done")
    screen.type("\x03")
    assert screen.wait(10) == 130
    screen.wait_for(f"Resume it: mlp-tui --resume .*{latest().name}")


def test_detach_take_over_detach_again_and_let_it_finish(terminal: Callable[..., Terminal], mnist: Path) -> None:
    screen = training(terminal, mnist, "--epochs", 20)
    screen.type("d")
    assert screen.wait(10) == 0
    assert "mlp-tui --resume" in screen.wait_for("Stop it: +kill")
    folder = latest()
    wait_until(folder.lock.is_held)
    screen = terminal(command(mnist, "--resume", "latest"), 120, 40)
    screen.wait_for("● training")
    screen.type("d")
    assert screen.wait(10) == 0
    wait_until(lambda: folder.model.exists(), 60)
    assert epochs_logged(folder) == list(range(1, 21))
    assert len(list(RUNS.iterdir())) == 1
    straight = Session(config(mnist, epochs=20))
    run(straight)
    assert straight.folder
    assert same(weights(folder), weights(straight.folder))
    shutil.rmtree(RUNS)


def test_a_run_stopped_in_the_dashboard_goes_on_at_the_same_key(
    terminal: Callable[..., Terminal], mnist: Path, undisturbed: dict[str, torch.Tensor]
) -> None:
    screen = training(terminal, mnist, "--epochs", 3)
    screen.type("x")
    screen.wait_for("■ stopped")
    screen.wait_for("s Resume")
    screen.type("s")
    screen.wait_for("✓ done")
    assert same(weights(latest()), undisturbed)
    assert epochs_logged(latest()) == [1, 2, 3]
    screen.type("q")
    assert screen.wait() == 0
    assert len(list(RUNS.iterdir())) == 1


def test_what_is_printed_and_warned_of_is_kept_with_the_run(mnist: Path) -> None:
    program = """
import sys, warnings
import mlp_tui.training.fit as fit
real = fit.predict
def noisy(*arguments):
    warnings.warn("a warning of a library")
    return real(*arguments)
fit.predict = noisy
from mlp_tui.cli import main
main()
"""
    arguments = [sys.executable, "-c", program, "--no-ui", "--data-dir", str(mnist), "--epochs", "1"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "a warning of a library" in done.stderr
    assert "a warning of a library" in latest().output.read_text()


# Watching


def test_a_watcher_sees_a_live_run_and_its_end_and_does_not_disturb_it(
    terminal: Callable[..., Terminal], mnist: Path, undisturbed: dict[str, torch.Tensor]
) -> None:
    with subprocess.Popen(command(mnist, "--no-ui", "--epochs", 3), stdout=subprocess.PIPE) as process:
        wait_until(lambda: RUNS.exists() and any(RUNS.glob("*/events.jsonl")))
        process.send_signal(signal.SIGSTOP)
        screen = terminal(command(mnist, "--watch", "latest"), 120, 40)
        screen.wait_for("● live, last event 0:0")
        assert "s Start" not in screen.text and "x Stop" not in screen.text
        process.send_signal(signal.SIGCONT)
        process.communicate()
    screen.wait_for("✓ done")
    screen.wait_for(r"3 epochs in .* Test accuracy")
    assert "label" in screen.text
    screen.type("q")
    assert screen.wait() == 0
    assert same(weights(latest()), undisturbed)


def test_a_watcher_tells_a_killed_run_from_a_stopped_one(terminal: Callable[..., Terminal], mnist: Path) -> None:
    for number, words in ((signal.SIGKILL, "✗ killed"), (signal.SIGTERM, "■ stopped")):
        arguments = command(mnist, "--no-ui", "--json", "--epochs", 100_000)
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            next(line for line in process.stdout if "epoch_finished" in line)
            process.send_signal(number)
            process.stdout.read()
        screen = terminal(command(mnist, "--watch", "latest"), 120, 40)
        screen.wait_for(words)
        screen.type("q")
        assert screen.wait() == 0


def test_watching_needs_no_torch(terminal: Callable[..., Terminal], mnist: Path) -> None:
    run(Session(config(mnist, epochs=1)))
    program = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(name)
sys.meta_path.insert(0, NoTorch())
from mlp_tui.cli import main
main()
"""
    screen = terminal([sys.executable, "-c", program, "--watch", "latest"], 120, 40)
    screen.wait_for("✓ done")
    screen.type("q")
    assert screen.wait() == 0


def test_a_log_of_a_million_events_is_read_in_bounded_memory(mnist: Path) -> None:
    run(Session(config(mnist, epochs=1)))
    folder = latest()
    lines = folder.events.read_bytes().splitlines(keepends=True)
    batch = next(line for line in lines if b"batch_finished" in line)
    with open(folder.events, "ab") as log:
        for _ in range(1000):
            log.write(batch * 200)
    assert len(folder.read_events()) < 25_000
