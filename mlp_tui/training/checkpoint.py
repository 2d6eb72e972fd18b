"""Checkpoints: files that are whole or not there, and that are read without running any code in them."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..files import open_regular, written_whole
from .state import TrainingState
from .user_model import refuse_changed


def save(path: Path, contents: dict[str, Any], to_disk: bool = True) -> None:
    """Writes tensors, numbers and strings to a file that is whole or not there. Raises OSError.

    It waits until they are on the disk, unless `to_disk` is off: a machine that stops then may lose them.
    """
    # By way of memory: of a full disk torch would say something that nobody understands.
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    with written_whole(path, to_disk) as file:
        file.write(buffer.getbuffer())


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save` wrote, its tensors on the device. Raises any Exception where the file holds something else."""
    with open(open_regular(path), "rb") as file:
        # torch does not look at the checksums of what it reads.
        if damaged := zipfile.ZipFile(file).testzip():
            raise ValueError(f"{damaged} in it is damaged")
        file.seek(0)
        contents = torch.load(file, map_location=device, weights_only=True)
    if not isinstance(contents, dict):
        raise ValueError("it holds no checkpoint")
    return contents


def restore(path: Path, state: TrainingState) -> int:
    """Puts a new `state` where a run was saved, and returns where its log was then, in bytes. Raises UserError."""
    try:
        contents = load(path, state.device)
        refuse_changed(contents["training"].get("sources", {}), state.sources, path.parent)
        put(contents["training"], state)
        if difference := _difference(contents["log_position"], 0, "log_position"):
            raise ValueError(difference)
    except UserError:  # the data at hand, or the model's source, are others
        raise
    except Exception as error:  # a file of anything may make torch's reader raise anything
        reason = str(getattr(error, "strerror", "") or error or type(error).__name__).split("\n")[0][:200]
        reason = f"it has no {reason}" if isinstance(error, KeyError) else reason
        raise UserError(
            f"{path} cannot be read ({reason.rstrip('.:')}), so this run cannot be resumed: "
            "put a copy of that file back, or delete it to train the run anew."
        ) from error
    return int(contents["log_position"])


def put(saved: dict[str, Any], state: TrainingState) -> None:
    """Puts a state where it was when `saved` was its state dict. Raises an Exception of many a kind where it is not."""
    before = state.state_dict()
    before.pop("data", None)  # which `load_state_dict` compares itself
    state.load_state_dict(saved)
    # Another shape than torch's kernels expect would end the process, and another type end the training later.
    if difference := _difference(state.state_dict(), before, "it"):
        raise ValueError(difference)


def _difference(restored: Any, new: Any, name: str) -> str | None:
    """Where restored values are of other types or shapes than those of a new state; None where they are alike.

    Flags are left out: torch adds some to an optimizer from version to version.
    """
    if new is None or isinstance(new, bool):
        return None
    if isinstance(new, (int, float)):
        fits = type(restored) in ((int, float) if isinstance(new, float) else (int,)) and 0 <= restored < math.inf
        return None if fits else f"{name} is {restored!r:.40}"
    if not isinstance(restored, type(new)):
        return f"{name} is no {type(new).__name__}"
    if isinstance(new, Tensor):
        (dtype, shape), expected = ((each.dtype, tuple(each.shape)) for each in (restored, new))
        return None if (dtype, shape) == expected else f"{name} is of {shape} and {dtype}, not of {expected}"
    if isinstance(new, (list, tuple)):
        new, restored = dict(enumerate(new)), dict(enumerate(restored))
        if len(new) != len(restored):
            return f"{name} has {len(restored)} values in place of {len(new)}"
    if isinstance(new, dict):
        for key, value in new.items():
            if difference := _difference(restored.get(key), value, str(key)):
                return difference
    return None
