"""The keys of the dashboard, beside those of its tabs: one table for what they do, what is shown and the help."""

from textual.binding import Binding, BindingType

TABS = ("train", "digits", "mistakes", "weights", "draw")
"""The tabs' names, in the order of their keys, from 1."""


def drive(
    key: str, what: str, description: str, tooltip: str = "", display: str | None = None, show: bool = True
) -> Binding:
    """A key that drives the run, in those phases in which the table of phases has it."""
    return Binding(key, f"drive({what})", description, show, display or key[0], tooltip=tooltip)


KEYS: list[BindingType] = [
    # One key, four meanings: the phase says which it has, and the line of keys shows that one.
    drive("s,space", "'start'", "Start", "start, pause, continue, resume (the space bar too)"),
    drive("s,space", "'pause'", "Pause"),
    drive("s,space", "'unpause'", "Continue"),
    drive("s,space", "'resume'", "Resume"),
    drive("s,space", "'play'", "Play", "at a past moment: play from there; again: stop there"),
    drive("s,space", "'halt'", "Halt"),
    drive("n", "'step'", "Step", "train on one batch, and show the six steps of the loop"),
    drive("N", "'epoch'", "Epoch", "train to the end of the epoch, and pause"),
    drive("x", "'stop'", "Stop", "stop the training and save the run; s resumes it"),
    drive("r", "'restart'", "Restart", "train anew, from the same initial weights"),
    drive("left_square_bracket", "'change_rate', -1", "Rate", "a smaller, a larger learning rate", "[ ]"),
    drive("right_square_bracket", "'change_rate', 1", "Rate", display="[ ]"),
    drive("minus", "'change_pace', -1", "Pace", "a slower, a faster pace: 1 batch a second, or all it can", "- +"),
    drive("plus,equals_sign", "'change_pace', 1", "Pace", display="- +"),
    drive("comma", "'walk', -1", "Walk", "a batch back, or forward, through a run that is paused or over", ", ."),
    drive("full_stop", "'walk', 1", "Walk", display=", ."),
    drive("less_than_sign", "'walk_epochs', -1", "Walk", "an epoch back, or forward", "< >", show=False),
    drive("greater_than_sign", "'walk_epochs', 1", "Walk", show=False),
    drive("home", "'walk_to_end', -1", "Walk", "the run's beginning, its end; or click on the bar", "home/end", False),
    drive("end", "'walk_to_end', 1", "Walk", show=False),
    Binding("o", "settings", "Settings", tooltip="the settings of the next run"),
    Binding("c", "compare", "Compare", tooltip="another run's loss behind this one's"),
    Binding("d", "detach", "Detach", tooltip="leave; the run trains on without the dashboard"),
    Binding("1", "open_tab('train')", show=False, key_display="1 - 5", tooltip="the tabs, from left to right"),
    *(Binding(str(number), f"open_tab('{tab}')", show=False) for number, tab in enumerate(TABS[1:], start=2)),
    Binding("t", "theme", "Theme", show=False, tooltip="dark colours, or light ones"),
    Binding("question_mark", "keys", "Keys", key_display="?", tooltip="show every key"),
    Binding("q", "quit", "Quit", tooltip="quit (Ctrl+C too)"),
]
