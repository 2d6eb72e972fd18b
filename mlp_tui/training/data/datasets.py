"""MNIST through torchvision, or the built-in digits; and their batches, as tensors on the device."""

import gzip
import hashlib
import logging
import math
import os
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlsplit

import torch
from torch import Tensor

from ...config import CACHE_DIR
from ...errors import UserError
from ...events import Preparing
from ...files import written_whole

SIDE = 28
"""Pixels along each side of an image."""

MEAN, STD = 0.1307, 0.3081
"""MNIST's mean and standard deviation, of pixels between 0 and 1, as the notebook normalises them."""

HANG_SECONDS = 15.0
"""How long a download may bring nothing, over all mirrors, before it is given up."""

SPLITS = ("train", "t10k")
SYNTHETIC_SEED = 20_000_817
SYNTHETIC_SIZES = (60_000, 10_000)
SYNTHETIC_VERSION = 1  # raise it when the drawing changes, so that no old cache is read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Digits:
    """Images, uint8, shape (n, 28, 28), raw 0-255; and their labels, int64, shape (n,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> "Digits":
        return Digits(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """What to train on and what to test on; `notice` says what the user should know of it."""

    name: Literal["mnist", "synthetic"]
    train: Digits
    test: Digits
    notice: str = ""


def normalise(images: Tensor) -> Tensor:
    """Raw pixels 0-255 as the model takes them: `ToTensor` and `Normalize(0.1307, 0.3081)`, to the last bit."""
    return images.to(torch.float32).div_(255).sub_(MEAN).div_(STD)


class Batches:
    """Iterates (inputs, targets) as a DataLoader does, from tensors that lie on the device already.

    Inputs are float32, shape (batch, 28, 28), normalised; targets int64, shape (batch,). The last batch may
    be smaller. With a `generator` (on the CPU) each iteration shuffles anew. The next iteration leaves out its
    first `skip` batches.
    """

    def __init__(self, digits: Digits, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.digits = digits
        self.batch_size = batch_size
        self.generator = generator
        self.skip = 0
        self.under_way: ShuffledBatches | None = None
        """The last iteration that shuffled."""
        self._rows = digits.images.flatten(1)

    def __len__(self) -> int:
        return math.ceil(len(self.digits) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        skip, self.skip = self.skip, 0
        if self.generator is not None:
            # Drawn on the CPU, so that it is the same order on every device.
            order = torch.randperm(len(self.digits), generator=self.generator)
            self.under_way = ShuffledBatches(self, order.to(self.digits.images.device), skip)
            return self.under_way
        return self._in_order(skip)

    def _in_order(self, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.digits.images, self.digits.labels
        for start in range(skip * self.batch_size, len(images), self.batch_size):
            batch = slice(start, start + self.batch_size)
            yield normalise(images[batch]), labels[batch]

    def fetch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The batch of the images whose numbers `rows` holds, shape (batch,)."""
        # On rows of bytes this is several times as fast as `images[rows]`.
        pixels = self._rows.index_select(0, rows).view(-1, SIDE, SIDE)
        return normalise(pixels), self.digits.labels.index_select(0, rows)


class ShuffledBatches(Iterator[tuple[Tensor, Tensor]]):
    """One pass over `loader`'s images in the order that `order` gives, from batch `place` (from 0) on."""

    def __init__(self, loader: Batches, order: Tensor, place: int = 0) -> None:
        self.loader = loader
        self.place = place
        self._order = order
        self._rows: tuple[Tensor, ...] = torch.split(order, loader.batch_size)

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.place >= len(self._rows):
            raise StopIteration
        self.place += 1
        return self.loader.fetch(self._rows[self.place - 1])

    @property
    def rows(self) -> Tensor:
        """The numbers of the images in the last batch that was fetched."""
        return self._rows[self.place - 1]

    @property
    def whole(self) -> int:
        """The batches of full size that are left."""
        return len(self._order) // self.loader.batch_size - self.place

    def take_rows(self, count: int) -> Tensor:
        """The numbers of the images of the next `count` batches, shape (count, batch), in place of the batches."""
        self.place += count
        return torch.stack(self._rows[self.place - count : self.place])


