"""Picture folders: one sub-folder a class, or such folders for training and test in `train` and `test`."""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ...errors import UserError, explained
from ...events import Preparing
from .batches import Dataset, Examples
from .loading import TEST_SHARE, Loading, finished, in_order, reading, short_name, split_rows
from .photo import opaque, pixels, read_picture

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"}
"""How a picture's name ends; other files are passed over."""

GRAY = {"1", "L", "LA", "La", "F", "I", "I;16", "I;16B", "I;16L"}
"""Pillow's names for the ways that a gray picture may be stored
(https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes)."""


def load_folder(folder: Path, loading: Loading) -> Generator[Preparing, None, Dataset]:
    """All pictures of a folder: gray if all are, else in colour; resized where `loading.image_size` asks for it.

    Raises UserError, naming the file or the folder at fault.
    """
    splits = [folder / name for name in ("train", "test")]
    if not all(split.is_dir() for split in splits):
        splits = [folder]
    yield Preparing(f"Looking for pictures in {folder}")
    found = [pictures_by_class(split) for split in splits]
    classes = in_order(set(found[0]))
    if unknown := set(found[-1]) - set(classes):
        raise UserError(f"{splits[-1] / min(unknown)} has no counterpart in {splits[0]}: put pictures there, too.")
    pairs = [[(path, number) for number, name in enumerate(classes) for path in each.get(name, ())] for each in found]
    if len(pairs) == 1:
        (all_pairs,) = pairs
        rows = split_rows(torch.tensor([label for _, label in all_pairs]), TEST_SHARE, loading.seed)
        pairs = [[all_pairs[row] for row in part.tolist()] for part in rows]
    else:  # in random order, so that the first ones are not all of one class
        generator = torch.Generator().manual_seed(loading.seed)
        pairs = [[part[row] for row in torch.randperm(len(part), generator=generator).tolist()] for part in pairs]
    paths = [path for part in pairs for path, _ in part]
    mode = yield from common_mode(paths)
    inputs = yield from read_pictures(paths, mode, loading)
    labels = torch.tensor([label for part in pairs for _, label in part])
    cut = len(pairs[0])
    parts = Examples(inputs[:cut], labels[:cut]), Examples(inputs[cut:], labels[cut:])
    return finished(str(folder), short_name(folder), parts, classes)


def pictures_by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures in each sub-folder, and in those below it. Raises UserError where there are none."""
    found = {}
    with explained(f"{folder} cannot be read", "mend that"):
        classes = sorted(entry.name for entry in os.scandir(folder) if entry.name[0] != "." and entry.is_dir())
        for name in classes:
            # Links to folders are not followed: one may lead back to where it lies.
            files = [Path(place, file) for place, _, files in os.walk(folder / name) for file in files]
            found[name] = sorted(path for path in files if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not found:
        raise UserError(f"{folder} has no sub-folders: put the pictures of each class into one, named as the class is.")
    if empty := [name for name, paths in found.items() if not paths]:
        raise UserError(f"{folder / empty[0]} has no pictures in it: add some, or delete that folder.")
    return found


def common_mode(paths: Sequence[Path]) -> Generator[Preparing, None, str]:
    """Pillow's name for gray where all pictures are, else for colour."""
    for number, path in enumerate(paths):
        if number % 100 == 0:
            yield Preparing("Looking at the pictures", number, len(paths))
        with picture_in(path) as file, Image.open(file) as image:
            if image.mode not in GRAY:
                return "RGB"
    return "L"


def read_pictures(paths: Sequence[Path], mode: str, loading: Loading) -> Generator[Preparing, None, Tensor]:
    """All pictures, uint8, shape (n, height, width), with 3 channels before these where they are in colour."""
    inputs = torch.empty(0)
    for number, path in enumerate(paths):
        if number % 100 == 0:
            yield Preparing("Reading pictures", number, len(paths))
        with picture_in(path) as file:
            image = opaque(read_picture(file), mode)
        side = loading.image_size
        picture = pixels(image, side or image.width, side or image.height)
        if not number:
            inputs = loading.room((len(paths), *picture.shape), torch.uint8)
        if picture.shape != inputs.shape[1:]:
            sizes = [f"{shape[-1]}x{shape[-2]}" for shape in (picture.shape, inputs.shape)]
            raise UserError(
                f"{path} is {sizes[0]} pixels large and {paths[0]} {sizes[1]}: give one --image-size to all."
            )
        inputs[number] = picture
    return inputs


@contextmanager
def picture_in(path: Path) -> Iterator[BinaryIO]:
    """The file of a picture, open. Raises UserError, also of what its reader raises, which may be anything."""
    with reading(path) as file, explained(f"{path} cannot be read as a picture", "mend or delete it", Exception):
        try:
            yield file
        except UnidentifiedImageError as error:
            raise ValueError("it is none") from error
