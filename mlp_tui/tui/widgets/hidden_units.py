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
from ...headless.data import MNIST, Data, cut, padded
from ..pictures.arrange import Arrangement, Cell, arrange, side_by_side
from ..pictures.bars import two_sided
from ..pictures.digits import DEGREES
from ..pictures.weights import pictures, swatch
from .lines import Line, Lines

SIZES = ((28, 14), (20, 10), (14, 7), (10, 5), (8, 4), (6, 3))
"""Cells that a unit's small picture may take; the largest with room for all units is chosen."""

LARGE = 28
"""The width of what is shown of the chosen unit."""

BESIDE = LARGE + 2 + SIZES[-1][0]
"""Columns from which a page and the chosen unit stand beside each other."""

TALL = 31
"""Rows from which the bars of the classes stand in one column, with numbers; those of digits in two below."""

BORDER = "No digit has ink at the border: its weights only shift as one, like a bias."
NO_BARS = "Other layers come between this one and the classes, so there are no bars for these."


class HiddenUnits(Lines):
    """What a page of units and a single one have in common."""

    DEFAULT_CSS = """
    HiddenUnits {
        & > .units--dead { color: $error; }
        & > .units--for { color: $secondary; }
        & > .units--against { color: $primary; }
    }
    """
    COMPONENT_CLASSES = {"units--dead", "units--for", "units--against"}

    _weights: Weights | None = None
    _chosen = 0
    _usual = 1.0
    _data = MNIST

    def show(self, weights: Weights, chosen: int, usual: float, data: Data) -> None:
        """Draws those weights, with one unit chosen; `usual` is the usual size of an incoming weight's byte."""
        self._weights, self._chosen, self._usual, self._data = weights, chosen, usual, data
        self.redraw()

    @property
    def _dark(self) -> bool | None:
        """Whether the theme is dark; None where there are no colours: both sides of zero would be of one gray."""
        return self.app.current_theme.dark if self._colour and not self.app.no_color else None

    def _notes(self) -> list[Line]:
        """What the colours or marks of the pictures mean."""
        what, degrees = "ink here" if self._data.digits else "light", range(1, DEGREES + 1)
        return [
            [
                *(swatch(sign * degree, self._glyphs, self._dark) for degree in degrees),
                self.text(f" {what} {effect}", "muted"),
            ]
            for sign, effect in ((1, "switches it on"), (-1, "keeps it off"))
        ]

    def _sides(self, against: str) -> tuple[Segment, Segment]:
        """What the two sides of a bar mean."""
        towards = f" for a {'digit' if self._data.digits else 'class'}"
        return self.text(against, "units--against"), self.text(towards, "units--for")

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

    def lines(self, width: int, height: int) -> list[Line]:
        if (weights := self._weights) is None:
            return []
        notes = self._notes() if self.explains and 12 < height < TALL else []
        if notes and weights.outgoing:
            against, towards = self._sides("against ")
            notes.append([self.text("bars: ", "muted"), against, self.text(self._glyphs.axis, "muted"), towards])
        count = len(weights.incoming)
        self.arrangement = page(width, height - 1 - len(notes), count, sizes(weights.shape))
        cell, columns, _, gap = self.arrangement
        shown = range(self._first, min(self._first + self.arrangement.room, count))
        units = weights.incoming[shown.start : shown.stop]
        images = pictures(units, *cell, 2.0 * self._usual, self._glyphs, self._dark, weights.shape)
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
        room = width - len(name + facts)
        when = when.rjust(room) if len(when) + 2 <= room else " " * room
        return [self.text(name, "title"), self.text(facts, "units--dead"), self.text(when, "muted")]


