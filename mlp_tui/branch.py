"""A branch: a run's folder, made so that to resume it is to go on from a moment of another run."""

from typing import TYPE_CHECKING, Any

from .config import TrainingConfig
from .errors import UserError
from .events import Forked, to_json
from .files import written_whole
from .runs.folder import Parent, RunFolder
from .runs.log import until

if TYPE_CHECKING:
    from .training.data.batches import Dataset
    from .training.state import TrainingState

LONGEST = 200
"""The most characters of a parent's name that are in the name of a branch: a file system has its limits."""


def branch(
    parent: RunFolder,
    live: "TrainingState",
    saved: dict[str, Any],
    dataset: "Dataset",
    old: TrainingConfig,
    new: TrainingConfig,
) -> tuple[RunFolder, Forked]:
    """A new run beside its `parent`, with the `new` settings, from the moment whose state dict was `saved`.

    The parent had the `old` settings, and has come to where `live` is. Raises UserError.
    """
    from .training import checkpoint
    from .training.fork import forked

    epochs, batches = saved["epoch"], saved["totals"]["batches"]
    now = epochs * live.batches + batches
    if new.epochs <= (done := now // live.batches):
        raise UserError(f"--epochs must be more than the {done} that are done at this moment, not {new.epochs}.")
    training, step = forked(saved, live.model, dataset, old, new)
    event = Forked(parent.name, epochs + 1, batches)
    log = until(parent.read_log(0)[0], epochs, batches, by_hand=now == live.step)
    log += to_json(event).encode() + b"\n"

    def fill(folder: RunFolder) -> None:
        with written_whole(folder.events) as file:
            file.write(log)
        checkpoint.save(folder.checkpoint, {"training": training, "log_position": len(log)})

    config = {**new.as_dict(), "parent": Parent(parent.name, event.epoch, event.batch, step)._asdict()}
    name = f"{parent.name[:LONGEST]}-e{event.epoch}b{event.batch}"
    try:
        folder = RunFolder.make(parent.path.parent, name, config, fill)
    except OSError as error:
        raise UserError(
            f"A folder for the branch cannot be made in {parent.path.parent} ({error.strerror or error})."
        ) from error
    folder.lock.release()
    return folder, event
