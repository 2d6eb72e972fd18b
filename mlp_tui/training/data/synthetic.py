"""The built-in digits: drawn once, the same on every machine, and kept in the user's cache folder."""

import logging
import os
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from ...config import CACHE_DIR
from ...events import SIDE, Preparing
from ...files import open_regular, written_whole
from .batches import Dataset, Examples

SEED = 20_000_817
SIZES = [60_000, 10_000]
"""Examples to train on, and to test on."""
VERSION = 1  # raise it when the drawing changes, so that no old cache is read

log = logging.getLogger(__name__)


def load_synthetic(notice: str = "") -> Generator[Preparing, None, Dataset]:
    """Yields what it is doing, and returns the built-in digits, from the cache or drawn anew."""
    cache = CACHE_DIR / f"built-in-digits-{VERSION}.pt"
    yield Preparing("Reading the built-in digits")
    try:
        images, labels = read_cache(cache)
    except Exception:  # missing, or damaged in any of the ways a file can be: draw them again
        yield Preparing("Drawing the built-in digits")
        images, labels = draw()
        try:
            CACHE_DIR.mkdir(parents=True, exist_ok=True)
            with written_whole(cache) as file:
                torch.save((images, labels), file)
        except OSError as error:
            log.warning("The built-in digits were not kept in %s (%s): they are drawn anew each time.", cache, error)
    train, test = (Examples(*part) for part in zip(torch.split(images, SIZES), torch.split(labels, SIZES), strict=True))
    return Dataset("synthetic", train, test, notice)


def draw() -> tuple[Tensor, Tensor]:
    """Images, uint8, shape (n, 28, 28), and labels, int64, shape (n,): those to train on, then those to test on."""
    from .strokes import draw_digits

    torch.set_num_threads(1)  # enough, and no slower on a machine that is busy with other things
    generator = torch.Generator().manual_seed(SEED)
    labels = torch.randint(10, (sum(SIZES),), generator=generator)
    return draw_digits(labels, generator), labels


def read_cache(path: Path) -> tuple[Tensor, Tensor]:
    """What `draw` returned once. Raises any Exception where the file does not hold that."""
    size = sum(SIZES)
    images: Tensor
    labels: Tensor
    with open(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > 2 * size * SIDE * SIDE:
            raise ValueError("larger than it can be")
        images, labels = torch.load(file, weights_only=True)
    shapes = (images.shape, images.dtype, labels.shape, labels.dtype)
    if shapes != ((size, SIDE, SIDE), torch.uint8, (size,), torch.int64) or labels.min() < 0 or labels.max() > 9:
        raise ValueError("other images or labels")
    return images, labels
