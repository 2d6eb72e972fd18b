"""Digits drawn on the pad by a hand with a mouse, and by one with keys, are read right by a model that was trained."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from textual.events import Key
from textual.pilot import Pilot

from mlp_tui.config import TrainingConfig
from mlp_tui.session import Session
from mlp_tui.training.data.centring import centred
from mlp_tui.training.data.strokes import draw_digits
from mlp_tui.tui.app import TrainingApp
from mlp_tui.tui.tabs.draw import DrawTab

from .conftest import idx
from .tui.tabs.test_draw import Pixel, draw, tab_of

DIGITS = (
    "50 21 03 06 28 59 78 85 72 50",
    "50 59",
    "12 30 60 72 64 37 19 89",
    "11 40 70 73 44 75 77 59 18",
    "20 15 85, 72 69",
    "80 20 24 54 76 78 49 18",
    "60 33 15 28 59 77 65 35 27",
    "10 80 49",
    "54 23 31 60 72 54 27 28 59 88 75 54",
    "82 50 21 24 54 83 82 76 69",
)
"""Each digit as a hand would draw it: strokes, each the corners that straight lines join.

A corner is two figures, x (rightwards) and y (downwards), in a box of ten by ten.
"""


def strokes_of(digit: str, left: int, top: int) -> list[list[Pixel]]:
    """A digit's corners in pixels of the pad, in a box of 20x20 with that upper left corner."""
    return [
        [(left + 2 * int(corner[0]), top + 2 * int(corner[1])) for corner in stroke.split()]
        for stroke in digit.split(",")
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 13,000 of the built-in digits."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(10, (13_000,), generator=generator)
    images = draw_digits(labels, generator)
    for split, part in (("train", slice(12_000)), ("t10k", slice(12_000, None))):
        (raw / f"{split}-images-idx3-ubyte").write_bytes(idx(images[part]))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels[part].to(torch.uint8)))
    return folder


@pytest.fixture
def app(data: Path) -> TrainingApp:
    return TrainingApp(Session(TrainingConfig(epochs=3, data_dir=data)))


async def train(pilot: Pilot[None], app: TrainingApp) -> DrawTab:
    await pilot.press("s", "5")
    while app.control.phase != "completed":
        await pilot.pause(0.05)
    return tab_of(app)


async def read(pilot: Pilot[None], app: TrainingApp, tab: DrawTab) -> int:
    """The digit that is read once the model has answered to the last of the ink; the pad is cleared."""
    await pilot.pause(0.05)
    deadline = time.monotonic() + 5
    while app.control.state.drawing is None or app.control.state.drawing.pixels != centred(bytes(tab.pad.pixels)):
        assert time.monotonic() < deadline
        await pilot.pause(0.02)
    probabilities = app.control.state.drawing.probabilities
    await pilot.press("k")
    return probabilities.index(max(probabilities))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["two cells a pixel", "half a cell a pixel"])
async def test_digits_drawn_with_the_mouse_are_read_right(app: TrainingApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        tab = await train(pilot, app)
        answers = []
        for digit in DIGITS:
            for stroke in strokes_of(digit, 6, 4):
                draw(app, *stroke)
            answers.append(await read(pilot, app, tab))
        app.control.worker.close()
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 8, answers


async def test_digits_drawn_with_the_keys_in_a_corner_are_read_right(app: TrainingApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        tab = await train(pilot, app)
        answers = []
        pen = (14, 14)
        for digit in DIGITS:
            keys = []
            for stroke in strokes_of(digit, 1, 1):
                keys += [*way(pen, stroke[0]), "space"]
                for start, end in pairwise(stroke):
                    keys += way(start, end)
                keys.append("space")
                pen = stroke[-1]
            for key in keys:
                app.post_message(Key(key, None))
            answers.append(await read(pilot, app, tab))
        app.control.worker.close()
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 8, answers


def way(start: Pixel, end: Pixel) -> list[str]:
    """The arrow keys that lead from one pixel to another, about straight."""
    across, down = end[0] - start[0], end[1] - start[1]
    steps = [((i + 0.5) / abs(across), "right" if across > 0 else "left") for i in range(abs(across))]
    steps += [((i + 0.5) / abs(down), "down" if down > 0 else "up") for i in range(abs(down))]
    return [key for _, key in sorted(steps)]
