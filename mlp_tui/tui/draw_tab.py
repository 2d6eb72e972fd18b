"""A pad to draw a digit on, and what the model makes of it."""

from textual.message import Message

from .tab import Tab


class DrawTab(Tab):
    """A pad to draw a digit on, and what the model makes of it."""

    class Drawn(Message):
        """The drawing changed. `pixels`: 28x28 bytes, scaled and centred as MNIST's are; None where it is empty."""

        def __init__(self, pixels: bytes | None) -> None:
            super().__init__()
            self.pixels = pixels
