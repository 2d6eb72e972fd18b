"""The examples, one of them large, with the probabilities of the ten digits and how they moved."""

from .tab import Tab


class DigitsTab(Tab):
    """The examples, one of them large, with the probabilities of the ten digits and how they moved."""
