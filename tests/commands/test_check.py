"""The check of a network: what it says of one that is well, and of each thing that may be wrong."""

from pathlib import Path

import pytest

from mlp_tui.commands import check
from mlp_tui.errors import UserError
from mlp_tui.training import checks

MODELS = Path(__file__).parents[1] / "training" / "models"

TOP = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\nclass Net(nn.Module):\n"
INIT = "    def __init__(self):\n        super().__init__()\n"
LAYERS = INIT + "        self.hidden = nn.Linear(784, 30)\n        self.output = nn.Linear(30, 10)\n"
GOOD = f"{TOP}{LAYERS}    def forward(self, x):\n        return self.output(F.relu(self.hidden(x.flatten(1))))\n"


@pytest.fixture(autouse=True)
def soon_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SPEED_SECONDS", 0.01)
    monkeypatch.setattr(checks, "OVERFIT_STEPS", 60)


def checked(small_mnist: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = check.run([*arguments, "--dataset", "mnist", "--data-dir", str(small_mnist)])
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(line.startswith(("✓ ", "✗ ", "· ")) for line in lines) and len(lines) < 24
    assert code == int(any(line.startswith("✗") for line in lines))
    return code, lines


@pytest.mark.parametrize(
    "arguments",
    [[f"{MODELS}/student.py:MultiLayerPerceptron"], [f"{MODELS}/cnn.py:Net"], ["--hidden-sizes", "20", "10"]],
)
def test_a_network_that_is_well_is_described_in_a_screenful(
    small_mnist: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    code, lines = checked(small_mnist, capsys, *arguments)
    assert code == 0, lines
    text = "\n".join(lines)
    for part in (
        "give logits of shape (2, 10)",
        " -> (2, 10)",
        "parameters, all of them trained",
        "✓ forward and backward of a batch of 64 work (",
        "✓ each parameter gets a gradient",
        "that of guessing is ln(10) = 2.3",
        "✓ one batch is read 100% right after",
        "✓ two runs agree to the bit",
        "✓ a checkpoint comes back to the bit (",
        " batches a second (",
    ):
        assert part in text, text


FAULTS: dict[str, tuple[str, str]] = {
    "no model": (TOP + LAYERS, "✗ net.py, line 4: Net has no forward: write def forward(self, x), indented in it."),
    "an unused layer": (
        GOOD.replace("        self.output", "        self.unused = nn.Linear(3, 3)\n        self.output", 1),
        "✗ no gradient reaches unused.weight, unused.bias: use that in forward, or delete it.",
    ),
    "a dead layer": (
        GOOD.replace("F.relu(", "F.relu(-5 + 0 * "),
        "✗ the gradient of hidden.weight, hidden.bias, output.weight is all zeros: look for a dead",
    ),
    "softmax": (
        GOOD.replace("x.flatten(1))))", "x.flatten(1)))).softmax(-1)"),
        "; the logits are probabilities already: leave out softmax, the loss has its own.",
    ),
    "large first weights": (
        GOOD.replace("return ", "return 90 * "),
        ": make the first weights smaller, or normalise what goes into the last layer.",
    ),
    "what cannot be learnt": (
        GOOD.replace("x.flatten(1)", "0 * x.flatten(1)"),
        ": try a smaller --learning-rate, or look whether forward uses each layer.",
    ),
    "random numbers of its own": (
        GOOD.replace("import torch\n", "import os, torch\n").replace(
            "return ", "return len(os.urandom(1)) * os.urandom(1)[0] * "
        ),
        "✗ two runs differ (",
    ),
    "a generator of its own": (
        GOOD.replace(
            "        self.output =", "        self.generator = torch.Generator()\n        self.output =", 1
        ).replace("return ", "return torch.rand(1, generator=self.generator) * "),
        "✗ a run that a checkpoint breaks off ends otherwise (",
    ),
    "a count that is not saved": (
        GOOD.replace("return ", "self.calls = getattr(self, 'calls', 0) + self.training\n        return self.calls * "),
        ": what forward changes must be a parameter or a buffer (register_buffer), and no Generator of its own.",
    ),
    "an error in training alone": (
        GOOD.replace("return ", "assert not self.training, 'never'\n        return "),
        "✗ net.py, line 10: training fails with AssertionError: never: mend that, and check again.",
    ),
    "an odd batch": (
        GOOD.replace("return ", "x = x.view(-1, 2, 784)[:, 0] if self.training else x\n        return "),
        "fails with ValueError: Expected input batch_size (32) to match target batch_size (64)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_has_a_mark_and_says_what_to_do(
    small_mnist: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    text, expected = FAULTS[fault]
    Path("net.py").write_text(text)
    code, lines = checked(small_mnist, capsys, "net.py:Net")
    assert code == 1 and any(line.startswith("✗") and expected in line for line in lines), "\n".join(lines)


def test_the_last_batch_of_an_epoch_is_tried_too(
    tmp_path: Path, small_mnist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """640 images in batches of 71 leave one, of which batch norm has no deviation."""
    code, lines = checked(small_mnist, capsys, f"{MODELS}/random_parts.py:Net", "--batch-size", "71")
    assert code == 1
    assert "training fails with ValueError: Expected more than 1 value per channel when training" in lines[-1]


def test_what_the_model_prints_does_not_come_between_the_lines(
    small_mnist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.py").write_text("print('loaded')\n" + GOOD.replace("return ", "print('called')\n        return "))
    assert checked(small_mnist, capsys, "net.py:Net")[0] == 0


def test_a_terminal_of_ascii_gets_other_marks() -> None:
    assert check.marks_for("ascii") == {True: "+", False: "!", None: "-"}
    assert check.marks_for("utf-8") == {True: "✓", False: "✗", None: "·"}


def test_wrong_options_are_raised(small_mnist: Path) -> None:
    with pytest.raises(UserError, match="--epochs must be at least 1"):
        check.run(["--epochs", "0"])


def test_a_data_set_that_is_not_there_is_a_line(small_mnist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("MNIST").write_text("no folder")
    code, lines = checked(Path.cwd(), capsys)
    assert code == 1 and lines[0].startswith("✗ MNIST cannot be put into")