class UnitDetail(HiddenUnits):
    """One unit: how often it is on, its picture, and a bar for how it speaks for or against each class."""

    DEFAULT_CSS = f"UnitDetail {{ width: {LARGE}; height: 100%; margin-left: 2; }}"

    def lines(self, width: int, height: int) -> list[Line]:
        if (weights := self._weights) is None:
            return []
        heights = [cell[1] for cell in sizes(weights.shape)]
        if max(weights.shape) > SIZES[0][1]:
            heights = heights[:3]  # in a smaller picture of so many weights there is little to see
        high = next((high for high in heights if 1 + high + 5 <= height), heights[-1])
        unit = [weights.incoming[self._chosen]]
        (image,) = pictures(unit, LARGE, high, 3.0 * self._usual, self._glyphs, self._dark, weights.shape)
        activity, noun, tall = weights.activity[self._chosen], self._data.noun, height >= TALL
        name = self.text(f"{'Kernel' if self._kernels else 'Unit'} {self._chosen + 1}", "title")
        on, part = (share(activity), "") if activity else (f"{self._glyphs.wrong} dead", "units--dead")
        if not tall:
            on = on.rjust(LARGE - len(name.text))
            return [[name, self.text(on, part)], *image, *self._bars(weights.outgoing, height - 1 - high, tall)]
        on += f" of test {noun}s" if activity else f": on for no test {noun}"
        head = [[self.text("When on, it speaks", "title")], [*self._sides("    against ")]]
        note: list[Line] = []
        if self._data.digits and not self._kernels:
            note = [[], *([self.text(line, "muted")] for line in textwrap.wrap(BORDER, LARGE))]
        return [
            [name],
            [self.text(on, part)],
            *image,
            *self._notes(),
            [],
            *(head if weights.outgoing else []),
            *self._bars(weights.outgoing, height - 7 - high - len(note), tall),
            *note,
        ]

    def _bars(self, outgoing: Sequence[Sequence[float]], room: int, tall: bool) -> list[Line]:
        """A bar for each class, with its number if `tall`; where they do not fit, for those with the strongest weights.

        Digits, which have short names, always fit: if not `tall`, in two columns.
        """
        if not outgoing:
            return [[self.text(line, "muted")] for line in textwrap.wrap(NO_BARS, LARGE)]
        most, weights = longest(outgoing), outgoing[self._chosen]
        labels = list(range(len(weights)))
        two = not tall and self._data.longest == 1 and len(labels) <= 10
        if len(labels) > max(1, room) and not two:
            strength = [abs(weight) if math.isfinite(weight) else math.inf for weight in weights]
            labels = sorted(labels, key=lambda label: -strength[label])[: max(1, room - 1)]
        name = min(self._data.longest, 9)
        width = ((LARGE // 2 - 1 if two else LARGE) - name - 2 - 7 * tall) // 2
        lines = []
        for label in labels:
            against, towards = two_sided(weights[label] / most, width, self._glyphs)
            line = [
                self.text(padded(self._data.name(label), name, self._glyphs.ellipsis) + " "),
                self.text(against, "units--against"),
                self.text(self._glyphs.axis, "muted"),
                self.text(towards, "units--for"),
            ]
            lines.append([*line, self.text(f"{round(weights[label], 2) + 0.0:+7.2f}", "muted")] if tall else line)
        if two:
            half = math.ceil(len(lines) / 2)
            return side_by_side([[line] for row in range(half) for line in lines[row::half]], 2, 2)
        if len(labels) < len(weights):
            lines.append([self.text(f"and {len(weights) - len(labels)} weaker ones", "muted")])
        return lines


def sizes(shape: tuple[int, ...]) -> tuple[Cell, ...]:
    """Cells that a unit's picture may take: for a small kernel those at which each of its weights is as large."""
    height, width = shape
    if max(height, width) > SIZES[0][1]:
        return SIZES
    scales = range(SIZES[0][1] // max(height, width), 0, -1)
    return tuple(dict.fromkeys((max(SIZES[-1][0], 2 * width * scale), height * scale) for scale in scales))


def page(width: int, height: int, count: int, sizes: Sequence[Cell] = SIZES) -> Arrangement:
    """The largest pictures at which all units have room; where none are, small ones, but 12 to a page if possible."""
    whole = arrange(width, height, count, sizes)
    return whole if whole.room >= count else arrange(width, height, count, sizes[-2:], (12,))


def share(activity: float) -> str:
    """For how many of the examples a unit is on, which is on for some."""
    return f"on for {max(1, round(activity * 100))} %" if activity >= 0.005 else "on for <1 %"


def longest(outgoing: Sequence[Sequence[float]]) -> float:
    """The largest of the units' outgoing weights, of either sign, that is finite."""
    return max((abs(weight) for unit in outgoing for weight in unit if math.isfinite(weight)), default=0.0) or 1.0
