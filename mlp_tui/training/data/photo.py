"""Pictures: read from files, and made like those that a model learnt from."""

import warnings
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from ...events import SIDE
from .batches import Normaliser
from .centring import BOX, placed

WORKED_ON = 200
"""Pixels along the longer side of a photo while its ink is looked for."""

LEAST_INK = 24
"""How much darker than the paper ink is at least, of 255."""

STROKE = 2.0
"""Pixels that a stroke of MNIST's is wide at least: a ballpoint's would be less than one in 28x28."""

DIGITS_MEAN = 0.18
"""Up to this mean gray pictures of 28x28 are taken for centred strokes: MNIST's is 0.13, EMNIST's 0.17."""


def read_picture(file: BinaryIO) -> Image.Image:
    """The picture in a file, upright. Raises an Exception of many a kind where there is none, or it is huge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(file)
        picture.load()
        return ImageOps.exif_transpose(picture)


def as_learnt(picture: Image.Image, shape: tuple[int, ...], normalise: Normaliser) -> Tensor:
    """A picture like those of `shape` (channels, height, width) that the model learnt from; uint8, as in `Examples`.

    Where those are gray and dark at the border, and its border is bright, it is inverted. Where they are MNIST's
    digits, so to say, its background is taken off, and its ink is scaled and centred as theirs was. Other pictures
    are resized, and no more. Raises ValueError where there is no ink.
    """
    channels, height, width = shape
    if channels != 1:
        return pixels(opaque(picture, "RGB"), width, height)
    gray = opaque(picture, "L")
    bright = has_bright_border(gray)
    if normalise.mean[0] < 0.5 and bright:
        gray = ImageOps.invert(gray)
    if (width, height) == (SIDE, SIDE) and normalise.mean[0] < DIGITS_MEAN and (bright or gray.size != (SIDE, SIDE)):
        gray = as_digit(gray)
    return pixels(gray, width, height)


def pixels(picture: Image.Image, width: int, height: int) -> Tensor:
    """A picture in that size as `Examples` has it: uint8, (height, width), or (3, height, width) in colour."""
    values = torch.from_numpy(np.array(picture.resize((width, height), Image.Resampling.BILINEAR)))
    return values.permute(2, 0, 1).contiguous() if values.dim() == 3 else values


def in_gray(raw: Tensor) -> bytes:
    """A picture as `as_learnt` gives it, in 28x28 gray bytes, to be shown."""
    gray = raw if raw.dim() == 2 else raw.float().mean(0).to(torch.uint8)
    return Image.fromarray(gray.numpy()).resize((SIDE, SIDE), Image.Resampling.BILINEAR).tobytes()


def opaque(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode of 8 bits a channel; what is transparent is white."""
    if picture.mode[0] in "IF":  # more than 8 bits
        values = np.asarray(picture, np.float32)
        values = values * (255 / max(1.0, 65535.0 if values.max() > 255 else 255.0))
        picture = Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
    elif picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return picture.convert(mode)


def has_bright_border(gray: Image.Image) -> bool:
    """Whether the border of the picture is in the brighter half of its range: paper."""
    values = np.asarray(gray, np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return bool(np.median(border) > (values.min() + values.max()) / 2)


def as_digit(gray: Image.Image) -> Image.Image:
    """Bright ink on an uneven background, of any size, as MNIST has it: 28x28. Raises ValueError without ink."""
    gray = gray.copy()
    gray.thumbnail((WORKED_ON, WORKED_ON))
    if min(gray.size) > 100:
        gray = gray.filter(ImageFilter.MedianFilter(3))  # specks
    values = np.asarray(gray, np.float32)
    ink = values - background(values)
    if ink.max() < LEAST_INK:
        raise ValueError("there is no ink on it")
    ink = ((ink / ink.max() - 0.25) / 0.5).clip(0, 1)
    (top, bottom), (left, right) = (extent(ink.sum(axis)) for axis in (1, 0))
    ink = ink[top:bottom, left:right]
    step = max(ink.shape) / BOX
    grow = max(0, round((STROKE * step - stroke_width(ink)) / 2))
    picture = Image.fromarray((np.pad(ink, grow) * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * grow + 1))
    step = max(picture.size) / BOX
    small = picture.resize([max(1, round(side / step)) for side in picture.size], Image.Resampling.BILINEAR)
    small = small.point(lambda value: value * 255 / max(1, small.getextrema()[1]))
    return Image.frombytes("L", (SIDE, SIDE), placed(np.asarray(small)))


def background(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The light on the paper: a polynomial of second order, fitted to the pixels that are no brighter than others."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, side, dtype=np.float32) for side in values.shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    flat = values.reshape(-1)
    paper = np.ones(flat.shape, bool)
    fitted = flat
    for _ in range(5):
        some = terms[paper]
        fitted = terms @ np.linalg.lstsq(some.T @ some, some.T @ flat[paper], rcond=None)[0]
        rest = flat - fitted
        paper = rest <= max(2.0, 2 * float(rest[paper].std()))
    return fitted.reshape(values.shape)


def extent(masses: NDArray[np.float32]) -> tuple[int, int]:
    """From where to where the ink is along a side, but for half a percent at each end: specks."""
    share = masses.cumsum() / masses.sum()
    return int((share > 0.005).argmax()), int((share >= 0.995).argmax()) + 1


def stroke_width(ink: NDArray[np.float32]) -> float:
    """Pixels across a stroke of the ink (0 to 1), about: a line of length n has n times that, and 2n at its edges."""
    on = np.pad(ink > 0.5, 1)
    inside = on[:-2, 1:-1] & on[2:, 1:-1] & on[1:-1, :-2] & on[1:-1, 2:]
    edges = int((on[1:-1, 1:-1] & ~inside).sum())
    return 2 * float(on.sum()) / max(1, edges)
