"""Panels: widgets with a frame and a title."""

from typing import TypeVar

from textual.widget import Widget

W = TypeVar("W", bound=Widget)


def panel(widget: W, title: str) -> W:
    """The widget as a panel with a title."""
    widget.add_class("panel")
    widget.border_title = title
    return widget
