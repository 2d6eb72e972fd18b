"""The units or kernels of the first layer: a page of them in small pictures, and one of them in detail."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message

from ...events import Weights
from ...headless.data import Data, cut, padded
from ..pictures.arrange import Arrangement, Cell, arrange, side_by_side
from ..pictures.bars import two_sided
from ..pictures.digits import DEGREES
from ..pictures.glyphs import UNICODE, Glyphs
from ..pictures.weights import block, pictures
from .lines import Line, Lines

SIZES = ((28, 14), (20, 10), (14, 7), (10, 5), (8, 4), (6, 3))
"""Cells that a unit's small picture may take; the largest with room for all units is chosen."""

ENOUGH = 12
"""Units on a page for which pictures need not be of the smallest size."""

LARGE_SIZES = ((28, 14), (20, 10), (14, 7))
"""Cells that the chosen unit's picture may take."""

LARGE = 28
"""The width of what is shown of the chosen unit."""

BESIDE = LARGE + 2 + SIZES[-1][0]
"""Columns from which a page and the chosen unit stand beside each other."""

TALL = 31
"""Rows from which the bars of the classes stand in one column, with numbers; those of digits in two below."""

BORDER = "No digit has ink at the border: its weights only shift as one, like a bias."


NO_BARS = "Other layers come between this one and the classes, so there are no bars for these."

NAME = 9
"""The most cells that the name of a class takes before its bar."""


class HiddenUnits(Lines):
    """What a page of units and a single one have in common."""

    DEFAULT_CSS = """
    HiddenUnits {
        & > .units--dead { color: $error; }
        & > .units--for { color: $secondary; }
        & > .units--against { color: $primary; }
    }
    """
    COMPONENT_CLASSES = {f"units--{part}" for part in ("dead", "for", "against")}

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True) -> None:
        super().__init__(glyphs, colour)
        self._weights: Weights | None = None
        self._chosen = 0
        self._usual = 1.0
        self._data = Data()

    def show(self, weights: Weights, chosen: int, usual: float, data: Data) -> None:
        """Draws those weights, with one unit chosen; `usual` is the usual size of an incoming weight's byte."""
        self._weights, self._chosen, self._usual, self._data = weights, chosen, usual, data
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        return self.units(self._weights, width, height) if self._weights else []

    def units(self, weights: Weights, width: int, height: int) -> list[Line]:
        """The lines for these weights."""
        raise NotImplementedError

    @property
    def _dark(self) -> bool | None:
        """Whether the theme is dark; None where there are no colours: both sides of zero would be of one gray."""
        return self.app.current_theme.dark if self._colour and not self.app.no_color else None

    def _notes(self) -> list[Line]:
        """What the pictures' colours or marks mean, and the sides of bars that have no heading."""
        degrees, dark = range(1, DEGREES + 1), self._dark
        above, below = (
            [
                self.text(self._glyphs.marks[DEGREES + sign * degree])
                if dark is None
                else block(DEGREES + sign * degree, 1, dark)
                for degree in degrees
            ]
            for sign in (1, -1)
        )
        what = "ink here" if self._data.digits else "light"
        bars = [
            self.text("bars: ", "muted"),
            self.text("against ", "units--against"),
            self.text(self._glyphs.axis, "muted"),
            self.text(f" for a {'digit' if self._data.digits else 'class'}", "units--for"),
        ]
        return [
            [*above, self.text(f" {what} switches it on", "muted")],
            [*below, self.text(f" {what} keeps it off", "muted")],
            *([bars] if self._weights and self._weights.outgoing else []),
        ]

    @property
    def _kernels(self) -> bool:
        """Whether the units read a part of the picture each time."""
        return self._weights is not None and self._weights.shape != self._data.shape[1:]


