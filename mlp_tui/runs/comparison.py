"""What differs between runs: their settings, their epochs, and which examples one reads and the other does not."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..config import TrainingConfig, as_text
from ..events import EpochFinished, Mistakes
from .folder import RunFolder

SAME_RUN = {"runs_dir", "checkpoint_seconds", "test_batch_size", "data_dir", "tripwire"}
"""Settings that change nothing of what comes out."""


@dataclass(frozen=True)
class Results:
    """What a run's log says of its epochs, and of the errors of its last test."""

    epochs: dict[int, EpochFinished]
    mistakes: Mistakes | None

    @property
    def errors(self) -> int | None:
        """How many examples the last test read wrong; None where there was none."""
        if self.mistakes is None:
            return None
        return sum(sum(row) - row[label] for label, row in enumerate(self.mistakes.confusion))


def results(folder: RunFolder) -> Results:
    """Reads a run's log. What is damaged in it is passed over."""
    events = folder.read_events()
    epochs = {event.epoch: event for event in events if isinstance(event, EpochFinished)}
    return Results(epochs, next((event for event in reversed(events) if isinstance(event, Mistakes)), None))


def differing(configs: Sequence[TrainingConfig]) -> dict[str, list[str]]:
    """The settings that are not the same in all runs, and what each run has."""
    names = [field.name for field in fields(TrainingConfig) if field.name not in SAME_RUN]
    values = {name: [as_text(getattr(config, name)) for config in configs] for name in names}
    return {name.replace("_", "-"): each for name, each in values.items() if len(set(each)) > 1}


def chance(first_alone: int, second_alone: int) -> float:
    """How often two equally good models differ by as much as that, or more: McNemar's test, exact and two-sided.

    `first_alone` counts the examples that only the first reads. Where both are equally good, each example that one
    alone reads is as likely the first's as the second's (Q. McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", Psychometrika 12, 1947): twice the tail of a binomial distribution.
    """
    total = first_alone + second_alone
    ways, tail = 1, 0  # ways: total choose k, from k to the next without counting anew
    for k in range(min(first_alone, second_alone) + 1):
        tail += ways
        ways = ways * (total - k) // (k + 1)
    return min(1.0, float(2 * tail / 2**total))
