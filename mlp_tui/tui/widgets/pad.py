"""The pad: 28x28 pixels to draw on, with the mouse or with a pen that the keys move."""

import math

from rich.segment import Segment
from rich.style import Style
from textual.events import MouseDown, MouseMove
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ...headless.characters import INK, RAMP, SIDE
from ..pictures.digits import shades, viridis
from ..pictures.glyphs import ASCII, UNICODE, Glyphs

PEN, ERASER = 1.0, 2.0
"""Half their widths, in pixels: a digit that fills most of the pad takes as much ink as MNIST's do."""

FAINT = 32
"""Brightness below which a pixel is no ink but what an eraser left; for the model it is none either."""

Point = tuple[float, float]
"""A place on the pad, in pixels from its upper left corner."""


class Pad(Widget):
    """Ink, and the pen. A pixel takes two cells where there is room for 56x28, else half a cell's height."""

    class Changed(Message):
        """The ink changed."""

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels = bytearray(SIDE * SIDE)
        self.down = False
        """Whether the pen that the keys move is on the paper."""
        self._glyphs = glyphs
        self._colour = colour
        self._pen = (SIDE // 2, SIDE // 2)
        self._mouse: Point | None = None
        """Where the mouse is, while a button is held."""
        self._erasing = False
        self._before: list[bytes] = []
        """The ink before each stroke."""

    @property
    def ink(self) -> bytes | None:
        """What is drawn, 28x28 bytes; None where there is no ink."""
        return bytes(self.pixels) if max(self.pixels) >= FAINT else None

    # What is drawn with

    def move(self, right: int, down: int) -> None:
        """Moves the pen by pixels; it leaves a line where it is on the paper."""
        x, y = self._pen
        self._put_pen(x + right, y + down)
        if self.down:
            self._draw((x + 0.5, y + 0.5), (self._pen[0] + 0.5, self._pen[1] + 0.5))

    def put_down(self) -> None:
        """Begins a stroke where the pen is."""
        self.down = True
        self._begin()
        self.move(0, 0)

    def undo(self) -> None:
        """Takes the last stroke back."""
        if self._before:
            self.down = False
            self.pixels[:] = self._before.pop()
            self._change()

    def clear(self) -> None:
        """Takes all ink away; that can be undone too."""
        self.down = False
        if any(self.pixels):
            self._begin()
            self.pixels[:] = bytes(SIDE * SIDE)
            self._change()

    def on_mouse_down(self, event: MouseDown) -> None:
        self.capture_mouse()
        self.down = False
        self._erasing = event.button == 3  # the right one
        self._begin()
        self._mouse = self._place(event)
        self._draw_to(self._mouse)

    def on_mouse_move(self, event: MouseMove) -> None:
        if self._mouse is not None and event.button:
            self._draw_to(self._place(event))
        else:  # of a button released outside the terminal the app may not hear
            self.on_mouse_up()

    def on_mouse_up(self) -> None:
        if self._mouse is not None:
            self._mouse = None
            self.release_mouse()

    def _place(self, event: MouseDown | MouseMove) -> Point:
        """The middle of the cell that the mouse is in."""
        x, y = event.get_content_offset_capture(self)
        return ((x + 0.5) / 2, y + 0.5) if self._large else (x + 0.5, y * 2 + 1.0)

    def _draw_to(self, place: Point) -> None:
        """Draws a line from where the mouse was: its events are far apart when it is fast."""
        assert self._mouse is not None
        self._draw(self._mouse, place)
        self._mouse = place
        self._put_pen(*place)

    def _begin(self) -> None:
        self._before.append(bytes(self.pixels))

    def _draw(self, start: Point, end: Point) -> None:
        rows = trace(self.pixels, start, end, self._mouse is not None and self._erasing)
        self._change(rows.start, rows.stop)

    def _put_pen(self, x: float, y: float) -> None:
        """Puts the pen on that pixel, or on the nearest one of the pad."""
        (_, before), self._pen = self._pen, (min(max(0, int(x)), SIDE - 1), min(max(0, int(y)), SIDE - 1))
        self._repaint(min(before, self._pen[1]), max(before, self._pen[1]) + 1)

    def _change(self, top: int = 0, bottom: int = SIDE) -> None:
        self._repaint(top, bottom)
        self.post_message(self.Changed())

    # What is seen of it

    @property
    def _large(self) -> bool:
        return self.size.width >= 2 * SIDE and self.size.height >= SIDE

    def _repaint(self, top: int, bottom: int) -> None:
        if not self._large:
            top, bottom = top // 2, (bottom + 1) // 2
        if bottom > top:
            self.refresh(Region(0, top, self.size.width, bottom - top))

    def render_line(self, y: int) -> Strip:
        large = self._large
        if y >= (SIDE if large else SIDE // 2):
            return Strip.blank(self.size.width, self.rich_style)
        cells = pixel_cells(self.pixels, y, large, self._glyphs, self._colour)
        pen_x, pen_y = self._pen
        if y == (pen_y if large else pen_y // 2):
            level, style = self.pixels[pen_y * SIDE + pen_x], Style(bold=True)
            if self._colour:
                style += Style(color="#000000" if level > 127 else "#ffffff", bgcolor=viridis(level))
            cells[pen_x] = Segment("[]" if large else "^_"[pen_y % 2], style)
        return Strip(Segment.simplify(cells)).adjust_cell_length(self.size.width).apply_style(self.rich_style)


def trace(pixels: bytearray, start: Point, end: Point, erase: bool = False) -> range:
    """Draws a line with a round soft pen on 28x28 pixels, or erases along it; the rows that it may have changed."""
    (x, y), across, down = start, end[0] - start[0], end[1] - start[1]
    length = across * across + down * down
    reach = (ERASER if erase else PEN) + 0.5
    columns, rows = (
        range(max(0, math.floor(min(a, b) - reach)), min(SIDE, math.ceil(max(a, b) + reach)))
        for a, b in zip(start, end, strict=True)
    )
    for row in rows:
        for column in columns:
            right, below = column + 0.5 - x, row + 0.5 - y
            along = min(max(0.0, (right * across + below * down) / length), 1.0) if length else 0.0
            away = math.hypot(right - along * across, below - along * down)
            level = round(255 * min(max(0.0, reach - away), 1.0))
            i = row * SIDE + column
            pixels[i] = min(pixels[i], 255 - level) if erase else max(pixels[i], level)
    return rows


def pixel_cells(pixels: bytes | bytearray, y: int, large: bool, glyphs: Glyphs, colour: bool) -> list[Segment]:
    """Line `y` of 28x28 pixels, a segment for each column: two cells a pixel if `large`, else two pixels a cell."""
    if large:
        row = pixels[y * SIDE : (y + 1) * SIDE]
        return [Segment("  ", shades(v, v)) if colour else Segment(2 * _mark(v, v, glyphs)) for v in row]
    upper, lower = (pixels[start : start + SIDE] for start in (2 * y * SIDE, (2 * y + 1) * SIDE))
    return [
        Segment("▀", shades(u, v)) if colour else Segment(_mark(u, v, glyphs))
        for u, v in zip(upper, lower, strict=True)
    ]


def _mark(upper: int, lower: int, glyphs: Glyphs) -> str:
    """One pixel above another, without shades."""
    if glyphs is ASCII:
        return RAMP[max(upper, lower) * (len(RAMP) - 1) // 255]
    return " ▀▄█"[(upper >= INK * 255) + 2 * (lower >= INK * 255)]
