"""Train and test loss over the epochs, with axes."""

import math
from collections.abc import Sequence

import plotext
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from .glyphs import ASCII, UNICODE, Glyphs
from .history import LossHistory, means

POINTS = 60
"""The points of a whole run's train curve, each a mean: more show the batches' noise, and cost time."""

plotext.terminal.limit(False, False)  # the panel's size counts, not the terminal's

ASCII_AXES = str.maketrans("│┤└─┬", "|++-+")

RGB = tuple[int, int, int]


class LossChart(Widget):
    """The train loss as a curve, the test loss as a mark at each epoch's end; the loss axis is logarithmic."""

    DEFAULT_CSS = """
    LossChart {
        height: 1fr;
        & > .loss-chart--train { color: $primary; }
        & > .loss-chart--test { color: $secondary; }
        & > .loss-chart--axes { color: #808080; }
    }
    """
    COMPONENT_CLASSES = {"loss-chart--train", "loss-chart--test", "loss-chart--axes"}

    def __init__(self, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._train: Sequence[tuple[float, float]] = ()
        self._tests: Sequence[tuple[float, float]] = ()
        self._seams: Sequence[float] = ()
        self._epochs = 1
        self._strips: list[Strip] = []

    def show(
        self,
        history: LossHistory,
        batches: int,
        tests: Sequence[tuple[float, float]],
        epochs: int,
        seams: Sequence[float] = (),
    ) -> None:
        """Draws the losses of the batches, `batches` to an epoch; `tests`: (epoch, loss) each; and the seams."""
        trained = history.batches / batches
        points = means(history.points, max(10, round(POINTS * trained / epochs)))
        self._train = [((i + 0.5) * trained / len(points), loss) for i, loss in enumerate(points)]
        self._tests = tests
        self._seams = seams
        self._epochs = epochs
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y].apply_style(self.rich_style)
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> None:
        width, height = self.size
        self._strips = []
        if width >= 20 and height >= 5:
            train, test, axes = (
                self.get_component_styles(f"loss-chart--{part}").color.rgb for part in ("train", "test", "axes")
            )
            ansi = plot(
                width, height, self._train, self._tests, self._epochs, self._glyphs, (train, test, axes), self._seams
            )
            for line in Text.from_ansi(ansi).split("\n"):
                # The colours alone: plotext paints a background of its own behind its axes.
                cells = line.render(self.app.console, end="")
                self._strips.append(
                    Strip(
                        [Segment(text, Style(color=style.color) if style else None) for text, style, _ in cells]
                    ).adjust_cell_length(width)
                )
        self.refresh()


def plot(
    width: int,
    height: int,
    train: Sequence[tuple[float, float]],
    tests: Sequence[tuple[float, float]],
    epochs: int,
    glyphs: Glyphs,
    colours: tuple[RGB, RGB, RGB],
    seams: Sequence[float] = (),
) -> str:
    """`height` lines of `width` characters with ANSI colours. Points that have no logarithm are left out."""
    curves = [
        [(x, math.log10(loss)) for x, loss in points if math.isfinite(loss) and loss > 0] for points in (train, tests)
    ]
    train_pixel, test_pixel, axes_pixel = (plotext.pixel(colour) for colour in colours)
    figure = plotext.figure
    figure.clear()
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.axes(True, pixel=axes_pixel)
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    values = [y for curve in curves for _, y in curve] or [-1.0, math.log10(2.5)]
    low, high = min(values), max(values)
    margin = max(0.05, (high - low) * 0.05)
    low, high = low - margin, high + margin
    x_ruler, y_ruler = figure.ruler("x"), figure.ruler("y")
    for ruler in (x_ruler, y_ruler):
        ruler.pixel(axes_pixel)
    x_ruler.lim(0, epochs)
    whole = epoch_ticks(epochs, width)
    x_ruler.ticks(whole, [str(tick) for tick in whole])
    y_ruler.lim(low, high)
    ticks = loss_ticks(10**low, 10**high)
    y_ruler.ticks([math.log10(tick) for tick in ticks], [f"{tick:g}".rjust(5) for tick in ticks])
    for seam in seams:  # where the run was resumed
        figure.line(seam, orientation="vertical", style="dotted", pixel=axes_pixel)
    for curve, pixel, code in (
        (curves[0], train_pixel, glyphs.train_marker),
        (curves[1], test_pixel, glyphs.test_marker),
    ):
        if curve:
            xs, ys = map(list, zip(*curve, strict=True))
            signal = figure.signal(xs, ys, marker=plotext.marker(code, pixel))
            if code != glyphs.test_marker:
                signal.lines()
            figure.draw(signal)
    ansi = str(figure.build()).rstrip("\n")
    return ansi.translate(ASCII_AXES) if glyphs is ASCII else ansi


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
    return ticks if len(ticks) > 1 else [float(f"{low + (high - low) * i / 4:.2g}") for i in (1, 2, 3)]