class UnitPage(HiddenUnits):
    """Small pictures of the units' incoming weights, each over its unit's number: the page with the chosen one."""

    DEFAULT_CSS = "UnitPage { width: 1fr; height: 100%; }"

    @dataclass
    class Picked(Message):
        """A unit was clicked: its place, from 0."""

        unit: int

    arrangement = Arrangement(SIZES[-1], 1, 1, 1)
    """Of the small pictures."""

    explains = False
    """Whether the page explains the chosen unit's colours and bars, where there is no room for that beside them."""

    @property
    def _first(self) -> int:
        """The first unit of the page."""
        return self._chosen // self.arrangement.room * self.arrangement.room

    def on_click(self, event: Click) -> None:
        place = self.arrangement.place(event.x, event.y - 1)  # below the title
        if self._weights and place is not None and self._first + place < len(self._weights.incoming):
            self.post_message(self.Picked(self._first + place))

    def units(self, weights: Weights, width: int, height: int) -> list[Line]:
        count = len(weights.incoming)
        notes = self._notes() if self.explains and 12 < height < TALL else []
        self.arrangement = page(width, height - 1 - len(notes), count, sizes(weights.shape))
        cell, columns, _, gap = self.arrangement
        shown = range(self._first, min(self._first + self.arrangement.room, count))
        images = pictures(
            weights.incoming[shown.start : shown.stop],
            *cell,
            2.0 * self._usual,
            self._glyphs,
            self._dark,
            weights.shape,
        )
        blocks = [
            [*image, [self._caption(unit, weights.activity[unit], cell[0])]]
            for unit, image in zip(shown, images, strict=True)
        ]
        lines = [self._title(weights, shown, width), *side_by_side(blocks, columns, gap)]
        return [*lines, *[[]] * (height - len(lines) - len(notes)), *notes][:height]

    def _caption(self, unit: int, activity: float, width: int) -> Segment:
        """A unit's number, with a mark beside it where the unit is dead."""
        number = f"{unit + 1}" if activity else f"{self._glyphs.wrong} {unit + 1}"
        if unit == self._chosen:
            return Segment(number.center(width), self.get_component_rich_style("title") + Style(reverse=True))
        return self.text(number.center(width), "muted" if activity else "units--dead")

    def _title(self, weights: Weights, shown: range, width: int) -> Line:
        """Which units these are, how many are dead, and how long the model was trained when the weights were taken."""
        count = len(weights.incoming)
        dead = sum(not activity for activity in weights.activity)
        what = "kernel" if self._kernels else "hidden unit" if weights.layer == "hidden" else "unit"
        many = f"{what.capitalize()}s"
        name = f"{many} {shown.start + 1}-{shown.stop} of {count}"
        if len(shown) == count:
            name = f"{count} {what}{'s' * (count > 1)}"
        facts = f"  {self._glyphs.wrong} {dead} dead" if dead else ""
        if weights.layer != "hidden":
            room = width - len(name + facts) - len(" of ")
            name += f" of {cut(weights.layer, room, self._glyphs.ellipsis)}" if room > 3 else ""
        for long, short in ((many, "Units"), ("Units ", "")):
            if len(name + facts) > width:
                name = name.replace(long, short)
        when = f"epoch {weights.epoch}, batch {weights.batch}" if weights.batch else f"after epoch {weights.epoch}"
        if not weights.epoch:
            when = "untrained"
        if len(name + facts + when) + 2 > width:
            when = ""
        space = " " * (width - len(name + facts + when))
        return [self.text(name, "title"), self.text(facts, "units--dead"), self.text(space + when, "muted")]


