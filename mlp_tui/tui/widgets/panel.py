"""Panels: widgets with a frame and a title."""

from typing import TypeVar

from textual.widget import Widget

W = TypeVar("W", bound=Widget)


def panel(widget: W, title: str) -> W:
    """The widget as a panel with a title."""
    widget.add_class("panel")
    widget.border_title = title
    return widget


def retitle(widget: Widget, title: str) -> None:
    """Sets a panel's title; only where it differs, since it costs drawing the panel."""
    if widget.border_title != title:
        widget.border_title = title
