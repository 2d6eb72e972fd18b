"""Who may import whom: one table, which every file is held to. `python -m tests.test_imports` prints it.

The proofs in fresh processes below it show what the table is for: nobody waits for a library that is not needed.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import mlp_tui

PACKAGE = Path(mlp_tui.__file__).parent
README = Path(__file__).parent.parent / "README.md"


@dataclass(frozen=True)
class Room:
    """Some of the package's files, and what they may import besides each other and the standard library."""

    places: tuple[str, ...]
    """Files, and folders with all that is in them, unless another room has it."""
    purpose: str
    rooms: tuple[str, ...] = ()
    """The first places of other rooms."""
    libraries: tuple[str, ...] = ()


BASE = "config.py"
STATE = "tui/run_state.py"

ROOMS = (
    Room(("cli.py", "__main__.py"), "the command line", (BASE, "commands/")),
    Room(
        ("commands/",),
        "what the command line does, a command a file",
        (BASE, "session.py", "runs/", "headless/", "tui/", "training/"),
        ("tyro", "torch"),
    ),
    Room(
        ("from_python.py",),
        "what a script calls: `show` and `fit`",
        (BASE, "session.py", "runs/", "headless/", "tui/"),
    ),
    Room(
        ("tui/",),
        "the dashboard: its layout, its thread, how it is left",
        (BASE, "runs/", "headless/", "tui/tabs/", "tui/screens/", "tui/widgets/", STATE, "tui/pictures/"),
        ("textual",),
    ),
    Room(
        ("tui/tabs/",),
        "what a tab shows, one a file",
        (BASE, "runs/", "headless/", "tui/widgets/", STATE, "tui/pictures/"),
        ("textual", "rich"),
    ),
    Room(
        ("tui/screens/",),
        "dialogs, one a file",
        (BASE, "runs/", "headless/", "tui/widgets/", STATE, "tui/pictures/"),
        ("textual", "rich", "typing_extensions"),
    ),
    Room(
        ("tui/widgets/",),
        "widgets, one a file; each can be drawn by a test without an app",
        (BASE, "headless/", STATE, "tui/pictures/"),
        ("textual", "rich", "plotext"),
    ),
    Room(
        (STATE, "tui/history.py", "tui/keys.py", "tui/phases.py", "tui/summary.py", "tui/themes.py"),
        "what there is to show, in tables and words",
        (BASE, "headless/", "tui/pictures/"),
        ("textual",),
    ),
    Room(("tui/pictures/",), "pixels, weights and numbers in characters", (BASE, "headless/"), ("numpy", "rich")),
    Room(("headless/",), "events as lines, JSON or the notebook's", (BASE, "runs/"), ("numpy", "rich")),
    Room(
        ("session.py", "opening.py", "time_machine.py", "branch.py", "tripwire.py"),
        "one run from start to end, any of its moments again, and a new run from there",
        (BASE, "runs/", "training/"),
        ("torch",),
    ),
    Room(("runs/",), "a run's folder, lock, log and list; recording and watching", (BASE,)),
    Room(
        ("training/",),
        "all that computes, with `data/` and `steps/` in it",
        (BASE,),
        ("torch", "torchvision", "numpy", "PIL", "psutil"),
    ),
    Room(
        (BASE, "errors.py", "events.py", "files.py", "streams.py", "__init__.py"),
        "what a run is and says; files and streams",
        (),
        ("platformdirs", "typing_extensions"),
    ),
)


def room_of(file: str) -> Room:
    """The room that a file is in, by its path in the package: the one that names most of the path."""
    matches = ((place, room) for room in ROOMS for place in room.places if file.startswith(place))
    return max(matches, key=lambda match: len(match[0]))[1]


def imports_of(path: Path) -> Iterator[str]:
    """What a file imports, anywhere in it: the package's own files by their paths in it, libraries by their names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for target in (folder / alias.name for alias in node.names):
                found = next((each for each in (target, folder) if each.with_suffix(".py").exists()), None)
                file = found.with_suffix(".py") if found else folder / "__init__.py"
                assert file.exists(), f"{path} imports {file}"
                yield file.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.places[0])
def test_a_room_imports_what_the_table_says(room: Room) -> None:
    files = [path for path in PACKAGE.rglob("*.py") if room_of(path.relative_to(PACKAGE).as_posix()) is room]
    assert files
    wrong = []
    for path in files:
        for name in imports_of(path):
            if name.endswith(".py"):
                other = room_of(name)
                allowed = other is room or other.places[0] in room.rooms or name == "__init__.py"
            else:
                allowed = name in sys.stdlib_module_names or name in room.libraries
            if not allowed:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def as_markdown() -> str:
    """The table, as the README has it."""

    def code(names: tuple[str, ...]) -> str:
        return ", ".join(f"`{name}`" for name in names) or "-"

    lines = ["| room | what it is for | may import of the rooms | and of libraries |", "|---|---|---|---|"]
    lines += [
        f"| {code(room.places)} | {room.purpose} | {code(room.rooms)} | {code(room.libraries)} |" for room in ROOMS
    ]
    return "\n".join(lines) + "\n"


def test_the_readme_has_the_table() -> None:
    assert as_markdown() in README.read_text(), "python -m tests.test_imports prints the table for the README"


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import mlp_tui", {"torch", "torchvision", "textual", "tyro", "rich"}),
        ("import mlp_tui; mlp_tui.TrainingConfig", {"torch", "torchvision", "textual", "tyro", "rich"}),
        ("import mlp_tui.cli, mlp_tui.session, mlp_tui.headless.run", {"torch", "torchvision", "textual"}),
        (
            "from mlp_tui.commands import names, of_name; [of_name(name) for name in names()]",
            {"torch", "torchvision", "textual", "PIL", "onnx"},
        ),
        ("from mlp_tui import show, fit", {"torch", "torchvision", "textual"}),
        ("import mlp_tui.tui.app", {"torch", "torchvision"}),
        (
            "import mlp_tui.training.fit, mlp_tui.training.data.load, mlp_tui.training.data.strokes",
            {"textual", "plotext", "torchvision", "tyro"},
        ),
    ],
)
def test_a_room_does_not_bring_in_what_belongs_to_another(statement: str, absent: set[str]) -> None:
    assert not modules_after(statement) & absent


def test_the_public_names_are_there() -> None:
    for name in mlp_tui.__all__:
        assert getattr(mlp_tui, name)
    with pytest.raises(AttributeError):
        mlp_tui.nothing_of_the_kind  # noqa: B018


def test_where_the_system_is_windows_the_command_says_in_one_sentence_what_to_do() -> None:
    code = (
        "import sys\n"
        "for name in ('fcntl', 'termios', 'tty', 'pwd', 'grp', 'resource'): sys.modules[name] = None\n"
        "import mlp_tui.cli\n"
        "sys.platform = 'win32'\n"
        "mlp_tui.cli.main(['--no-ui'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mlp-tui: It runs on Linux and macOS, and on Windows under WSL: install and start it there.\n"
    )


if __name__ == "__main__":
    print(as_markdown(), end="")
