"""The characters that the dashboard draws with: one set for UTF-8, one for terminals that know ASCII alone."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Glyphs:
    """Each character under the name of its meaning; those of UTF-8 where no others are given.

    A set is equal to itself alone: so it is looked up at once among the pictures that are kept.
    """

    bars: str = " ▁▂▃▄▅▆▇█"
    """A column's fill, from empty to full, in equal steps."""
    across: str = " ▏▎▍▌▋▊▉█"
    """A bar's last cell, from empty to full, in equal steps."""
    done: str = "━"
    todo: str = "─"
    right: str = "✓"
    wrong: str = "✗"
    label: str = "▸"
    best: str = "★"
    resumed: str = "↻"
    dot: str = "·"
    nothing: str = "·"
    """Stands for a count of zero."""
    ellipsis: str = "…"
    picked: str = "●"
    """One of several is this one; and those that it is not."""
    unpicked: str = "○"
    bullet: str = "•"
    train_marker: str = "braille"
    """plotext's name of the dots that the train curve is drawn in."""
    test_marker: str = "◆"
    other_marker: str = "◇"
    """The same for the run that this one is compared with."""
    axis: str = "│"
    halves: str = "▐▌"
    """The right and the left half of a cell; blanks where there are none."""
    marks: str = "≡=~-·░▒▓█"
    """From far below zero to far above it, in nine steps with zero in the middle."""


UNICODE = Glyphs()

ASCII = Glyphs(
    bars=" .:-=+*#@",
    across=" #",
    done="#",
    todo="-",
    right="v",
    wrong="x",
    label=">",
    best="*",
    resumed="~",
    dot="|",
    nothing=".",
    ellipsis="...",
    picked="(*)",
    unpicked="( )",
    bullet="*",
    train_marker=".",
    test_marker="O",
    other_marker="o",
    axis="|",
    halves="  ",
    marks="==--.++##",
)
