"""What a run came to, in a few lines that stay."""

import os

from ..events import EpochFinished
from ..headless.confusion import confused_words
from .run_state import RunState

ENDS = {"completed": "", "stopped": "Stopped: ", "diverged": "Diverged: ", "failed": "Failed: "}


def summary(state: RunState) -> list[str]:
    """The end of a run, a sentence or two a line; nothing while it is under way."""
    end = state.finished
    if end is None or not state.rows:
        return []
    epochs = f"{end.epochs} epoch{'s' * (end.epochs != 1)}"
    train_seconds = sum(row.train_seconds for row in state.rows)
    speed = state.run.train_size * len(state.rows) / max(train_seconds, 1e-9) if state.run else 0
    lines = [f"{ENDS[end.reason]}{epochs} in {clock(end.seconds)}, {speed:,.0f} {state.data.speed}"]
    if end.test_accuracy is not None and state.best is not None:
        best = f"{best_of(state.best)} (epoch {state.best.epoch})"
        lines.append(f"Test accuracy {end.test_accuracy:.2%}, {best}.")
    if state.mistakes:
        lines.append(confused_words(state.mistakes.confusion, state.data.classes))
    folder = state.folder
    if folder and end.reason == "completed" and not end.message:
        lines.append(f"Saved in {min(str(folder), os.path.relpath(folder), key=len)}")
    return lines


def clock(seconds: float) -> str:
    """A duration as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def outcome(state: RunState) -> list[str]:
    """The end of a run in short sentences, the most important first."""
    if state.finished is None:
        return []
    epochs, accuracy = state.finished.epochs, state.finished.test_accuracy
    sentences = [f"{epochs} epoch{'s' * (epochs != 1)} in {clock(state.finished.seconds)}."]
    if accuracy is not None and state.best is not None:
        sentences.append(f"Test accuracy {accuracy:.2%}, {best_of(state.best)}.")
    return sentences


def best_of(epoch: EpochFinished) -> str:
    """The accuracy of the best epoch, and by which examples it was chosen."""
    return f"best {'' if epoch.split == 'test' else 'validation '}{epoch.test_accuracy:.2%}"


def notice(state: RunState) -> tuple[str, bool]:
    """The sentence that stays on the screen, or nothing; and whether it is about an error."""
    if state.finished and state.finished.message and not (state.watched and state.watched.live):
        return state.finished.message, True
    if state.lost:
        return state.lost, True
    if state.error:
        return f"The run cannot be saved: {state.error}.", True
    return state.run.notice if state.run else "", False
