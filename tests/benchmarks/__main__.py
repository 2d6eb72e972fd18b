"""Prints what training, the dashboard and the built-in digits cost and yield, against what they are measured by."""

import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from rich import box
from rich.console import Console
from rich.table import Table
from torch import nn, optim
from torch.utils.data import DataLoader

from mlp_tui.config import TrainingConfig, default_data_dir
from mlp_tui.training.datasets import SYNTHETIC_SEED, Batches, Dataset, Digits, read_split
from mlp_tui.training.loops import test, train
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.strokes import draw_digits

ROUNDS = 5

DASHBOARD = """
import json, sys
from mlp_tui.config import TrainingConfig
from mlp_tui.session import Session
from mlp_tui.tui.app import TrainingApp
class Measured(TrainingApp):
    def on_mount(self):
        self.action_start()
        self.set_interval(0.5, lambda: self.state.finished and self.exit())
app = Measured(Session(TrainingConfig(dataset="mnist")))
app.run()
json.dump([row.train_seconds for row in app.state.rows], open(sys.argv[1], "w"))
"""

HEADLESS = """
import json, sys, threading
from mlp_tui.config import TrainingConfig
from mlp_tui.events import EpochFinished
from mlp_tui.session import Session
events = Session(TrainingConfig(dataset="mnist")).events(threading.Event())
json.dump([event.train_seconds for event in events if isinstance(event, EpochFinished)], open(sys.argv[1], "w"))
"""


def seconds(work: Callable[[], object]) -> float:
    """The wall-clock time that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(*works: Callable[[], float]) -> list[list[float]]:
    """The figures of each work over the rounds, taken in turns, so that a slow minute slows all of them."""
    figures: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, results in zip(works, figures, strict=True):
            results.append(work())
    return figures


def notebook_epoch(data_dir: Path) -> Callable[[], float]:
    """The notebook's training loop over one epoch, as it stands there."""
    transform = torchvision.transforms.Compose(
        [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(mean=0.1307, std=0.3081)]
    )
    train_data = torchvision.datasets.MNIST(data_dir, train=True, transform=transform)
    train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
    threads = torch.get_num_threads()

    def epoch() -> None:
        torch.set_num_threads(threads)  # torch's default, which the notebook leaves alone
        model = MultiLayerPerceptron()
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        loss_fn = nn.CrossEntropyLoss()
        total_loss, all_predictions, all_targets = 0.0, [], []
        model.train()
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            all_predictions.extend(torch.argmax(outputs, dim=-1).tolist())
            all_targets.extend(targets.tolist())

    return lambda: seconds(epoch)


def run_of(program: str, columns: int = 0, rows: int = 0) -> Callable[[], float]:
    """The median epoch's seconds in a process of its own; with a size, in a pseudo-terminal of that size."""

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:  # where the run's folder goes, too
            file = Path(folder) / "seconds.json"
            command = [sys.executable, "-c", program, str(file)]
            if not columns:
                subprocess.run(command, check=True, cwd=folder)
            else:
                main, side = pty.openpty()
                env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
                with subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=env, cwd=folder) as process:
                    os.close(side)
                    threading.Thread(target=drain, args=(main,), daemon=True).start()
                    assert process.wait() == 0
            return float(statistics.median(json.loads(file.read_text())))

    return run


def drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        os.close(descriptor)


def drawn_digits() -> Dataset:
    """The built-in digits, drawn anew."""
    generator = torch.Generator().manual_seed(SYNTHETIC_SEED)
    labels = torch.randint(10, (70_000,), generator=generator)
    images = draw_digits(labels, generator)
    return Dataset("synthetic", Digits(images[:60_000], labels[:60_000]), Digits(images[60_000:], labels[60_000:]))


def accuracies(dataset: Dataset, real: Digits, seed: int) -> tuple[float, float]:
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


def main() -> None:
    data_dir = default_data_dir()
    raw = data_dir / "MNIST" / "raw"
    real_test = read_split(raw, "t10k")
    table = Table("what", "median", "spread", "against", "median", "ratio", box=box.MARKDOWN)

    def compare(what: str, ours: list[float], against: str, theirs: list[float], inverse: bool = False) -> None:
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratio = f"{other / mine:.1f} times faster" if inverse else f"{mine / other:.3f}"
        table.add_row(what, f"{mine:.3f} s", f"{min(ours):.3f} - {max(ours):.3f}", against, f"{other:.3f} s", ratio)

    sizes = ((160, 48), (120, 40), (80, 24))
    notebook, headless, *dashboards = side_by_side(
        notebook_epoch(data_dir), run_of(HEADLESS), *(run_of(DASHBOARD, *size) for size in sizes)
    )
    compare("an epoch of training, headless", headless, "the plain loop", notebook, inverse=True)
    for size, dashboard in zip(sizes, dashboards, strict=True):
        compare(f"an epoch under the dashboard, {size[0]}x{size[1]}", dashboard, "headless", headless)
    torch.set_num_threads(1)
    started = time.perf_counter()
    drawn = drawn_digits()
    table.add_row("drawing 70,000 built-in digits", f"{time.perf_counter() - started:.2f} s")
    results = [accuracies(drawn, real_test, seed) for seed in range(5)]
    for i, what in enumerate(("their own test set", "real MNIST's test set")):
        values = [result[i] for result in results]
        spread = f"{min(values):.2%} - {max(values):.2%}"
        table.add_row(f"trained on built-in digits, {what}", f"{statistics.mean(values):.2%}", spread, "seeds 0 to 4")
    Console(width=140).print(table)


main()
