"""Prints what training and the dashboard cost and yield, against what they are measured by.

`python -m tests.benchmarks` measures all; words after it choose among training, networks, dashboard, start, memory,
history, accuracy, digits and cuda.
"""

import functools
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn, optim

from mlp_tui.config import TrainingConfig, default_data_dir
from mlp_tui.events import BatchFinished, EpochFinished
from mlp_tui.session import Session
from mlp_tui.training.data.batches import Batches, Dataset, Examples
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.data.synthetic import draw
from mlp_tui.training.fit import fit
from mlp_tui.training.loops import test, train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.optimizer import Adam
from mlp_tui.training.state import TrainingState
from mlp_tui.training.steps.by_hand import one_dnn_linear as linear
from mlp_tui.tui.keys import TABS

from .measure import Program, epoch_of, result_of, seconds, side_by_side
from .notebook import notebook_epoch
from .programs import DASHBOARD, HEADLESS, HISTORY, NOTEBOOK, PACED

DATA_DIR = default_data_dir()
RAW = DATA_DIR / "MNIST" / "raw"
SEEDS = range(5)
KEYS = 100
MOMENTS = 200
LAYERS = ((100,), (100, 100), (100, 100, 100))

table = Table("what", "median", "spread", "against", "median", "ratio", box=box.MARKDOWN)


def row(what: str, ours: Sequence[float], unit: str, against: str = "", theirs: Sequence[float] = ()) -> None:
    """A line of the table: medians, the spread of ours, and the median of the rounds' ratios."""

    def number(value: float) -> str:
        return f"{value:.2%}" if unit == "%" else f"{value:.4g} {unit}"

    median = statistics.median(ours)
    spread = f"{number(min(ours))} - {number(max(ours))}" if len(ours) > 1 else ""
    if theirs:
        times = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        ratio = f"{1 / times:.1f} times less" if times < 1 / 3 else f"{times:.3f}"
        table.add_row(what, number(median), spread, against, number(statistics.median(theirs)), ratio)
    else:
        table.add_row(what, number(median), spread, against)


def kernels_alone() -> float:
    """The seconds of an epoch of nothing but the kernels that it cannot do without: gather, two products, Adam."""
    digits = read_split(RAW, "train")
    rows = digits.inputs.flatten(1)
    model = MultiLayerPerceptron()
    optimizer = Adam(model.parameters(), lr=1e-2)
    gradients = [torch.zeros_like(parameter) for parameter in model.parameters()]
    inputs, d_hidden = torch.randn(64, 784), torch.randn(64, 100)
    order = torch.split(torch.randperm(len(digits)), 64)

    def epoch() -> None:
        for chosen in order:
            rows.index_select(0, chosen)
            linear(inputs, model.hidden.weight, model.hidden.bias)
            gradients[0] = linear(d_hidden.T, inputs.T)
            optimizer.update(gradients)

    torch.set_num_threads(1)
    with torch.no_grad():
        return seconds(epoch)


def measure_training() -> None:
    notebook = notebook_epoch(DATA_DIR)
    theirs, ours, floor = side_by_side(lambda: seconds(notebook), epoch_of(HEADLESS), kernels_alone)
    row("an epoch of training, headless", ours, "s", "the plain loop", theirs)
    row("the same", ours, "s", "its kernels alone, one thread", floor)


def plain_loop(state: TrainingState, dataset: Dataset) -> Callable[[], None]:
    """One epoch of the six steps and nothing else, of a run's own model, optimizer and tensors."""
    loader = Batches(dataset.train, 64, state.shuffle, state.normalise, state.input_shape)
    model, optimizer, loss_fn = state.model, state.optimizer, nn.CrossEntropyLoss()

    def epoch() -> None:
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()

    return epoch


def run_of(config: TrainingConfig, dataset: Dataset) -> Callable[[], float]:
    """The CPU's seconds from the first batch of a run to the last of its first epoch, with all that comes between."""

    def epoch() -> float:
        started, begun = 0.0, False
        for event in fit(config, dataset, "a-run", TrainingState(config, dataset)):
            begun = begun or isinstance(event, BatchFinished)
            if not begun:
                started = time.process_time()
            if isinstance(event, BatchFinished) and event.batch == event.batches:
                break
        return time.process_time() - started

    return epoch


