"""Train and test loss, with axes."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotext
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.strip import Strip

from ..history import means
from ..pictures.glyphs import ASCII, UNICODE, Glyphs
from ..run_state import RunState
from .lines import Line, Lines

SMOOTH_POINTS = 60
"""The points of a smoothed train curve over the whole run, each a mean of its share of the batches."""

ROUGH_POINTS = 200
"""The points of a train curve that is not smoothed: more cost time, and the eye hardly sees them."""

LEFT = 6
"""The columns left of the curves: the numbers of the loss axis, and the axis itself."""

plotext.terminal.limit(False, False)  # the panel's size counts, not the terminal's

ASCII_AXES = str.maketrans("│┤└─┬", "|++-+")

RGB = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curves:
    """What a chart shows: points are (epochs trained, loss) each, marks are epochs trained."""

    train: Points = ()
    tests: Points = ()
    other_train: Points = ()
    """Those of the run that this one is compared with."""
    other_tests: Points = ()
    start: float = 0.0
    """The first and the last of the epochs on show."""
    end: float = 1.0
    resume_points: Sequence[float] = ()
    """Where the run was resumed."""
    changes: Sequence[float] = ()
    """Where the learning rate was set by hand."""
    cursor: float | None = None


class LossChart(Lines):
    """The train loss as a curve, the test loss as a mark at each epoch's end; behind them another run's."""

    DEFAULT_CSS = """
    LossChart {
        height: 1fr;
        & > .loss-chart--train { color: $primary; }
        & > .loss-chart--test { color: $secondary; }
        & > .loss-chart--other { color: #808080; }
        & > .loss-chart--axes { color: #808080; }
        & > .loss-chart--mark { color: $warning; }
    }
    """
    COMPONENT_CLASSES = {f"loss-chart--{part}" for part in ("train", "test", "other", "axes", "mark")}

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._state = RunState()
        self._curves = Curves()
        self.smooth = True
        self.logarithmic = True
        self.recent = False
        self.cursor: float | None = None
        """Where the train curve is read, in epochs trained; None where there is no cursor."""
        self.other: tuple[str, Points, Points] | None = None
        """Another run to compare with: its name, its train curve and its tests."""
        self._plotted: tuple[object, list[Line]] = None, []  # what the lines were made from; these, without a cursor

    def show(self, state: RunState) -> None:
        """Draws the losses so far."""
        self._state = state
        self._curves = self._choose()
        self.retitle(self._title())
        self.redraw()

    def move_cursor(self, steps: int) -> None:
        """Moves the cursor along the train curve; from its ends it leaves the chart."""
        train = self._curves.train
        if train and not self._state.moment:
            place = nearest(train, self.cursor) + steps if self.cursor is not None else (0 if steps > 0 else -1)
            self.cursor = train[place][0] if -1 <= place < len(train) and (place >= 0 or self.cursor is None) else None
            self.show(self._state)

    def on_click(self, event: Click) -> None:
        at, curves = event.get_content_offset(self), self._curves
        if at is not None and curves.train:
            share = (at.x - LEFT) / max(1, self.size.width - LEFT - 1)
            there = curves.start + (curves.end - curves.start) * share
            self.cursor = curves.train[nearest(curves.train, there)][0]
            self.show(self._state)

    def _choose(self) -> Curves:
        state = self._state
        batches = state.batches
        trained = state.history.batches / batches  # also where a past moment is on show
        start, end = 0.0, float(state.epochs)
        if self.recent:
            train = [(number / batches, loss) for number, loss in state.recent]
            if train:
                start, end = train[0][0], max(train[-1][0], train[0][0] + 10 / batches)
            if self.smooth:
                train = averaged(train, SMOOTH_POINTS)
        else:
            points = state.history.points
            train = [((i + 0.5) * trained / len(points), loss) for i, loss in enumerate(points)]
            most = max(10, round(SMOOTH_POINTS * trained / end)) if self.smooth else ROUGH_POINTS
            train = averaged(train, most)

        def on_show(points: Points) -> Points:
            return [point for point in points if start <= point[0] <= end]

        return Curves(
            train=train,
            tests=on_show([(float(row.epoch), row.test_loss) for row in state.rows]),
            other_train=on_show(self.other[1]) if self.other else (),
            other_tests=on_show(self.other[2]) if self.other else (),
            start=start,
            end=end,
            resume_points=[resume_point for resume_point in state.resume_points if start < resume_point < end],
            changes=[change for change in state.changes if start < change < end],
            cursor=state.moment.step / batches
            if state.moment
            else train[nearest(train, self.cursor)][0]
            if self.cursor is not None and train
            else None,
        )

    def _title(self) -> str:
        glyphs, curves = self._glyphs, self._curves
        if moment := self._state.moment:
            then = self._state.batch
            return self._state.words(moment.step) + (f": loss {then.loss:.4f}" if then else "")
        if curves.cursor is not None and curves.train:
            at, loss = curves.train[nearest(curves.train, curves.cursor)]
            return f"{self._state.words(max(1, round(at * self._state.batches)))}: loss {loss:.4f}"
        title = "Last batches" if self.recent else "Loss by epoch"
        title += f"  [$primary]{glyphs.done} train[/]  [$secondary]{glyphs.test_marker} {self._state.split}[/]"
        if self.other:
            title += f"  {glyphs.other_marker} {self.other[0]}"
        return title

    def lines(self, width: int, height: int) -> list[Line]:
        if width < 20 or height < 5:
            return []
        colours = {
            part: self.get_component_styles(f"loss-chart--{part}").color.rgb
            for part in ("train", "test", "other", "axes", "mark")
        }
        own, curves = self.rich_style, dataclasses.replace(self._curves, cursor=None)
        made_from = width, height, curves, colours, self.logarithmic, own
        if made_from != self._plotted[0]:  # it takes 15 ms, and the cursor often moves alone
            ansi = plot(width, height, curves, self._glyphs, colours, self.logarithmic)
            # The colours alone: plotext paints a background of its own behind its axes.
            lines = [
                [
                    Segment(text, own + Style(color=style.color) if style else None)
                    for text, style, _ in line.render(self.app.console, end="")
                ]
                for line in Text.from_ansi(ansi).split("\n")
            ]
            self._plotted = made_from, lines
        lines, at = self._plotted[1], self._curves.cursor
        if at is None or not curves.start <= at <= curves.end:
            return lines
        column = LEFT + round((at - curves.start) / (curves.end - curves.start) * (width - LEFT - 1))
        style = self.get_component_rich_style("loss-chart--axes")
        return [*(crossed(line, column, style, self._glyphs) for line in lines[:-1]), lines[-1]]


def crossed(line: Line, column: int, style: Style, glyphs: Glyphs) -> Line:
    """A line of the chart with the cursor in that column, behind the curves and across the axis."""
    before, here, after = Strip(line).divide((column, column + 1, sum(segment.cell_length for segment in line)))
    mark = {" ": glyphs.axis, "─": "┴", "-": "+"}.get(here.text)
    return [*before, *([Segment(mark, style)] if mark else here), *after]


def nearest(points: Points, at: float) -> int:
    """The place of the point that is nearest to so many epochs trained."""
    return min(range(len(points)), key=lambda i: abs(points[i][0] - at))


def averaged(points: Points, count: int) -> list[tuple[float, float]]:
    """At most `count` means of neighbouring points, of what they measure and of where they are."""
    xs, ys = ([point[i] for point in points] for i in (0, 1))
    return list(zip(means(xs, count), means(ys, count), strict=True))


def plot(
    width: int, height: int, curves: Curves, glyphs: Glyphs, colours: dict[str, RGB], logarithmic: bool = True
) -> str:
    """`height` lines of `width` characters with ANSI colours. Points that cannot be drawn are left out."""

    def scaled(points: Points) -> list[tuple[float, float]]:
        finite = [(x, loss) for x, loss in points if math.isfinite(loss)]
        return [(x, math.log10(loss)) for x, loss in finite if loss > 0] if logarithmic else finite

    pixels = {part: plotext.pixel(colour) for part, colour in colours.items()}
    figure = plotext.figure
    figure.clear()
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.axes(True, pixel=pixels["axes"])
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    layers = (
        (scaled(curves.other_train), "other", glyphs.train_marker),
        (scaled(curves.other_tests), "other", glyphs.other_marker),
        (scaled(curves.train), "train", glyphs.train_marker),
        (scaled(curves.tests), "test", glyphs.test_marker),
    )
    values = [y for points, _, _ in layers for _, y in points] or ([-1.0, 0.4] if logarithmic else [0.0, 2.5])
    low, high = min(values), max(values)
    if not logarithmic:
        low = min(low, 0.0)
    margin = max(0.05, (high - low) * 0.05)
    low, high = (low - margin if logarithmic or low < 0 else low), high + margin
    x_ruler, y_ruler = figure.ruler("x"), figure.ruler("y")
    for ruler in (x_ruler, y_ruler):
        ruler.pixel(pixels["axes"])
    x_ruler.lim(curves.start, curves.end)
    whole = curves.start == 0 and curves.end == int(curves.end)
    x_ticks = epoch_ticks(int(curves.end), width) if whole else even_ticks(curves.start, curves.end, width // 9)
    x_ruler.ticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
    y_ruler.lim(low, high)
    ticks = loss_ticks(10**low, 10**high) if logarithmic else even_ticks(low, high, max(2, height // 4))
    places = [math.log10(tick) for tick in ticks] if logarithmic else ticks
    y_ruler.ticks(places, [f"{tick:g}".rjust(5) for tick in ticks])
    for resume_point in curves.resume_points:
        figure.line(resume_point, orientation="vertical", style="dotted", pixel=pixels["axes"])
    for change in curves.changes:
        figure.line(change, orientation="vertical", style="dotted", pixel=pixels["mark"])
    for points, part, code in layers:
        if points:
            xs, ys = map(list, zip(*points, strict=True))
            signal = figure.signal(xs, ys, marker=plotext.marker(code, pixels[part]))
            if code == glyphs.train_marker:
                signal.lines()
            figure.draw(signal)
    ansi = str(figure.build()).rstrip("\n")
    return ansi.translate(ASCII_AXES) if glyphs is ASCII else ansi


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between `low` and `high`, evenly apart, `most` of them or fewer."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if (high - low) / step < most)
    return [float(f"{i * step:.9g}") for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def epoch_ticks(epochs: int, width: int) -> list[int]:
    """Whole epochs from 0, few enough to stand apart."""
    step = next(
        step for power in range(20) for step in (10**power, 2 * 10**power, 5 * 10**power) if epochs / step * 6 <= width
    )
    return list(range(0, epochs + 1, step))


def loss_ticks(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5 times a power of ten between `low` and `high`; where those are few, others."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) > 7:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1")]
    return ticks if len(ticks) > 1 else even_ticks(low, high, 5)
