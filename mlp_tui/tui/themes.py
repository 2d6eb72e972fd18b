"""The colours: a dark theme and a light one."""

from textual.theme import Theme

# Each colour is one of xterm's 256, so that it looks the same where there are no more. Train is blue and test is
# orange: two that nearly everybody can tell apart.
DARK = Theme(
    name="mlp-tui-dark",
    primary="#5fafff",
    secondary="#ffaf5f",
    accent="#5fafff",
    success="#87d787",
    warning="#ffd787",
    error="#ff8787",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    dark=True,
)
LIGHT = Theme(
    name="mlp-tui-light",
    primary="#005faf",
    secondary="#af5f00",
    accent="#005faf",
    success="#005f00",
    warning="#875f00",
    error="#af0000",
    foreground="#303030",
    background="#eeeeee",
    surface="#e4e4e4",
    panel="#dadada",
    dark=False,
)