def load_dataset(choice: str, data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """Yields what it is doing, and returns the dataset. Raises UserError where it cannot be had."""
    if choice == "synthetic":
        return (yield from load_synthetic())
    try:
        return (yield from load_mnist(data_dir))
    except UserError as error:
        if choice == "mnist":
            raise
        notice = f"These are the program's own built-in digits, not MNIST. {error}"
        return (yield from load_synthetic(notice))


def load_mnist(data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """MNIST from `data_dir/MNIST/raw`, as torchvision writes it there; downloads the files that are missing."""
    raw = data_dir / "MNIST" / "raw"
    yield Preparing(f"Reading MNIST from {raw}")
    names = [f"{split}-{kind}-ubyte" for split in SPLITS for kind in ("images-idx3", "labels-idx1")]
    missing = [name for name in names if not os.path.exists(raw / name)]
    if missing:
        yield from download(raw, missing)
    train, test = (read_split(raw, split) for split in SPLITS)
    return Dataset("mnist", train, test)


def load_synthetic(notice: str = "") -> Generator[Preparing, None, Dataset]:
    """The built-in digits: drawn once, the same on every machine, and kept in the user's cache folder."""
    cache = CACHE_DIR / f"built-in-digits-{SYNTHETIC_VERSION}.pt"
    yield Preparing("Reading the built-in digits")
    try:
        images, labels = torch.load(cache, weights_only=True)
    except Exception:  # missing, or damaged in any of the ways a file can be: draw them again
        yield Preparing("Drawing the built-in digits")
        from .strokes import draw_digits

        torch.set_num_threads(1)  # enough, and no slower on a machine that is busy with other things
        generator = torch.Generator().manual_seed(SYNTHETIC_SEED)
        labels = torch.randint(10, (sum(SYNTHETIC_SIZES),), generator=generator)
        images = draw_digits(labels, generator)
        try:
            CACHE_DIR.mkdir(parents=True, exist_ok=True)
            with written_whole(cache) as file:
                torch.save((images, labels), file)
        except OSError as error:
            log.warning("The built-in digits were not kept in %s (%s): they are drawn anew each time.", cache, error)
    train, test = (
        Digits(*part) for part in zip(images.split(SYNTHETIC_SIZES), labels.split(SYNTHETIC_SIZES), strict=True)
    )
    return Dataset("synthetic", train, test, notice)


def read_split(raw: Path, split: str) -> Digits:
    """One split ("train" or "t10k") from its two files. Raises UserError, naming the file that is at fault."""
    images_path, labels_path = raw / f"{split}-images-idx3-ubyte", raw / f"{split}-labels-idx1-ubyte"
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape[1:] != (28, 28) or not len(images):
        raise damaged(images_path, f"holds {len(images)} images of {images.shape[1]}x{images.shape[2]} pixels")
    if len(images) != len(labels):
        raise damaged(labels_path, f"holds {len(labels)} labels for {len(images)} images")
    if int(labels.max()) > 9:
        raise damaged(labels_path, f"holds the label {int(labels.max())}")
    return Digits(images, labels.to(torch.int64))


def read_idx(path: Path, dimensions: int) -> Tensor:
    """A file of unsigned bytes in MNIST's IDX format (http://yann.lecun.com/exdb/mnist), as a uint8 tensor.

    Raises UserError where the file cannot be read, or is not whole, or is something else.
    """
    try:
        data = bytearray(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): mend that, or name another --data-dir.") from error
    header = 4 * (1 + dimensions)
    magic = bytes([0, 0, 8, dimensions])
    if len(data) < header:
        raise damaged(path, f"is {len(data)} bytes long, too short for a header")
    if data[:4] != magic:
        raise damaged(path, f"begins with {data[:4].hex(' ')} in place of {magic.hex(' ')}")
    shape = [int.from_bytes(data[i : i + 4], "big") for i in range(4, header, 4)]
    expected = header + math.prod(shape)
    if len(data) != expected:
        raise damaged(path, f"is {len(data):,} bytes long in place of {expected:,}")
    if len(data) == header:
        raise damaged(path, "is empty")
    return torch.frombuffer(data, dtype=torch.uint8, offset=header).view(shape)


def damaged(path: Path, how: str) -> UserError:
    return UserError(f"{path} {how}: it is damaged; delete it, and it is downloaded anew.")


def download(raw: Path, names: list[str]) -> Generator[Preparing, None, None]:
    """Puts each named file into the folder `raw`, whole or not at all.

    torchvision says where the files are and what their checksums are. A `.gz` of the file that lies in the
    folder already is used in place of the network. Raises UserError.
    """
    yield Preparing("Loading torchvision")
    try:
        from torchvision.datasets import MNIST
    except Exception as error:  # a wheel that does not fit torch's raises RuntimeError, or worse
        raise UserError(
            f"torchvision, which downloads MNIST, cannot be imported ({error}): "
            "install the torchvision made for this torch (pip install --force-reinstall torch torchvision)."
        ) from error
    checksums = {filename.removesuffix(".gz"): md5 for filename, md5 in MNIST.resources}
    try:
        raw.mkdir(parents=True, exist_ok=True)
        for name in names:
            with written_whole(raw / name) as file:  # opened first: a folder that refuses says so at once
                packed = raw / f"{name}.gz"
                data = packed.read_bytes() if packed.exists() else b""
                if md5_of(data) != checksums[name]:
                    data = yield from fetch(name, checksums[name], MNIST.mirrors, raw)
                file.write(gzip.decompress(data))
    except OSError as error:
        raise UserError(
            f"MNIST cannot be put into {raw} ({error.strerror or error}): "
            "name a folder that can be written with --data-dir."
        ) from error


def fetch(name: str, md5: str, mirrors: list[str], raw: Path) -> Generator[Preparing, None, bytes]:
    """The bytes of `name`.gz from the first mirror that has them right. Raises UserError."""
    reasons = []
    for mirror in mirrors:
        url = f"{mirror}{name}.gz"
        what = f"Downloading {name}.gz"
        yield Preparing(what)
        try:
            data = bytearray()
            # Each mirror gets its share of the patience, so that all together keep within it.
            with urllib.request.urlopen(url, timeout=HANG_SECONDS / len(mirrors)) as response:
                total = int(response.headers.get("Content-Length") or 0)
                while chunk := response.read1(1 << 18):
                    data += chunk
                    yield Preparing(what, len(data), total)
            if md5_of(data) == md5:
                return bytes(data)
            reason = f"its {len(data):,} bytes are not the file's: the checksum differs"
        except HTTPError as error:
            reason = f"the server answered {error.code} {error.reason}"
        except TimeoutError:
            reason = "the server does not answer"
        except (OSError, HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)
            reason = getattr(cause, "strerror", None) or str(cause)
            if isinstance(cause, TimeoutError):
                reason = "the server does not answer"
        reasons.append(f"{urlsplit(url).netloc}: {reason}")
    raise UserError(
        f"{name}.gz could not be downloaded ({'; '.join(reasons)}). "
        f"Put MNIST's files into {raw} by hand, or use --dataset synthetic."
    )


def md5_of(data: bytes | bytearray) -> str:
    """The checksum that torchvision publishes: it tells a whole file from a broken one, it is no security."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
