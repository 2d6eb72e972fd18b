"""Who may import whom, proved in fresh processes."""

import subprocess
import sys

import pytest


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import mlp_tui", {"torch", "torchvision", "textual"}),
        ("import mlp_tui.cli, mlp_tui.session, mlp_tui.headless.run", {"torch", "torchvision", "textual"}),
        ("import mlp_tui.tui.app", {"torch", "torchvision"}),
        ("import mlp_tui.training.data.centring", {"torch", "torchvision", "textual"}),
        ("import mlp_tui.training.fit, mlp_tui.training.data.strokes", {"textual", "plotext", "torchvision"}),
    ],
)
def test_a_room_does_not_bring_in_what_belongs_to_another(statement: str, absent: set[str]) -> None:
    assert not modules_after(statement) & absent


def test_the_public_names_are_there() -> None:
    import mlp_tui

    for name in mlp_tui.__all__:
        assert getattr(mlp_tui, name)
    with pytest.raises(AttributeError):
        mlp_tui.nothing_of_the_kind  # noqa: B018
