"""A fork: the state of a run at a moment, made ready for a run that goes on from there with other settings."""

import math
from typing import Any

from torch import nn

from ..config import TrainingConfig
from .data.batches import Dataset
from .optimizer import make_optimizer
from .schedule import Schedule


def forked(
    saved: dict[str, Any], model: nn.Module, dataset: Dataset, old: TrainingConfig, new: TrainingConfig
) -> tuple[dict[str, Any], int]:
    """A run's state dict, which came of the `old` settings, for the `new` ones; and how many batches count as done.

    An optimizer of the same kind keeps what it has learnt, another one begins anew. A cycle of the learning rate goes
    on where it would be, had the run had these settings from its start. Where a batch has another size, the epoch goes
    on at the first whole batch behind the examples that were seen: a few, less than a batch, are left out.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    fresh = make_optimizer(new, trained, Schedule(new.learning_rate)).state_dict()
    learnt = saved["optimizer"]["state"] if new.optimizer == old.optimizer else {}
    parts = {key: {**fresh["state"].get(key, {}), **learnt.get(key, {})} for key in {**fresh["state"], **learnt}}
    saved |= {"optimizer": {**fresh, "state": parts}, "base_rate": new.learning_rate}
    totals, batches = saved["totals"], math.ceil(len(dataset.train) / new.batch_size)
    if new.batch_size != old.batch_size:
        done = math.ceil(min(totals["batches"] * old.batch_size, len(dataset.train)) / new.batch_size)
        loss = totals["loss"] * done / max(1, totals["batches"])  # a sum over batches, whose mean stays
        saved["totals"] = totals = {**totals, "batches": done, "loss": loss}
        saved["steps"] = saved["epoch"] * batches + done
    return saved, saved["epoch"] * batches + totals["batches"]
