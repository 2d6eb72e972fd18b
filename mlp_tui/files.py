"""Files: written whole or not at all, and read only where they are regular ones."""

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 1 << 20
"""The most that a file of settings, of Python or a lock can have a reason to hold."""


@contextmanager
def written_whole(path: Path, to_disk: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which takes the name `path` once all of it is written, and is on the disk; else nothing changes.

    Without `to_disk` nobody waits for the disk. Raises OSError as `open` does.
    """
    name = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    # Not a `tempfile`, which nobody but its owner may read.
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if to_disk:
                os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a regular file. Raises OSError; a pipe or a device would block, or never end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is not a regular file", str(path))
    return descriptor


def read_small(path: Path) -> bytes:
    """What a small file holds. Raises OSError, and ValueError where it is no small one."""
    with open(open_regular(path), "rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    return text


def read_json(path: Path) -> Any:
    """What a small file of JSON holds. Raises OSError, and ValueError where it is damaged in whatever way."""
    return parse_json(read_small(path))


def parse_json(text: bytes | str) -> Any:
    """What a text of JSON holds. Raises ValueError where it is damaged in whatever way."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
