"""The tripwire's second half: a run that has diverged goes back to its last good moment, and says what was to blame."""

import os

from .errors import said
from .events import Event, Tripped
from .runs.divergence import Trip
from .runs.folder import RunFolder
from .runs.log import until
from .time_machine import TimeMachine


def go_back(trip: Trip, past: TimeMachine, folder: RunFolder) -> tuple[list[Event], str]:
    """Saves the run as it was before the batch that is to blame; what that batch did, and what the user should know.

    There are no events where that moment cannot be had again, or not be saved: the last checkpoint stays.
    """
    from .training import checkpoint
    from .training.blame import find

    try:
        blame = find(past.replay, trip.first, past.last, trip.is_bad)
        state = past.replay.state
        log = until(folder.read_log(0)[0], state.epoch, state.totals.batches, by_hand=True)
        checkpoint.save(folder.checkpoint, {"training": past.replay.state_dict(), "log_position": len(log)})
    except Exception as error:  # a model of the user's own may do anything
        folder.note(f"The last good moment cannot be had again: {said(error)}")
        return [], f"{trip.what}: try a smaller --learning-rate."
    run = min(str(folder.path), os.path.relpath(folder.path), key=len)
    message = f"{trip.what}. The run is saved as it was at {state.describe() or 'its start'}: mlp-tui --resume {run} "
    if blame.by_data:
        message += "goes on from there, and then asks whether to skip the next batch, which is to blame."
    else:
        message += f"--learning-rate {state.learning_rate / 2:g} goes on from there."
    return [blame.details, Tripped(state.epoch + 1, state.totals.batches + 1, blame.where, blame.by_data)], message
