"""What the last test got wrong: the confusion matrix, and the digits behind it."""

from .tab import Tab


class MistakesTab(Tab):
    """What the last test got wrong: the confusion matrix, and the digits behind it."""
