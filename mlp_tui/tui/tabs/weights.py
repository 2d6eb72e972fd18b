"""The hidden units: what each of them looks for, and what it says to the ten digits."""

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Region
from textual.strip import Strip

from ...events import Weights
from ..pictures.digits import DEGREES
from ..pictures.glyphs import UNICODE, Glyphs
from ..pictures.weights import block, in_blocks, in_marks, usual
from ..run_state import RunState
from .tab import Tab

SIZES = ((28, 14), (20, 10), (14, 7), (10, 5), (8, 4), (6, 3))
"""Cells that a unit's small picture may take; the largest with room for all units is chosen."""

ENOUGH = 12
"""Units on a page for which pictures need not be of the smallest size."""

LARGE_SIZES = ((28, 14), (20, 10), (14, 7))
"""Cells that the chosen unit's picture may take."""

LARGE = 28
"""The width of what is shown of the chosen unit."""

TALL = 31
"""Rows from which the bars of the ten digits stand in one column, with numbers; there are two columns below."""

BORDER = "No digit has ink at the border: its weights only shift as one, like a bias."

Row = list[Segment]


class WeightsTab(Tab):
    """Small pictures of the units' incoming weights, page by page; the chosen unit large, with its outgoing weights.

    The rows are made anew when the weights are, or when another unit is chosen; those that differ are drawn.
    """

    DEFAULT_CSS = """
    WeightsTab {
        & > .weights--title { text-style: bold; }
        & > .weights--muted { color: $text-muted; }
        & > .weights--dead { color: $error; }
        & > .weights--for { color: $secondary; }
        & > .weights--against { color: $primary; }
    }
    """
    COMPONENT_CLASSES = {f"weights--{part}" for part in ("title", "muted", "dead", "for", "against")}
    seconds = 2.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left", "move(-1)", "Unit", key_display="arrows", tooltip="choose another hidden unit; so does a click"
        ),
        Binding("right", "move(1)", "Unit", show=False),
        Binding("up", "move_row(-1)", "Unit", show=False),
        Binding("down", "move_row(1)", "Unit", show=False),
        Binding(
            "pageup",
            "move_page(-1)",
            "Page",
            show=False,
            key_display="PgUp/PgDn",
            tooltip="the units before, or after",
        ),
        Binding("pagedown", "move_page(1)", "Page", show=False),
        Binding(
            "home", "first", "First", key_display="home/end", show=False, tooltip="the first hidden unit, the last"
        ),
        Binding("end", "last", "Last", show=False),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._weights: Weights | None = None
        self._chosen = 0
        self._cell, self._columns, self._gap, self._per_page = SIZES[-1], 1, 1, 1
        self._usual = 1.0
        self._longest = 1.0
        self._rows: list[Row] = []
        self._styles: dict[str, Style] = {}

    def show(self, state: RunState) -> None:
        self._state = state
        if state.weights is None or state.weights is not self._weights:
            self._draw()

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.call_later(self._draw)  # the component classes' styles come after the widget's own

    def render_line(self, y: int) -> Strip:
        if y < len(self._rows):
            return Strip(self._rows[y], self.size.width)
        return Strip.blank(self.size.width, self.rich_style)

    # Choosing a unit

    @property
    def chosen(self) -> int:
        """The place of the unit that is shown large, from 0."""
        return self._chosen

    def action_move(self, units: int) -> None:
        if self._weights is not None:
            self._chosen = max(0, min(self._chosen + units, len(self._weights.incoming) - 1))
            self._draw()

    def action_move_row(self, rows: int) -> None:
        if self._weights is not None and 0 <= self._chosen + rows * self._columns < len(self._weights.incoming):
            self.action_move(rows * self._columns)

    def action_move_page(self, pages: int) -> None:
        self.action_move(pages * self._per_page)

    def action_first(self) -> None:
        self.action_move(-self._chosen)

    def action_last(self) -> None:
        if self._weights is not None:
            self.action_move(len(self._weights.incoming))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self.action_move_page(-1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self.action_move_page(1)

    def on_click(self, event: Click) -> None:
        row, column = (event.y - 1) // (self._cell[1] + 1), event.x // (self._cell[0] + self._gap)
        place = row * self._columns + column
        if self._weights is None or event.y < 1 or column >= self._columns or place >= self._per_page:
            return
        if self._first + place < len(self._weights.incoming):
            self.action_move(self._first + place - self._chosen)

    @property
    def _first(self) -> int:
        """The first unit of the page."""
        return self._chosen // self._per_page * self._per_page

    # Making the rows

    def _draw(self) -> None:
        """Makes the rows, and has those drawn that differ from before."""
        if not self.size:
            return
        weights, before, width = self._state.weights, self._rows, self.size.width
        self._styles = {part: self.get_component_rich_style(part) for part in self.COMPONENT_CLASSES}
        self._styles["weights--plain"] = self.rich_style
        if weights is not None:
            if weights is not self._weights:
                self._usual = usual(weights.incoming)
                self._longest = longest(weights.outgoing)
                self._chosen = min(self._chosen, len(weights.incoming) - 1)
            rows = self._units(weights)
        else:
            rows = self._nothing_yet()
        self._weights = weights
        self._rows = [self._padded(row, width) for row in rows]
        if len(self._rows) != len(before):
            self.refresh()
        elif differ := [y for y, row in enumerate(self._rows) if row != before[y]]:
            self.refresh(*(Region(0, y, width, 1) for y in differ))

    def _nothing_yet(self) -> list[Row]:
        """What is said before there are weights, in the middle."""
        width, height = self.size
        text = "The hidden units appear here as soon as the model is loaded."
        if self._state.watched is not None:
            text = "The hidden units appear here when the run tells its weights: once a minute, and at its end."
        lines = textwrap.wrap(text, max(1, min(width - 2, 60)))
        above: list[Row] = [[] for _ in range((height - len(lines)) // 2)]
        return [*above, *([self._text(line.center(width), "muted")] for line in lines)]

    def _units(self, weights: Weights) -> list[Row]:
        """The page of units at the left, the chosen one at the right where there is room for both."""
        width, height = self.size
        count = len(weights.incoming)
        beside = width >= SIZES[-1][0] + 2 + LARGE
        room = width - 2 - LARGE if beside else width
        notes = self._notes() if beside and height < TALL and height > 12 else []
        self._cell, self._columns, lines = arrange(room, height - 1 - len(notes), count)
        self._gap = max(1, min(3, (room - self._columns * self._cell[0]) // max(1, self._columns - 1)))
        self._per_page = self._columns * lines
        last = min(self._first + self._per_page, count)
        left = [self._title(weights, last, room), *self._page(weights, last)]
        left += [[] for _ in range(height - len(left) - len(notes))]
        left = [*left, *notes][:height]
        if not beside:
            return left
        right = self._unit(weights, height)[:height]
        right += [[] for _ in range(height - len(right))]
        return [[*self._padded(row, room + 2), *unit] for row, unit in zip(left, right, strict=True)]

    def _title(self, weights: Weights, last: int, width: int) -> Row:
        """Which units these are, how many are dead, and of when the weights are."""
        count = len(weights.incoming)
        dead = sum(not activity for activity in weights.activity)
        name = f"Hidden units {self._first + 1}-{last} of {count}"
        if last - self._first == count:
            name = f"{count} hidden unit{'s' * (count > 1)}"
        facts = f"  {self._glyphs.wrong} {dead} dead" if dead else ""
        for long, short in (("Hidden units", "Units"), ("Units ", "")):
            if len(name + facts) > width:
                name = name.replace(long, short)
        when = f"epoch {weights.epoch}, batch {weights.batch}" if weights.batch else f"after epoch {weights.epoch}"
        if not weights.epoch:
            when = "untrained"
        if len(name + facts + when) + 2 > width:
            when = ""
        space = " " * (width - len(name + facts + when))
        return [self._text(name, "title"), self._text(facts, "dead"), self._text(space + when, "muted")]

    def _page(self, weights: Weights, last: int) -> list[Row]:
        """The page's pictures, each over its unit's number; a mark is beside the number where the unit is dead."""
        pictures = self._pictures(weights.incoming[self._first : last], self._cell, 2.0)
        gap = self._text(" " * self._gap)
        rows: list[Row] = []
        for start in range(self._first, last, self._columns):
            units = range(start, min(start + self._columns, last))
            for y in range(self._cell[1]):
                rows.append([segment for unit in units for segment in (*pictures[unit - self._first][y], gap)])
            rows.append([])
            for unit in units:
                alive = weights.activity[unit]
                number = f"{unit + 1}" if alive else f"{self._glyphs.wrong} {unit + 1}"
                caption = self._text(number.center(self._cell[0]), "muted" if alive else "dead")
                if unit == self._chosen:
                    caption = Segment(caption.text, self._styles["weights--title"] + Style(reverse=True))
                rows[-1] += [caption, gap]
        return rows

    def _unit(self, weights: Weights, height: int) -> list[Row]:
        """The chosen unit: how often it is on, its picture, and a bar for what it says to each digit."""
        outgoing, activity = weights.outgoing[self._chosen], weights.activity[self._chosen]
        name = self._text(f"Unit {self._chosen + 1}", "title")
        kind = "plain" if activity else "dead"
        mark = "" if activity else f"{self._glyphs.wrong} "
        size = next((size for size in LARGE_SIZES if 1 + size[1] + 5 <= height), LARGE_SIZES[-1])
        (picture,) = self._pictures([weights.incoming[self._chosen]], size, 3.0)
        if size[0] < LARGE:
            picture = [[self._text(" " * ((LARGE - size[0]) // 2)), *row] for row in picture]
        if height < TALL:
            on = mark + (share(activity) if activity else "dead")
            bars = [self._bar(digit, weight, 5) for digit, weight in enumerate(outgoing)]
            pairs = zip(bars[:5], bars[5:], strict=True)
            space = self._text("  ")
            return [
                [name, self._text(on.rjust(LARGE - len(name.text)), kind)],
                *picture,
                *([*one, space, *other] for one, other in pairs),
            ]
        on = f"{share(activity)} of test digits" if activity else f"{mark}dead: on for no test digit"
        return [
            [name],
            [self._text(on, kind)],
            *picture,
            *self._notes()[:2],
            [],
            [self._text("When on, it speaks", "title")],
            [self._text("    against ", "against"), self._text(" for a digit", "for")],
            *(
                [*self._bar(digit, weight, 9), self._text(f"{round(weight, 2) + 0.0:+7.2f}", "muted")]
                for digit, weight in enumerate(outgoing)
            ),
            [],
            *([self._text(line, "muted")] for line in textwrap.wrap(BORDER, LARGE)),
        ]

    def _bar(self, digit: int, weight: float, most: int) -> Row:
        against, speaks = bar(weight / self._longest, most, self._glyphs)
        axis = self._text(self._glyphs.axis, "muted")
        return [self._text(f"{digit} "), self._text(against, "against"), axis, self._text(speaks, "for")]

    def _notes(self) -> list[Row]:
        """What the pictures' colours or marks mean, and the sides of bars that have no heading."""
        degrees = range(1, DEGREES + 1)
        if self._shaded:
            dark = self.app.current_theme.dark
            above, below = ([block(sign * degree + DEGREES, 1, dark) for degree in degrees] for sign in (1, -1))
        else:
            marks = self._glyphs.marks
            above, below = (
                [self._text("".join(marks[sign * degree + DEGREES] for degree in degrees))] for sign in (1, -1)
            )
        return [
            [*above, self._text(" ink here switches it on", "muted")],
            [*below, self._text(" ink here keeps it off", "muted")],
            [
                self._text("bars: ", "muted"),
                self._text("against ", "against"),
                self._text(self._glyphs.axis, "muted"),
                self._text(" for a digit", "for"),
            ],
        ]

    @property
    def _shaded(self) -> bool:
        """Whether colours tell the weights: not where both sides of zero would come out in the same gray."""
        return self._colour and not self.app.no_color

    def _pictures(self, incoming: Sequence[bytes], size: tuple[int, int], spread: float) -> list[list[Row]]:
        """Units' weights as rows of segments each; `spread` times the usual weight gets the fullest colour."""
        if self._shaded:
            dark = self.app.current_theme.dark
            codes = in_blocks(incoming, *size, spread * self._usual)
            return [
                [[block(code, len(list(run)), dark) for code, run in groupby(row)] for row in unit] for unit in codes
            ]
        lines = in_marks(incoming, *size, spread * self._usual, self._glyphs)
        return [[[self._text(line)] for line in unit] for unit in lines]

    def _text(self, text: str, part: str = "plain") -> Segment:
        return Segment(text, self._styles[f"weights--{part}"])

    def _padded(self, row: Row, width: int) -> Row:
        """A row filled up with blanks, or cut off."""
        space = width - sum(len(segment.text) for segment in row)
        return [*row, self._text(" " * space)] if space >= 0 else list(Strip(row).crop(0, width))


def arrange(width: int, height: int, count: int) -> tuple[tuple[int, int], int, int]:
    """The small pictures' size in cells, how many to a row, and how many rows of them."""
    fits = [(cell, (width + 1) // (cell[0] + 1), height // (cell[1] + 1)) for cell in SIZES]
    for cell, columns, rows in fits:
        if columns * rows >= count:
            return cell, math.ceil(count / math.ceil(count / columns)), rows
    cell, columns, rows = next((fit for fit in fits[-2:] if fit[1] * fit[2] >= ENOUGH), fits[-1])
    return cell, max(1, columns), max(1, rows)


def share(activity: float) -> str:
    """For how many of the digits a unit is on, which are some."""
    return f"on for {max(1, round(activity * 100))} %" if activity >= 0.005 else "on for <1 %"


def bar(part: float, most: int, glyphs: Glyphs) -> tuple[str, str]:
    """A bar of a part (-1 to 1) of `most` cells: what is left and what is right of the zero line, `most` wide each."""
    steps = round(2 * most * max(-1.0, min(1.0, part))) if math.isfinite(part) else 0
    whole, half = divmod(abs(steps), 2)
    full = glyphs.across[-1] * whole
    if steps < 0:
        return (glyphs.halves[0] * half + full).rjust(most), " " * most
    return " " * most, (full + glyphs.halves[1] * half).ljust(most)


def longest(outgoing: Sequence[Sequence[float]]) -> float:
    """The largest of the units' outgoing weights, of either sign, that is finite."""
    return max((abs(weight) for unit in outgoing for weight in unit if math.isfinite(weight)), default=0.0) or 1.0
