"""Small data sets of the kinds that users bring, easy to learn, for the tests to read and to break."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COLOURS = {"blue": (20, 40, 220), "green": (30, 200, 60), "red": (230, 30, 20)}


def write_pictures(folder: Path, each: int = 20, side: int = 8, gray: bool = False, kind: str = "png") -> Path:
    """Pictures of three classes, a folder each, which differ in colour, or in brightness."""
    random = np.random.default_rng(0)
    for place, (name, colour) in enumerate(COLOURS.items()):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            shade = np.full(3, 60 + 60 * place) if gray else np.array(colour)
            values = (shade + random.integers(-15, 15, (side, side, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(values[..., 0] if gray else values).save(folder / name / f"{number:03}.{kind}")
    return folder


def write_table(path: Path, rows: int = 120, classes: int = 3) -> Path:
    """A table of four columns, the last of them constant; the label is in the second place."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "label", "width", "weight", "planet"])
        for row in range(rows):
            kind = row % classes
            length, width, weight = random.normal([kind * 10, -kind, 1000 * kind], [1, 0.1, 50])
            writer.writerow([f"{length:.3f}", f"kind {chr(97 + kind)}", f"{width:.4f}", f"{weight:.1f}", 3])
    return path


def write_kaggle(path: Path, rows: int = 60, side: int = 28) -> Path:
    """A table of pixels, as Kaggle's digits are: the label first."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"pixel{number}" for number in range(side * side))])
        for row in range(rows):
            image = random.integers(0, 50, (side, side))
            image[row % 10 : row % 10 + 2] += 200
            writer.writerow([row % 10, *image.flatten()])
    return path


def arrays(size: int = 60, colour: bool = True) -> dict[str, Any]:
    """What an npz file holds: images, channels last, and their labels."""
    random = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for split, count in (("train", size), ("test", size // 2)):
        labels = np.arange(count) % 3
        images = random.integers(0, 90, (count, 8, 8, 3))
        images[np.arange(count), :, :, labels] += 150
        made[f"x_{split}"] = (images if colour else images[..., 0] + 40 * labels[:, None, None]).astype(np.uint8)
        made[f"y_{split}"] = labels
    return made


def write_arrays(path: Path, **changes: Any) -> Path:
    """An npz file of `arrays`, with changes."""
    np.savez(path, **{**arrays(), **changes})
    return path


FUNCTION = """import torch
from torch.utils.data import Dataset, TensorDataset, random_split

def rows():
    labels = torch.arange(90) % 3
    inputs = torch.randn(90, 5) + 4 * labels[:, None]
    return random_split(TensorDataset(inputs, labels), [60, 30])

class Pictures(Dataset):
    classes = ["dark", "bright"]

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, number):
        return torch.full((1, 6, 6), 0.2 + 0.6 * (number % 2)), number % 2

def pictures():
    return Pictures(40), Pictures(10)
"""


def write_function(path: Path) -> Path:
    """A file of functions that return two Datasets each: `rows` and `pictures`."""
    path.write_text(FUNCTION)
    return path
