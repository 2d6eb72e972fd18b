"""A branch: a run's folder, made so that to resume it is to go on from a moment of another run."""

from typing import TYPE_CHECKING

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
    state: "TrainingState",
    is_last: bool,
    dataset: "Dataset",
    old: TrainingConfig,
    new: TrainingConfig,
) -> RunFolder:
    """A new run beside its `parent`, which had the `old` settings, from where `state` is, with the `new` ones.

    `is_last`: the state is where the parent has come to, with what a hand did there. Raises UserError.
    """
    from .training import checkpoint
    from .training.fork import forked

    epoch, batch = state.epoch + 1, state.totals.batches
    if new.epochs <= (done := state.step // state.batches):
        raise UserError(f"--epochs must be more than the {done} that are done, not {new.epochs}.")
    training, step = forked(state, dataset, old, new)
    event = Forked(parent.name, epoch, batch)
    log = until(parent.read_log(0)[0], state.epoch, batch, is_last) + to_json(event).encode() + b"\n"

    def fill(folder: RunFolder) -> None:
        with written_whole(folder.events) as file:
            file.write(log)
        checkpoint.save(folder.checkpoint, {"training": training, "log_position": len(log)})

    config = {**new.as_dict(), "parent": Parent(parent.name, epoch, batch, step)._asdict()}
    try:
        folder = RunFolder.make(parent.path.parent, f"{parent.name[:LONGEST]}-e{epoch}b{batch}", config, fill)
    except OSError as error:
        raise UserError(
            f"A folder for the branch cannot be made in {parent.path.parent} ({error.strerror or error})."
        ) from error
    folder.lock.release()
    return folder
