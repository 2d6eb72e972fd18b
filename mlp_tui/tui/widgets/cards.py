"""Cards: examples, each a small picture with lines of words beside it; or the rows of a table."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.binding import Binding
from textual.events import Click

from ...headless.data import Data, cut, padded
from ..pictures import rows
from ..pictures.arrange import Arrangement, arrange, side_by_side
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from ..run_state import RunState
from .lines import Line, Lines

SIZES = ((14, 7), (12, 6), (10, 5), (8, 4))
"""Cells that a picture may take, width and height."""

FEW, FEW_PLAIN = (24, 15, 9, 6, 4, 2), (6, 4, 2)
"""How many cards are to be on show where not all have room; without shades a small picture is hard to read."""

WORDS = 24
"""The most cells of the words beside a picture."""

NAME = 12
"""The most cells of a class name among them."""


class Card(NamedTuple):
    """An example and at most four short texts on it, each with its component class; the first is its name."""

    example: bytes | tuple[float, ...]
    texts: tuple[tuple[str, str], ...]


class Cards(Lines, can_focus=True):
    """Shows as many cards as have room, the one that is picked among them."""

    BINDINGS = [
        Binding("left", "move(-1, 0)", "Choose", key_display="arrows"),
        Binding("right", "move(1, 0)", show=False),
        Binding("up", "move(0, -1)", show=False),
        Binding("down", "move(0, 1)", show=False),
        Binding("pageup", "move_page(-1)", show=False),
        Binding("pagedown", "move_page(1)", show=False),
        Binding("home", "move_page(-1000)", show=False),
        Binding("end", "move_page(1000)", show=False),
    ]

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True) -> None:
        super().__init__(glyphs, colour)
        self.cards: Sequence[Card] = ()
        """All of them, in their order."""
        self._data = Data()
        self._order: Sequence[int] = ()
        self._arrangement = Arrangement(SIZES[-1], 1, 1, 1)
        self._first = 0  # the first card on show, where not all have room
        self.picked = 0
        """The place of the card that is picked."""

    def show(self, cards: Sequence[Card], state: RunState) -> None:
        """Shows these cards of a run, from the first."""
        self.cards, self._data, self._order = cards, state.data, state.order
        self._first = self.picked = 0
        self.redraw()

    def pick(self, place: int) -> None:
        """Picks the card at that place, or the nearest that there is."""
        self.picked = max(0, min(place, len(self.cards) - 1))
        self.redraw()

    def action_move(self, across: int, down: int) -> None:
        self.pick(self.picked + across + down * self._arrangement.columns)

    def action_move_page(self, pages: int) -> None:
        self.pick(self.picked + pages * self._arrangement.room)

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        place = self._arrangement.place(at.x, at.y - (not self._data.pictures)) if at else None
        if place is not None and self._first + place < len(self.cards):
            self.pick(self._first + place)

    def lines(self, width: int, height: int) -> list[Line]:
        if not self.cards:
            return []
        if not self._data.pictures:
            self._arrangement = Arrangement((width, 0), 1, max(1, height - 1), 0)
            return self._rows(self._visible(), width)
        longest = max(cell_len(text) for card in self.cards for text in words_of(card))
        words = max(1, min(longest, WORDS, width - SIZES[-1][0] - 1))
        sizes = [(size[0] + 1 + words, size[1]) for size in SIZES]
        few = FEW if self._colour else FEW_PLAIN
        self._arrangement = arrange(width, height + 1, len(self.cards), sizes, few)
        (cell, columns, _, gap), blocks = self._arrangement, []
        for place in self._visible():
            card = self.cards[place]
            pixels = card.example if isinstance(card.example, bytes) else b""
            image = picture(pixels, cell[0] - 1 - words, cell[1], self._glyphs, self._colour, self._data.picture_shape)
            texts = [*self._texts(place), *[("", "")] * (cell[1] - len(card.texts))]
            block = [
                [*line, self.text(" "), self.text(padded(text, words, self._glyphs.ellipsis), part)]
                for line, (text, part) in zip(image, texts, strict=True)
            ]
            blocks.append([*block, [self.text(" " * cell[0])]])
        return side_by_side(blocks, columns, gap)

    def _visible(self) -> range:
        """The places of the cards on show; the one that is picked is brought into view, row by row."""
        columns, room = self._arrangement.columns, self._arrangement.room
        start = self.picked // columns * columns
        self._first = min(max(self._first // columns * columns, start + columns - room), start)
        return range(self._first, min(self._first + room, len(self.cards)))

    def _texts(self, place: int) -> list[tuple[str, str]]:
        (name, _), *others = self.cards[place].texts
        return [(name, "picked" if place == self.picked else "title"), *others]

    def _rows(self, shown: range, width: int) -> list[Line]:
        """A line of heads, and one for each card: its texts, and the columns of the table that have room."""
        widths = [max(map(cell_len, texts)) + 2 for texts in zip(*map(words_of, self.cards), strict=True)]
        if sum(widths) > width - rows.CELL:  # the last text gives way to a value of the table
            widths.pop()
        widths = [min(each, width // len(widths)) for each in widths] if sum(widths) > width else widths
        words = sum(widths)
        heads = rows.heads(self._data, self._order, width - words, self._glyphs)
        lines: list[Line] = [[self.text(" " * words + heads, "muted")]]
        for place in shown:
            line: Line = []
            for (text, part), room in zip(self._texts(place), widths, strict=False):
                line += [self.text(padded(text, room - 2, self._glyphs.ellipsis), part), self.text("  ")]
            example = self.cards[place].example
            values = rows.values(example if isinstance(example, tuple) else (), self._order, width - words)
            lines.append([*line, self.text(values, "muted")])
        return lines


def words_of(card: Card) -> list[str]:
    return [text for text, _ in card.texts]


def percent(probability: float) -> str:
    """A probability; never 100%: a softmax is never quite sure."""
    return f"{min(99, int(100 * probability))}%"


def reading(when: str, read: int, label: int, probability: float, data: Data, glyphs: Glyphs) -> tuple[str, str]:
    """What an example with that label was read as at a moment: a text of a card."""
    mark, part = (glyphs.right, "right") if read == label else (glyphs.wrong, "wrong")
    return f"{mark} {when} {cut(data.name(read), NAME, glyphs.ellipsis)}, {percent(probability)}", part
