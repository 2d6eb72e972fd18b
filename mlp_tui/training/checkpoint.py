"""Checkpoints: files that are whole or not there, and that are read without running any code in them."""

import io
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError
from ..files import open_regular, written_whole
from .state import TrainingState


def save(path: Path, contents: dict[str, Any]) -> None:
    """Writes tensors, numbers and strings to a file that is whole or not there. Raises OSError."""
    # By way of memory: of a full disk torch would say something that nobody understands.
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    with written_whole(path) as file:
        file.write(buffer.getbuffer())


def load(path: Path, device: torch.device) -> Any:
    """What `save` wrote, its tensors on the device. Raises any Exception where the file holds something else."""
    with open(open_regular(path), "rb") as file:
        return torch.load(file, map_location=device, weights_only=True)


def restore(path: Path, state: TrainingState) -> int:
    """Puts `state` where a run was saved, and returns where its log was then, in bytes. Raises UserError."""
    try:
        contents = load(path, state.device)
        state.load_state_dict(contents["training"])
        position = contents["log_position"]
        if not (isinstance(position, int) and position >= 0):
            raise ValueError("its log_position is none")
    except Exception as error:  # a file of anything may make torch's reader raise anything
        reason = str(getattr(error, "strerror", "") or error or type(error).__name__).split("\n")[0][:200]
        raise UserError(f"{path} cannot be read ({reason.rstrip('.:')}), so this run cannot be resumed.") from error
    return position
