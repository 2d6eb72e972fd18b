"""Writing a file so that it is whole or not there, whatever happens meanwhile."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the name `path` once all of it is on the disk; else nothing changes.

    Raises OSError as `open` does.
    """
    name = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    # Not a `tempfile`, which nobody but its owner may read.
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
