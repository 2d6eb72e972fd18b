"""The keys of the dashboard, beside those of its tabs: one table for what they do, what is shown and the help."""

from textual.binding import Binding, BindingType

TABS = ("train", "digits", "mistakes", "weights", "draw")
"""The tabs' names, in the order of their keys, from 1."""


def drive(key: str, what: str, description: str, tooltip: str = "", display: str | None = None) -> Binding:
    """A key that drives the run, in those phases in which the table of phases has it."""
    return Binding(key, f"drive({what})", description, key_display=display or key[0], tooltip=tooltip)


def walk(key: str, how: str, tooltip: str = "", display: str | None = None, show: bool = False) -> Binding:
    """A key that goes to another moment of the run, in the phases in which one can walk."""
    return Binding(key, f"walk({how})", "Walk", show, display, tooltip=tooltip)


KEYS: list[BindingType] = [
    # One key, four meanings: the phase says which it has, and the line of keys shows that one.
    drive("s,space", "'start'", "Start", "start, pause, continue, resume (the space bar too)"),
    drive("s,space", "'pause'", "Pause"),
    drive("s,space", "'unpause'", "Continue"),
    drive("s,space", "'resume'", "Resume"),
    drive("s,space", "'play'", "Play", "at a past moment: play from there, or pause"),
    drive("s,space", "'halt'", "Pause"),
    Binding("s,space", "go_on", "Go on", key_display="s", tooltip="how a run goes on that has diverged"),
    drive("n", "'step'", "Step", "train on one batch, and show the six steps of the loop"),
    drive("N", "'epoch'", "Epoch", "train to the end of the epoch, and pause"),
    drive("x", "'stop'", "Stop", "stop the training and save the run; s resumes it"),
    drive("r", "'restart'", "Restart", "train anew, from the same initial weights"),
    drive("left_square_bracket", "'change_rate', -1", "Rate", "a smaller, a larger learning rate", "[ ]"),
    drive("right_square_bracket", "'change_rate', 1", "Rate", display="[ ]"),
    drive("minus", "'change_pace', -1", "Pace", "fewer batches a second, or more, up to full speed", "- +"),
    drive("plus,equals_sign", "'change_pace', 1", "Pace", display="- +"),
    walk("comma", "'batches', -1", "a batch back, or forward, once it is paused or over", ", .", show=True),
    walk("full_stop", "'batches', 1", display=", .", show=True),
    walk("less_than_sign", "'epochs', -1", "an epoch back, or forward", "< >"),
    walk("greater_than_sign", "'epochs', 1"),
    walk("home", "'to_end', -1", "the beginning, the end; anywhere: drag on the bar", "home/end"),
    walk("end", "'to_end', 1"),
    Binding("b", "branch", "Branch", tooltip="a new run from the moment on show, with other settings"),
    Binding("f", "flips", "Flips", tooltip="what is read otherwise than an epoch ago, and why"),
    Binding("o", "settings", "Settings", tooltip="the settings of the next run"),
    Binding("c", "compare", "Compare", tooltip="another run's loss behind this one's"),
    Binding("d", "detach", "Detach", tooltip="leave; the run trains on without the dashboard"),
    Binding("1", "open_tab('train')", show=False, key_display="1 - 5", tooltip="the tabs, from left to right"),
    *(Binding(str(number), f"open_tab('{tab}')", show=False) for number, tab in enumerate(TABS[1:], start=2)),
    Binding("t", "theme", "Theme", show=False, tooltip="dark colours, or light ones"),
    Binding("question_mark", "keys", "Keys", key_display="?", tooltip="show every key"),
    Binding("q", "quit", "Quit", tooltip="quit (Ctrl+C too)"),
]
