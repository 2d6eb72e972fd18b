"""The phases of a run on the screen: one table says what each shows, and which keys drive the run in it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..events import Reason
from .pictures.glyphs import ASCII, Glyphs

Phase: TypeAlias = (
    Literal["loading", "starting", "ready", "training", "paused", "stopping", "replay", "playing"]
    | Literal["live", "killed"]
    | Reason
)
"""Of a run that is trained here, of one that is watched, and how either of them ended."""


@dataclass(frozen=True)
class PhaseRow:
    """A row of the table."""

    word: str
    """What the phase is called on the screen."""
    marks: tuple[str, str]
    """What stands before the word, so that colour is never alone in telling phases apart; the second in ASCII."""
    style: Literal["muted", "key", "best", "warning", "wrong"]
    """The component class of `Lines` that it is drawn in."""
    keys: tuple[str, ...] = ()
    """What the keys can do to a run that is trained here, by the names of RunControl's methods and the app's."""

    def label(self, glyphs: Glyphs) -> str:
        """The mark and the word."""
        return f"{self.marks[glyphs is ASCII]} {self.word}"


OF_THE_PAST = ("walk", "branch", "settings")
"""What the keys can do to a run that is paused or over, beside what only some of those phases have."""

PHASES: dict[Phase, PhaseRow] = {
    "loading": PhaseRow("loading", ("◌", "."), "muted", ("start", "stop", "settings")),
    # Training begins as soon as all is loaded.
    "starting": PhaseRow("loading", ("◌", "."), "muted", ("pause", "stop", "settings")),
    "ready": PhaseRow("ready", ("○", "o"), "key", ("start", "step", "epoch", "change_pace", "settings")),
    "training": PhaseRow(
        "training",
        ("●", ">"),
        "best",
        ("pause", "stop", "restart", "change_rate", "change_pace", "settings", "detach"),
    ),
    "paused": PhaseRow(
        "paused",
        ("‖", "="),
        "warning",
        ("unpause", "step", "epoch", "stop", "restart", "change_rate", "change_pace", "detach", *OF_THE_PAST),
    ),
    # At a past moment of a run that is paused or over; "playing" goes on from there, moment by moment.
    "replay": PhaseRow("looking back", ("◂", "<"), "warning", ("play", "step", "restart", "change_pace", *OF_THE_PAST)),
    "playing": PhaseRow("playing", ("▸", ">"), "warning", ("halt", "step", "restart", "change_pace", *OF_THE_PAST)),
    "stopping": PhaseRow("stopping", ("◌", "."), "muted", ("settings",)),
    "completed": PhaseRow("done", ("✓", "v"), "best", ("restart", *OF_THE_PAST)),
    "stopped": PhaseRow("stopped", ("■", "#"), "muted", ("resume", "restart", *OF_THE_PAST)),
    "diverged": PhaseRow("diverged", ("✗", "x"), "wrong", ("go_on", "restart", *OF_THE_PAST)),
    "failed": PhaseRow("failed", ("✗", "x"), "wrong", ("restart", "settings")),
    "live": PhaseRow("live", ("●", ">"), "best"),
    "killed": PhaseRow("killed", ("✗", "x"), "wrong"),
}

DRIVING = {key for row in PHASES.values() for key in row.keys}
"""All that keys can do to a run that is trained here, in one phase or another."""
