"""What the model makes of a drawing: the drawing as it sees it, the class that it reads, and the probabilities."""

import heapq
import textwrap
from collections.abc import Sequence

from ...events import Drawing
from ...headless.characters import DIGIT, SIDE
from ...headless.data import MNIST, Data, padded
from ..pictures.bars import bar
from ..pictures.digits import picture
from ..pictures.numerals import numeral
from .lines import Line, Lines
from .pad import pixel_cells


class AnswerView(Lines):
    """Shows a part of the answer, where there is one; `sentence` says why it says nothing."""

    _answer: Drawing | None = None
    _sentence = ""
    _data = MNIST

    def show(self, answer: Drawing | None, sentence: str, data: Data) -> None:
        """Draws that answer."""
        if answer is not self._answer or sentence != self._sentence:
            self._answer, self._sentence, self._data = answer, sentence, data
            self.redraw()


class SeenDigit(AnswerView):
    """The drawing as the model got it."""

    _pixels = bytes(SIDE * SIDE)

    def show(self, answer: Drawing | None, sentence: str, data: Data) -> None:
        pixels = answer.pixels if answer else bytes(SIDE * SIDE)
        if pixels != self._pixels:
            self._pixels, self._data = pixels, data
            self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        pixels = self._pixels
        # Where nothing is drawn, the pixels are a pad's, whatever the model reads.
        shape = DIGIT if len(pixels) == SIDE * SIDE else self._data.picture_shape
        if width < SIDE or shape[:2] != (SIDE, SIDE):
            return picture(pixels, width, height, self._glyphs, self._colour, shape)
        large = width >= 2 * SIDE
        rows = range(SIDE if large else SIDE // 2)
        return [pixel_cells(pixels, y, large, self._glyphs, self._colour) for y in rows]


class ReadDigit(AnswerView):
    """The likeliest class: a digit large, another name in words."""

    def lines(self, width: int, height: int) -> list[Line]:
        if self._sentence or self._answer is None:
            return []
        best = likeliest(self._answer.probabilities)
        digit = self._data.digits
        words = numeral(best, width, height, self._glyphs) if digit else textwrap.wrap(self._data.name(best), width)
        return in_the_middle([[self.text(word.center(width), "key")] for word in words], height)


class Probabilities(AnswerView):
    """A bar for each class's probability, the likeliest first where not all fit; in place of them the sentence."""

    def lines(self, width: int, height: int) -> list[Line]:
        if self._sentence or self._answer is None:
            wrapped = textwrap.wrap(self._sentence, width, break_on_hyphens=False)
            return [[self.text(line, "muted")] for line in wrapped]
        lines = []
        probabilities = self._answer.probabilities
        best = likeliest(probabilities)
        name = min(self._data.longest, max(1, width // 3))
        for label in likeliest_first(probabilities, height):
            probability = probabilities[label]
            part, mark = ("key", self._glyphs.best) if label == best else ("muted", " ")
            done, todo = bar(probability, max(0, width - 10 - name), self._glyphs.todo + self._glyphs.done)
            text = f"{mark} {padded(self._data.name(label), name, self._glyphs.ellipsis)} {done}"
            lines.append([self.text(text, part), self.text(todo, "faint"), self.text(f"{probability:7.1%}", part)])
        return in_the_middle(lines, height)


def in_the_middle(lines: list[Line], height: int) -> list[Line]:
    """The lines, with as much room above them as below."""
    return [[]] * ((height - len(lines)) // 2) + lines


def likeliest(probabilities: tuple[float, ...]) -> int:
    """The class with the highest probability."""
    return probabilities.index(max(probabilities))


def likeliest_first(probabilities: Sequence[float], most: int, always: int | None = None) -> list[int]:
    """All classes in their order; where they are more than `most`, the likeliest first, with one `always` there."""
    classes = range(len(probabilities))
    if len(classes) <= most:
        return list(classes)
    shown = heapq.nsmallest(max(1, most), classes, key=lambda label: -probabilities[label])
    return shown if always is None or always in shown else [*shown[:-1], always]
