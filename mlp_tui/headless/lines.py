"""Events as lines: JSON, or the notebook's own lines with its picture in characters."""

import sys
from collections.abc import Iterator

from ..config import PRINT_EVERY
from ..events import (
    BatchFinished,
    EpochFinished,
    Event,
    Mistakes,
    Past,
    Predictions,
    Preview,
    RunFinished,
    RunStarted,
    to_json,
)
from .characters import can_show_blocks, in_quadrants, in_ramp, side_by_side, within
from .confusion import confused_words, matrix_lines
from .data import Data, cut


def as_json_lines(event: Event) -> Iterator[str]:
    """The event itself, as one line."""
    if not isinstance(event, Past):
        yield to_json(event)


class NotebookLines:
    """The notebook's own lines, to the letter; at the end its picture, in characters, and what was read wrong."""

    def __init__(self, ascii: bool = False) -> None:
        self.ascii = ascii or not can_show_blocks(sys.stdout.encoding)
        self.data = Data()
        self.mistakes: Mistakes | None = None
        self.preview: Preview | None = None
        self.predictions: Predictions | None = None
        self.validated = False

    def __call__(self, event: Event) -> Iterator[str]:
        match event:
            case RunStarted():
                self.data = Data.of(event)
            case BatchFinished(epoch=epoch, batch=batch, running_loss=loss) if batch % PRINT_EVERY == 1:
                yield f"Epoch {epoch}, batch {batch}: loss = {loss:.2f}"
            case EpochFinished() as e:
                self.validated = e.split == "validation"
                for name, loss, accuracy in (
                    ("train", e.train_loss, e.train_accuracy),
                    (e.split, e.test_loss, e.test_accuracy),
                ):
                    yield (
                        f"Epoch {e.epoch} done. Average {name} loss = {loss:.2f}, "
                        f"average {name} accuracy = {accuracy * 100:.3f}%"
                    )
            case Preview():
                self.preview = event
            case Predictions():
                self.predictions = event
            case Mistakes():
                self.mistakes = event
            case RunFinished(reason="completed") as end if self.preview and self.predictions:
                if self.validated and end.test_loss is not None and end.test_accuracy is not None:
                    yield (
                        f"Test of the epoch with the best validation accuracy: loss = {end.test_loss:.2f}, "
                        f"accuracy = {end.test_accuracy * 100:.3f}%"
                    )
                yield ""
                yield from picture(self.preview, self.predictions, self.ascii, self.data)
                if self.mistakes:
                    yield ""
                    yield f"How often each label was read as each {'digit' if self.data.digits else 'class'}:"
                    yield from matrix_lines(self.mistakes.confusion, self.data.classes)
                    yield confused_words(self.mistakes.confusion, self.data.classes)


def picture(preview: Preview, predictions: Predictions, ascii: bool, data: Data) -> list[str]:
    """The examples five to a row, or fewer, each over its prediction and its label; of a table these alone."""
    width, height = 14, 7
    draw = in_ramp if ascii else in_quadrants
    ellipsis = "..." if ascii else "…"
    examples = []
    for i, (label, prediction) in enumerate(zip(preview.labels, predictions.predictions, strict=True)):
        size = within(width, height, data.picture_shape) if data.pictures else (0, 0)
        image = draw(preview.pixels[i], *size, data.picture_shape) if data.pictures else []
        words = f"Prediction: {data.name(prediction)}", f"Label: {data.name(label)}"
        examples.append([*image, *(cut(line, 2 * width, ellipsis) for line in words)])
    most = max(width, *(len(line) for lines in examples for line in lines[-2:])) if examples else width
    return side_by_side(examples, most, columns=max(1, (5 * width + 10) // (most + 2)))
