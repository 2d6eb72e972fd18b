"""MNIST: read from its files as torchvision leaves them, and downloaded where they are missing."""

import gzip
import hashlib
import math
import os
import urllib.request
import zlib
from collections.abc import Generator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import torch
from torch import Tensor

from ...errors import UserError, explained, reason
from ...events import SIDE, Preparing
from ...files import open_regular, written_whole
from ..memory import available_memory, gigabytes
from .batches import Dataset, Examples
from .torchvision_sets import import_torchvision

SPLITS = ("train", "t10k")

HANG_SECONDS = 15.0
"""How long a download may bring nothing, over all mirrors, before it is given up."""

MOST_PACKED = 1 << 26
"""Bytes of a packed file that are read at most: the largest one has a seventh of that."""


def load_mnist(data_dir: Path) -> Generator[Preparing, None, Dataset]:
    """MNIST from `data_dir/MNIST/raw`, as torchvision writes it there; downloads the files that are missing.

    Yields what it is doing. Raises UserError.
    """
    raw = data_dir / "MNIST" / "raw"
    yield Preparing(f"Reading MNIST from {raw}")
    names = [f"{split}-{kind}-ubyte" for split in SPLITS for kind in ("images-idx3", "labels-idx1")]
    missing = [name for name in names if not os.path.exists(raw / name)]
    if missing:
        yield from download(raw, missing)
    train, test = (read_split(raw, split) for split in SPLITS)
    return Dataset("mnist", train, test)


def read_split(raw: Path, split: str) -> Examples:
    """One split ("train" or "t10k") from its two files. Raises UserError, naming the file that is at fault."""
    images_path, labels_path = raw / f"{split}-images-idx3-ubyte", raw / f"{split}-labels-idx1-ubyte"
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape[1:] != (SIDE, SIDE):
        raise damaged(images_path, f"holds {len(images)} images of {images.shape[1]}x{images.shape[2]} pixels")
    if len(images) != len(labels):
        raise damaged(labels_path, f"holds {len(labels)} labels for {len(images)} images")
    if int(labels.max()) > 9:
        raise damaged(labels_path, f"holds the label {int(labels.max())}")
    return Examples(images, labels.to(torch.int64))


def read_idx(path: Path, dimensions: int) -> Tensor:
    """A file of unsigned bytes in MNIST's IDX format (http://yann.lecun.com/exdb/mnist), as a uint8 tensor.

    Its shape, of so many dimensions, is the one that the file's header gives. Raises UserError where the file
    cannot be read, or is not whole, or is something else.
    """
    header = 4 * (1 + dimensions)
    magic = bytes([0, 0, 8, dimensions])
    advice = "mend that, or name another --data-dir"
    with explained(f"{path} cannot be read", advice), open(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(header)
        if len(start) < header:
            raise damaged(path, f"is {size} bytes long, too short for a header")
        if start[:4] != magic:
            raise damaged(path, f"begins with {start[:4].hex(' ')} in place of {magic.hex(' ')}")
        shape = [int.from_bytes(start[i : i + 4], "big") for i in range(4, header, 4)]
        expected = header + math.prod(shape)
        if size != expected:
            raise damaged(path, f"is {size:,} bytes long in place of {expected:,}")
        if size == header:
            raise damaged(path, "is empty")
        try:
            if size > available_memory():
                raise MemoryError
            data = bytearray(size - header)
        except MemoryError:
            raise OSError(None, f"{gigabytes(size)} are more than there is memory") from None
        if file.readinto(data) != len(data):
            raise damaged(path, "was cut short while it was read")
    return torch.frombuffer(data, dtype=torch.uint8).view(shape)


def damaged(path: Path, how: str) -> UserError:
    return UserError(f"{path} {how}: it is damaged; delete it, and it is downloaded anew.")


def download(raw: Path, names: list[str]) -> Generator[Preparing, None, None]:
    """Puts each named file into the folder `raw`, whole or not at all.

    torchvision says where the files are and what their checksums are. A `.gz` of the file that lies in the
    folder already is used in place of the network. Yields what it is doing. Raises UserError.
    """
    yield Preparing("Loading torchvision")
    MNIST = import_torchvision("downloads MNIST").MNIST
    checksums = {filename.removesuffix(".gz"): md5 for filename, md5 in MNIST.resources}
    with explained(f"MNIST cannot be put into {raw}", "name a folder that can be written with --data-dir"):
        raw.mkdir(parents=True, exist_ok=True)
        for name in names:
            with written_whole(raw / name) as file:  # opened first: a folder that refuses says so at once
                data = read_packed(raw / f"{name}.gz")
                if md5_of(data) != checksums[name]:
                    data = yield from fetch(name, checksums[name], MNIST.mirrors, raw)
                problem = f"{name}.gz cannot be unpacked"
                with explained(problem, "use --dataset synthetic", (OSError, EOFError, zlib.error)):
                    unpacked = gzip.decompress(data)
                file.write(unpacked)


def read_packed(path: Path) -> bytes:
    """The bytes of a `.gz`, cut where there are more than it can have; none where it cannot be read."""
    with suppress(OSError), open(open_regular(path), "rb") as file:
        return file.read(MOST_PACKED)
    return b""


def fetch(name: str, md5: str, mirrors: list[str], raw: Path) -> Generator[Preparing, None, bytes]:
    """The bytes of `name`.gz from the first mirror that has them right. Yields the progress. Raises UserError."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{name}.gz"
        what = f"Downloading {name}.gz"
        yield Preparing(what)
        try:
            data = bytearray()
            # Each mirror gets its share of the patience, so that all together keep within it.
            with urllib.request.urlopen(url, timeout=HANG_SECONDS / len(mirrors)) as response:
                total = int(response.headers.get("Content-Length") or 0)
                while len(data) < MOST_PACKED and (chunk := response.read1(1 << 18)):
                    data += chunk
                    yield Preparing(what, len(data), total)
            if md5_of(data) == md5:
                return bytes(data)
            failure = f"its {len(data):,} bytes are not the file's: the checksum differs"
        except HTTPError as error:
            failure = f"the server answered {error.code} {error.reason}"
        except (OSError, HTTPException, ValueError) as error:
            late = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
            failure = "the server does not answer" if late else reason(error)
        failures.append(f"{urlsplit(url).netloc}: {failure}")
    raise UserError(
        f"{name}.gz could not be downloaded ({'; '.join(failures)}). "
        f"Put MNIST's files into {raw} by hand, or use --dataset synthetic."
    )


def md5_of(data: bytes | bytearray) -> str:
    """The checksum that torchvision publishes, in hexadecimal: a broken file has another. It is no security."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
