"""A fork: the state of a run at a moment, made ready for a run that goes on from there with other settings."""

import math
from typing import Any

from ..config import TrainingConfig
from .data.batches import Dataset
from .optimizer import make_optimizer
from .schedule import Schedule
from .state import TrainingState


def forked(
    state: TrainingState, dataset: Dataset, old: TrainingConfig, new: TrainingConfig
) -> tuple[dict[str, Any], int]:
    """The state dict of `state`, which was trained with the `old` settings, for the `new` ones; and its step then.

    An optimizer of the same kind keeps what it has learnt, another one begins anew. A cycle of the learning rate goes
    on where it would be, had the run had these settings from its start. Where a batch has another size, the epoch goes
    on at the first whole batch behind the examples that were seen: a few, less than a batch, are left out.
    """
    saved = state.state_dict()
    saved["base_rate"] = new.learning_rate
    trained = [parameter for parameter in state.model.parameters() if parameter.requires_grad]
    fresh = make_optimizer(new, trained, Schedule(new.learning_rate)).state_dict()
    learnt = saved["optimizer"]["state"] if new.optimizer == old.optimizer else {}
    parts = {key: {**fresh["state"].get(key, {}), **learnt.get(key, {})} for key in {**fresh["state"], **learnt}}
    saved["optimizer"] = {**fresh, "state": parts}
    totals, batches = saved["totals"], math.ceil(len(dataset.train) / new.batch_size)
    if new.batch_size != old.batch_size:
        done = math.ceil(min(totals["batches"] * old.batch_size, len(dataset.train)) / new.batch_size)
        totals["loss"] *= done / max(1, totals["batches"])  # it is a sum over batches, and their mean stays
        totals["batches"] = done
        saved["steps"] = state.epoch * batches + done
    return saved, state.epoch * batches + totals["batches"]
