"""What the examples of a run are, for whoever shows them: pictures or the rows of a table, and their classes' names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len, set_cell_size

from ..events import RunStarted
from .characters import PictureShape

DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class Data:
    """The classes' names by their labels, the shape of an example and the columns' names, as `RunStarted` has them."""

    classes: tuple[str, ...] = DIGITS
    shape: tuple[int, ...] = (1, 28, 28)
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: RunStarted) -> "Data":
        """Those of a run; names from folders and files are made safe to be shown."""
        return cls(tuple(map(printable, run.classes)), run.shape, tuple(map(printable, run.columns)))

    @property
    def pictures(self) -> bool:
        """Whether the examples are pictures."""
        return len(self.shape) == 3

    @property
    def picture_shape(self) -> PictureShape:
        """Height, width and channels of the pictures; there must be pictures."""
        channels, height, width = self.shape
        return height, width, channels

    @property
    def digits(self) -> bool:
        """Whether they are pictures of digits, and are called so."""
        return self.pictures and self.classes == DIGITS

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return "digit" if self.digits else "example"

    @property
    def speed(self) -> str:
        """What a number of examples a second is called."""
        return "images/s" if self.pictures else "rows/s"

    def name(self, label: int) -> str:
        """The name of the class with that label."""
        return self.classes[label] if label < len(self.classes) else str(label)

    def column(self, number: int) -> str:
        """The name of a column of a table."""
        return self.columns[number] if number < len(self.columns) else f"column {number + 1}"

    @cached_property
    def longest(self) -> int:
        """The width of the longest class name, in cells."""
        return max(map(cell_len, self.classes), default=1)


MNIST = Data()


def printable(name: str) -> str:
    """A name in one line without control characters, which would tear the screen."""
    return "".join(character if character.isprintable() else "?" for character in name)


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """The text, or its beginning and an ellipsis where it is wider than `width` cells."""
    if cell_len(text) <= width:
        return text
    if width <= len(ellipsis) + 1:
        return set_cell_size(text, max(0, width)).rstrip()
    return set_cell_size(text, width - len(ellipsis)).rstrip() + ellipsis


def cut_both(one: str, other: str, width: int, ellipsis: str = "…") -> tuple[str, str]:
    """Two texts that take at most `width` cells together; a short one leaves the other what it does not need."""
    first = cut(one, max(width // 2, width - cell_len(other)), ellipsis)
    return first, cut(other, width - cell_len(first), ellipsis)


def padded(text: str, width: int, ellipsis: str = "…") -> str:
    """The text, cut or filled with blanks to that many cells."""
    return set_cell_size(cut(text, width, ellipsis), max(0, width))


def abbreviated(names: Sequence[str], width: int) -> list[str] | None:
    """The beginnings of the names in that many cells; None where two of them would be the same."""
    short = [cut(name, width, "") for name in names]
    return short if len(set(short)) == len(short) else None
