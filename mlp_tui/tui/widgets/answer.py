"""What the model makes of a drawn digit: the digit as it sees it, the one that it reads, and all probabilities."""

import textwrap

from ...events import Drawing
from ...headless.characters import SIDE
from ..pictures.bars import bar
from ..pictures.digits import picture
from ..pictures.glyphs import UNICODE, Glyphs
from ..pictures.numerals import numeral
from .lines import Line, Lines
from .pad import pixel_cells


class AnswerView(Lines):
    """Shows a part of the answer, where there is one; `sentence` says why it says nothing."""

    def __init__(self, glyphs: Glyphs = UNICODE, colour: bool = True, id: str | None = None) -> None:
        super().__init__(glyphs, colour, id)
        self._answer: Drawing | None = None
        self._sentence = ""

    def show(self, answer: Drawing | None, sentence: str) -> None:
        """Draws that answer."""
        if answer is not self._answer or sentence != self._sentence:
            self._answer, self._sentence = answer, sentence
            self.redraw()


class SeenDigit(AnswerView):
    """The drawing as the model got it."""

    _pixels = bytes(SIDE * SIDE)

    def show(self, answer: Drawing | None, sentence: str) -> None:
        pixels = answer.pixels if answer else bytes(SIDE * SIDE)
        if pixels != self._pixels:
            self._pixels = pixels
            self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        pixels = self._pixels
        if width < SIDE:
            return picture(pixels, width, height, self._glyphs, self._colour)
        large = width >= 2 * SIDE
        rows = range(SIDE if large else SIDE // 2)
        return [pixel_cells(pixels, y, large, self._glyphs, self._colour) for y in rows]


class ReadDigit(AnswerView):
    """The likeliest digit, large."""

    def lines(self, width: int, height: int) -> list[Line]:
        if self._sentence or self._answer is None:
            return []
        lines = numeral(likeliest(self._answer.probabilities), width, height, self._glyphs)
        return in_the_middle([[self.text(line.center(width), "key")] for line in lines], height)


class Probabilities(AnswerView):
    """A bar for each digit's probability; in place of them the sentence."""

    def lines(self, width: int, height: int) -> list[Line]:
        if self._sentence or self._answer is None:
            wrapped = textwrap.wrap(self._sentence, width, break_on_hyphens=False)
            return [[self.text(line, "muted")] for line in wrapped]
        lines = []
        best = likeliest(self._answer.probabilities)
        for digit, probability in enumerate(self._answer.probabilities):
            part, mark = ("key", self._glyphs.best) if digit == best else ("muted", " ")
            done, todo = bar(probability, max(0, width - 11), self._glyphs.todo + self._glyphs.done)
            lines.append(
                [
                    self.text(f"{mark} {digit} ", part),
                    self.text(done, part),
                    self.text(todo, "faint"),
                    self.text(f"{probability:7.1%}", part),
                ]
            )
        return in_the_middle(lines, height)


def in_the_middle(lines: list[Line], height: int) -> list[Line]:
    """The lines, with as much room above them as below."""
    blank: list[Line] = [[]]
    return blank * ((height - len(lines)) // 2) + lines


def likeliest(probabilities: tuple[float, ...]) -> int:
    """The digit with the highest probability."""
    return probabilities.index(max(probabilities))