class UnitDetail(HiddenUnits):
    """One unit: how often it is on, its picture, and a bar for how it speaks for or against each class."""

    DEFAULT_CSS = f"UnitDetail {{ width: {LARGE}; height: 100%; margin-left: 2; }}"

    def units(self, weights: Weights, width: int, height: int) -> list[Line]:
        outgoing = weights.outgoing[self._chosen] if weights.outgoing else ()
        activity = weights.activity[self._chosen]
        name = self.text(f"{'Kernel' if self._kernels else 'Unit'} {self._chosen + 1}", "title")
        part, mark = ("", "") if activity else ("units--dead", f"{self._glyphs.wrong} ")
        possible = LARGE_SIZES if sizes(weights.shape) is SIZES else sizes(weights.shape)
        size = next((size for size in possible if 1 + size[1] + 5 <= height), possible[-1])
        unit = [weights.incoming[self._chosen]]
        (image,) = pictures(unit, *size, 3.0 * self._usual, self._glyphs, self._dark, weights.shape)
        if size[0] < LARGE:
            image = [[self.text(" " * ((LARGE - size[0]) // 2)), *row] for row in image]
        most = longest(weights.outgoing)
        if height < TALL:
            on = mark + (share(activity) if activity else "dead")
            bars = self._bars(outgoing, most, height - 1 - len(image), numbers=False)
            if self._data.longest == 1 and len(outgoing) <= 10:
                bars = [self._bar(str(digit), weight / most, 5) for digit, weight in enumerate(outgoing)]
                half = -(-len(bars) // 2)
                pairs = zip(bars[:half], bars[half:], strict=False)
                bars = side_by_side([[line] for pair in pairs for line in pair], 2, 2)
            return [[name, self.text(on.rjust(LARGE - len(name.text)), part)], *image, *bars]
        noun = self._data.noun
        on = f"{share(activity)} of test {noun}s" if activity else f"{mark}dead: on for no test {noun}"
        border = BORDER if self._data.digits and not self._kernels else ""
        note = [[self.text(line, "muted")] for line in textwrap.wrap(border, LARGE)]
        head: list[Line] = [
            [self.text("When on, it speaks", "title")],
            [
                self.text("    against ", "units--against"),
                self.text(f" for a {'digit' if self._data.digits else 'class'}", "units--for"),
            ],
        ]
        room = height - 5 - len(image) - len(head) - (1 + len(note) if note else 0)
        return [
            [name],
            [self.text(on, part)],
            *image,
            *self._notes()[:2],
            [],
            *(head if outgoing else []),
            *self._bars(outgoing, most, room, numbers=True),
            *([[], *note] if note else []),
        ]

    def _bars(self, outgoing: Sequence[float], most: float, room: int, numbers: bool) -> list[Line]:
        """A bar for each class; where they do not fit, for those with the strongest weights."""
        if not outgoing:
            return [[self.text(line, "muted")] for line in textwrap.wrap(NO_BARS, LARGE)]
        classes = list(range(len(outgoing)))
        if len(classes) > max(1, room):
            strength = [abs(weight) if math.isfinite(weight) else math.inf for weight in outgoing]
            classes = sorted(classes, key=lambda label: -strength[label])[: max(1, room - 1)]
        name = min(self._data.longest, NAME)
        width = (LARGE - name - 2 - (7 if numbers else 0)) // 2
        lines = []
        for label in classes:
            text = padded(self._data.name(label), name, self._glyphs.ellipsis)
            number = f"{round(outgoing[label], 2) + 0.0:+7.2f}" if numbers else ""
            lines.append([*self._bar(text, outgoing[label] / most, width), self.text(number, "muted")])
        if len(classes) < len(outgoing):
            lines.append([self.text(f"and {len(outgoing) - len(classes)} weaker ones", "muted")])
        return lines

    def _bar(self, name: str, share: float, width: int) -> Line:
        against, towards = two_sided(share, width, self._glyphs)
        axis = self.text(self._glyphs.axis, "muted")
        return [
            self.text(f"{name} "),
            self.text(against, "units--against"),
            axis,
            self.text(towards, "units--for"),
        ]


def sizes(shape: tuple[int, ...]) -> tuple[Cell, ...]:
    """Cells that a unit's picture may take: for a small kernel those at which each of its weights is as large."""
    height, width = shape
    if max(height, width) > SIZES[0][1]:
        return SIZES
    scales = range(SIZES[0][1] // max(height, width), 0, -1)
    return tuple(dict.fromkeys((max(SIZES[-1][0], 2 * width * scale), height * scale) for scale in scales))


def page(width: int, height: int, count: int, sizes: Sequence[Cell] = SIZES) -> Arrangement:
    """The largest pictures at which all units have room; where none are, small ones, but some to a page."""
    whole = arrange(width, height, count, sizes)
    return whole if whole.room >= count else arrange(width, height, count, sizes[-2:], (ENOUGH,))


def share(activity: float) -> str:
    """For how many of the examples a unit is on, which is on for some."""
    return f"on for {max(1, round(activity * 100))} %" if activity >= 0.005 else "on for <1 %"


def longest(outgoing: Sequence[Sequence[float]]) -> float:
    """The largest of the units' outgoing weights, of either sign, that is finite."""
    return max((abs(weight) for unit in outgoing for weight in unit if math.isfinite(weight)), default=0.0) or 1.0
