"""The characters that the dashboard draws with: one set for UTF-8, one for terminals that know ASCII alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """Each character by what it says, not by what it looks like."""

    bars: str
    """A column's fill, from empty to full, in equal steps."""
    done: str
    todo: str
    right: str
    wrong: str
    best: str
    resumed: str
    dot: str
    ellipsis: str
    status: dict[str, str]
    """A mark for each state, so that colour is never alone in telling them apart."""
    train_marker: str
    """plotext's name of the dots that the train curve is drawn in."""
    test_marker: str


UNICODE = Glyphs(
    bars=" ▁▂▃▄▅▆▇█",
    done="━",
    todo="─",
    right="✓",
    wrong="✗",
    best="★",
    resumed="↻",
    dot="·",
    ellipsis="…",
    status={
        "loading": "◌",
        "ready": "○",
        "training": "●",
        "paused": "‖",
        "stopping": "◌",
        "completed": "✓",
        "stopped": "■",
        "diverged": "✗",
        "failed": "✗",
        "live": "●",
        "killed": "✗",
    },
    train_marker="braille",
    test_marker="◆",
)

ASCII = Glyphs(
    bars=" .:-=+*#@",
    done="#",
    todo="-",
    right="v",
    wrong="x",
    best="*",
    resumed="~",
    dot="|",
    ellipsis="...",
    status={
        "loading": ".",
        "ready": "o",
        "training": ">",
        "paused": "=",
        "stopping": ".",
        "completed": "v",
        "stopped": "#",
        "diverged": "x",
        "failed": "x",
        "live": ">",
        "killed": "x",
    },
    train_marker=".",
    test_marker="O",
)
