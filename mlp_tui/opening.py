"""How a run begins: its state, and what it emitted before."""

import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .config import TrainingConfig
from .errors import ModelError, UserError
from .events import BatchSkipped, LearningRateChanged, Past, RunFinished
from .runs.folder import RunFolder
from .runs.source import GoOn
from .time_machine import TimeMachine

if TYPE_CHECKING:
    from .training.data.batches import Dataset
    from .training.state import TrainingState


def import_torch() -> None:
    """Imports PyTorch, which takes seconds. Raises UserError."""
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:
        raise UserError(
            f"PyTorch cannot be imported ({error}): install it with pip install torch torchvision."
        ) from error


def resolved(config: TrainingConfig, dataset: "Dataset") -> TrainingConfig:
    """The settings to keep: what `auto` and a relative path stand for may be something else later."""
    from .training.user_model import as_absolute

    return dataclasses.replace(
        config,
        dataset=dataset.source or dataset.name,
        data_dir=config.data_dir.absolute(),
        model=as_absolute(config.model),
    )


def new_state(config: TrainingConfig, dataset: "Dataset", resumed: RunFolder | None) -> "TrainingState":
    """The state before the first step. Raises UserError."""
    from .training.state import TrainingState

    try:
        return TrainingState(config, dataset)
    except ModelError as error:
        kept = resumed.path / "model.py" if resumed else None
        if kept and kept.exists():
            raise UserError(f"{error} The text that the run was made from is in {kept}.") from error
        raise


def restore(folder: RunFolder, state: "TrainingState", past: TimeMachine, epochs: int) -> Past:
    """Puts the state where the run was saved, and returns what the run emitted until then.

    Raises UserError, and OSError.
    """
    from .training import checkpoint

    position = 0
    if os.path.lexists(folder.checkpoint):
        position = checkpoint.restore(folder.checkpoint, state)
    elif past.first:
        raise UserError(f"{folder.checkpoint} is gone, with which this branch began: begin it anew from its parent.")
    if state.epoch >= epochs:
        more = f"ask for more with --epochs {state.epoch + 5}"
        raise UserError(f"The run {folder.name} has its {state.epoch} epochs: {more}.")
    folder.cut_log(position)
    events = Past(tuple(event for event in folder.read_events() if not isinstance(event, RunFinished)))
    past.resume(events)
    return events


def load(folder: RunFolder, state: "TrainingState", past: TimeMachine) -> Past:
    """Puts the state where the run was saved last, and returns all that the run emitted. Raises UserError."""
    from .training import checkpoint

    if not os.path.lexists(folder.checkpoint):
        raise UserError(f"The run {folder.name} was never saved, so there is nothing to walk through.")
    checkpoint.restore(folder.checkpoint, state)
    events = Past(tuple(folder.read_events()))
    past.emit(events)
    return events


def by_hand(
    state: "TrainingState", how: GoOn | None, rate: float | None
) -> Iterator[LearningRateChanged | BatchSkipped]:
    """Does to a run that is resumed what a person asks for, or sets the rate that is given, if one is."""
    epoch, batch = state.epoch + 1, state.totals.batches
    if how == "skip":
        state.skip_batch()
        yield BatchSkipped(epoch, batch)
    elif how == "halve" or rate is not None:
        state.learning_rate = state.learning_rate / 2 if rate is None or how else rate
        yield LearningRateChanged(epoch, batch, state.learning_rate)