def measure_networks() -> None:
    """An epoch of the run against the six steps on the same tensors, both on one thread, in its own seconds.

    What else the machine does counts less then: a wait for the processor does not.
    """
    digits = read_split(RAW, "train")
    models = Path(__file__).parents[1] / "training" / "models"
    networks: list[tuple[str, dict[str, object], int]]
    networks = [(f"{'-'.join(map(str, sizes))} hidden units", {"hidden_sizes": sizes}, 60_000) for sizes in LAYERS]
    networks += [
        ("--model with the notebook's class", {"model": f"{models}/student.py:MultiLayerPerceptron"}, 60_000),
        ("--model with a small CNN", {"model": f"{models}/cnn.py:Net"}, 6_400),
    ]
    for what, settings, count in networks:
        config = TrainingConfig(dataset="mnist", threads=1, device="cpu", **settings)  # type: ignore[arg-type]
        dataset = Dataset("mnist", Examples(digits.inputs[:count], digits.labels[:count]), read_split(RAW, "t10k"))
        plain = plain_loop(TrainingState(config, dataset), dataset)
        torch.set_num_threads(1)
        theirs, ours = side_by_side(functools.partial(seconds, plain, time.process_time), run_of(config, dataset))
        row(f"an epoch of {count:,} images, {what}", ours, "s", "the plain loop on its tensors", theirs)


