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
    to_json,
)
from .characters import can_show_blocks, in_quadrants, in_ramp, side_by_side
from .confusion import confused_words, matrix_lines


def as_json_lines(event: Event) -> Iterator[str]:
    """The event itself, as one line."""
    if not isinstance(event, Past):
        yield to_json(event)


class NotebookLines:
    """The notebook's own lines, to the letter; at the end its picture, in characters, and what was read wrong."""

    def __init__(self, ascii: bool = False) -> None:
        self.ascii = ascii or not can_show_blocks(sys.stdout.encoding)
        self.mistakes: Mistakes | None = None
        self.preview: Preview | None = None
        self.predictions: Predictions | None = None

    def __call__(self, event: Event) -> Iterator[str]:
        match event:
            case BatchFinished(epoch=epoch, batch=batch, running_loss=loss) if batch % PRINT_EVERY == 1:
                yield f"Epoch {epoch}, batch {batch}: loss = {loss:.2f}"
            case EpochFinished() as e:
                for name, loss, accuracy in (
                    ("train", e.train_loss, e.train_accuracy),
                    ("test", e.test_loss, e.test_accuracy),
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
            case RunFinished(reason="completed") if self.preview and self.predictions:
                yield ""
                yield from picture(self.preview, self.predictions, self.ascii)
                if self.mistakes:
                    yield ""
                    yield "How often each label was read as each digit:"
                    yield from matrix_lines(self.mistakes.confusion)
                    yield confused_words(self.mistakes.confusion)


def picture(preview: Preview, predictions: Predictions, ascii: bool) -> list[str]:
    """The examples five to a row, each over its prediction and its label."""
    width, height = 14, 7
    draw = in_ramp if ascii else in_quadrants
    digits = [
        [*draw(pixels, width, height), f"Prediction: {prediction}", f"Label: {label}"]
        for pixels, label, prediction in zip(preview.pixels, preview.labels, predictions.predictions, strict=True)
    ]
    return side_by_side(digits, width, columns=5)
