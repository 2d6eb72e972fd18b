"""What may lie where a file should: each function puts one thing at a path, at which there is nothing."""

import os
from pathlib import Path


def as_folder(path: Path) -> None:
    path.mkdir()


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_link_to_itself(path: Path) -> None:
    path.symlink_to(path.absolute())