def measure_dashboard() -> None:
    sizes = ((160, 48), (120, 40), (80, 24))
    works = [epoch_of(DASHBOARD, TABS[0], size=size) for size in sizes]
    works += [epoch_of(DASHBOARD, tab, size=sizes[0]) for tab in TABS[1:]]
    headless, *dashboards = side_by_side(epoch_of(HEADLESS), *works)
    names = [f"{columns}x{rows}" for columns, rows in sizes] + [f"160x48, the tab {tab.title()}" for tab in TABS[1:]]
    for name, ours in zip(names, dashboards, strict=True):
        row(f"an epoch under the dashboard, {name}", ours, "s", "headless", headless)
    waits = sorted(keys())
    row(f"a key to the screen while it trains, 95 of {KEYS}", [waits[0], waits[KEYS * 95 // 100 - 1]], "s")


def measure_pace() -> None:
    """What a batch costs that is drawn, in the processor's time, at 30 batches a second."""
    works = [lambda tab=tab: 1000 * result_of(PACED, tab, size=(160, 48)) for tab in TABS]
    for tab, costs in zip(TABS, side_by_side(*works, rounds=3), strict=True):
        row(f"a batch on the screen at 30 a second, 160x48, the tab {tab.title()}", costs, "ms")


def keys() -> list[float]:
    """The seconds from a key to what it changes on the screen, while training runs."""
    program = Program(["-m", "mlp_tui", "--dataset", "mnist", "--epochs", "100000"], (160, 48))
    program.wait_for(b"ready")
    program.type(b"s")
    program.wait_for(b"left")
    waits = []
    for i in range(KEYS):
        time.sleep(0.05 + i % 7 / 50)
        seen, started = len(program.output), time.perf_counter()
        program.type(b"s")
        program.wait_for(b"training" if i % 2 else b"paused", seen)
        waits.append(time.perf_counter() - started)
    program.kill()
    return waits


def until(arguments: list[str], text: bytes, size: tuple[int, int] | None = None) -> float:
    """The seconds from the start of a process to that text."""
    program = Program(arguments, size)
    took = program.wait_for(text)
    program.kill()
    return took


def importing(what: str) -> float:
    return until(["-c", f"import {what}; print('done', flush=True)"], b"done")


def measure_start() -> None:
    frame, both, batch, alone = side_by_side(
        lambda: until(["-m", "mlp_tui"], b"Train", (160, 48)),
        lambda: importing("torch, torchvision"),
        lambda: until(["-m", "mlp_tui", "--no-ui", "--dataset", "mnist"], b"Epoch 1, batch 1:"),
        lambda: importing("torch"),
    )
    row("the dashboard's first frame", frame, "s", "`import torch, torchvision`", both)
    row("`--no-ui` to the first batch", batch, "s", "`import torch`", alone)


def memory(arguments: list[str]) -> float:
    program = Program(arguments)
    most = program.end()
    program.folder.cleanup()
    return most


def measure_memory() -> None:
    ours, theirs = side_by_side(
        lambda: memory(["-m", "mlp_tui", "--no-ui", "--dataset", "mnist", "--epochs", "1"]),
        lambda: memory(["-c", NOTEBOOK]),
        rounds=3,
    )
    row("peak memory, headless", ours, "MB", "the plain loop", theirs)
    first_memory, first_cost, last_memory, last_cost = result_of(HISTORY, size=(160, 48))
    row("memory after 1,000,000 batches under the dashboard", [last_memory], "MB", "after 5,000", [first_memory])
    row("a drawing of the whole dashboard then", [last_cost * 1000], "ms", "after 5,000", [first_cost * 1000])


def measure_history() -> None:
    """What the snapshots of a run cost while it trains, what they take, and how soon a moment is had again."""
    for epochs in (5, 50, 500):
        with tempfile.TemporaryDirectory() as folder:
            session = Session(TrainingConfig(dataset="mnist", epochs=epochs, runs_dir=Path(folder)))
            events = [e for e in session.events(threading.Event()) if isinstance(e, EpochFinished)]
            past = session.past
            assert past
            snapshots, chance, waits = past._snapshots, random.Random(0), []
            for step in (chance.randrange(1, past.last + 1) for _ in range(MOMENTS)):
                waits.append(seconds(functools.partial(past.go, step)))
            share = snapshots.seconds / sum(event.train_seconds for event in events)
            megabytes = sum(path.stat().st_size for path in Path(folder).glob("*/history/*")) / 1e6
        row(f"{epochs} epochs: {len(snapshots.steps)} snapshots, share of the training", [share], "%")
        row("their size", [megabytes], "MB")
        row(f"to any of {MOMENTS} of its moments, chosen at random", waits, "s")


def measure_accuracy() -> None:
    """The test accuracy of a run with a schedule, and the training seconds until a test first reads 98 %."""
    for schedule in ("constant", "one-cycle"):
        ends = []
        for seed in SEEDS:
            config = TrainingConfig(seed=seed, dataset="mnist", schedule=schedule)
            events = [e for e in Session(config).events(threading.Event()) if isinstance(e, EpochFinished)]
            ends.append(events[-1].test_accuracy)
        row(f"five epochs, {schedule}: test accuracy, mean {statistics.mean(ends):.2%}", ends, "%", "seeds 0 to 4")
    # The whole run counts: a cycle's accuracy is there when it is over.
    for epochs in (3, 4, 5, 6, 8):
        took, reached = [], []
        for seed in SEEDS:
            config = TrainingConfig(seed=seed, dataset="mnist", schedule="one-cycle", epochs=epochs)
            events = [e for e in Session(config).events(threading.Event()) if isinstance(e, EpochFinished)]
            took.append(sum(event.train_seconds + event.test_seconds for event in events))
            reached.append(events[-1].test_accuracy)
        if statistics.mean(reached) >= 0.98:
            row(f"98 % of MNIST's test set: one-cycle, {epochs} epochs, mean {statistics.mean(reached):.2%}", took, "s")
            return


def measure_digits() -> None:
    torch.set_num_threads(1)
    started = time.perf_counter()
    drawn = drawn_digits()
    row("drawing 70,000 built-in digits", [time.perf_counter() - started], "s")
    real = read_split(RAW, "t10k")
    results = [accuracies(drawn, real, seed) for seed in SEEDS]
    for i, what in enumerate(("their own test set", "real MNIST's test set")):
        row(f"trained on built-in digits, {what}", [result[i] for result in results], "%", "seeds 0 to 4")


def drawn_digits() -> Dataset:
    """The built-in digits, drawn anew."""
    images, labels = draw()
    return Dataset("synthetic", Examples(images[:60_000], labels[:60_000]), Examples(images[60_000:], labels[60_000:]))


def accuracies(dataset: Dataset, real: Examples, seed: int) -> tuple[float, float]:
    """The default run on the built-in digits: its accuracy on their test set, and on real MNIST's."""
    config = TrainingConfig(seed=seed)
    torch.manual_seed(seed)
    model, loss_fn = MultiLayerPerceptron(), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    loader = Batches(dataset.train, config.batch_size, torch.Generator().manual_seed(seed))
    for epoch in range(config.epochs):
        for _ in train(model, loader, loss_fn, optimizer, epoch=epoch):
            pass
    drawn, written = (test(model, Batches(digits, 1000), loss_fn).accuracy for digits in (dataset.test, real))
    return drawn, written


def cuda_run() -> tuple[float, float]:
    """The median epoch's seconds, and all the seconds from the first batch to the end of the fifth test."""
    epochs: list[EpochFinished] = []
    started = 0.0
    for event in Session(TrainingConfig(dataset="mnist", device="cuda")).events(threading.Event()):
        if isinstance(event, BatchFinished) and not started:
            started = time.perf_counter() - event.seconds
        if isinstance(event, EpochFinished):
            epochs.append(event)
            ended = time.perf_counter()
    return statistics.median(event.train_seconds for event in epochs), ended - started


def measure_cuda() -> None:
    if not torch.cuda.is_available():
        table.add_row("on a CUDA GPU", "not run: there is none here")
        return
    name = torch.cuda.get_device_name()
    notebook = notebook_epoch(DATA_DIR, "cuda")
    runs: list[tuple[float, float]] = []

    def ours() -> float:
        runs.append(cuda_run())
        return runs[-1][0]

    theirs, mine = side_by_side(lambda: seconds(notebook), ours)
    row(f"an epoch of training on {name}", mine, "s", "the plain loop there", theirs)
    row(f"five epochs with their tests on {name}", [whole for _, whole in runs], "s")


MEASURES = {
    "training": measure_training,
    "networks": measure_networks,
    "dashboard": measure_dashboard,
    "pace": measure_pace,
    "start": measure_start,
    "memory": measure_memory,
    "history": measure_history,
    "accuracy": measure_accuracy,
    "digits": measure_digits,
    "cuda": measure_cuda,
}

for word in sys.argv[1:] or MEASURES:
    MEASURES[word]()
Console(width=200).print(table)
