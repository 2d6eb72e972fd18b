"""The hidden units: what each of them looks for, and what it says to the ten digits."""

from .tab import Tab


class WeightsTab(Tab):
    """The hidden units: what each of them looks for, and what it says to the ten digits."""
