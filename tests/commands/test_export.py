"""A run's model for other programs: it answers as the run does, from raw inputs, in batches of any size."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import safetensors
import torch
from torch import Tensor, nn

from mlp_tui.errors import UserError
from mlp_tui.training import export
from mlp_tui.training.data.batches import Normaliser
from mlp_tui.training.trained import Trained

from ..one_process import OneProcess
from .test_predict import loaded


class SmallNet(nn.Module):
    """A convolution over colour pictures, which counts its batch itself."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.output = nn.Linear(4 * 6 * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolution(x)).relu()
        return self.output(x.view(x.shape[0], -1))  # type: ignore[no-any-return]


def in_colour() -> Trained:
    normalise = Normaliser((0.4, 0.5, 0.6), (0.2, 0.3, 0.1))
    return Trained(SmallNet().eval(), (3, 8, 6), normalise, ("a", "b", "c"), (3, 8, 6), ())


def of_a_table() -> Trained:
    model = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
    return Trained(model, (2,), Normaliser((100.0, 5.0), (50.0, 3.0)), ("no", "yes"), (2,), ("x", "y"))


def differ(logits: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest logit."""
    return float((logits.detach() - expected).abs().max() / expected.abs().max().clamp(min=1))


def test_onnx_takes_bytes_in_batches_of_any_size(program: OneProcess, small_run: Path) -> None:
    done = program.run("export", small_run, "model.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    session = onnxruntime.InferenceSession("model.onnx")
    raw = torch.randint(256, (33, 28, 28), dtype=torch.uint8)
    (logits,) = session.run(None, {"inputs": raw.view(33, 1, 28, 28).float().numpy()})
    assert differ(torch.from_numpy(logits), loaded(small_run).logits(raw)) < 1e-5
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == list("0123456789")
    assert sorted(path.name for path in Path().iterdir()) == ["model.onnx"]


def test_pt2_is_loaded_by_torch_alone(program: OneProcess, small_run: Path) -> None:
    done = program.run("export", small_run, "model.pt2")
    assert (done.returncode, done.stderr) == (0, "")
    about = {"mean": ""}
    module = torch.export.load("model.pt2", extra_files=about).module()
    raw = torch.randint(256, (5, 28, 28), dtype=torch.uint8)
    assert differ(module(raw.view(5, 1, 28, 28).float()), loaded(small_run).logits(raw)) < 1e-6
    assert json.loads(about["mean"]) == [0.1307]


def test_safetensors_has_the_weights_and_what_goes_with_them(program: OneProcess, small_run: Path) -> None:
    done = program.run("export", small_run, "model.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    with safetensors.safe_open("model.safetensors", "pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    own = torch.load(small_run / "model.pt", weights_only=True)
    assert weights.keys() == own.keys() and all(torch.equal(weights[name], own[name]) for name in own)
    assert json.loads(metadata["classes"]) == list("0123456789") and json.loads(metadata["deviation"]) == [0.3081]


@pytest.mark.parametrize("ending", [".onnx", ".pt2"])
@pytest.mark.parametrize("model", [in_colour, of_a_table], ids=["in colour", "of a table"])
def test_any_kind_of_input_can_be_exported(model: Callable[[], Trained], ending: str) -> None:
    assert export.exported(model(), ending)


def test_a_model_that_answers_otherwise_is_not_written() -> None:
    model = of_a_table()
    with pytest.raises(UserError, match="answers otherwise, by"):
        export.check(model, lambda inputs: model.logits(inputs) + 1e-3, 1e-5)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, "safetensors.torch", raising=False)
    with pytest.raises(UserError, match=r"pip install 'mlp-tui\[safetensors\]'\.$"):
        export.exported(of_a_table(), ".safetensors")


def test_a_file_that_is_there_stays_whole_where_the_new_one_cannot_be_made(
    program: OneProcess, small_run: Path
) -> None:
    Path("model.pt2").write_text("old")
    Path("runs/r").mkdir(parents=True)
    Path("runs/r/config.json").write_text("{}")
    assert program.run("export", "r", "model.pt2").returncode == 1
    assert Path("model.pt2").read_text() == "old"
    assert program.run("export", small_run, "model.pt2").returncode == 0
    assert Path("model.pt2").stat().st_size > 1000


@pytest.mark.parametrize(
    ("file", "code", "part"),
    [
        ("model.h5", 2, "let it end in .onnx, .safetensors, .pt2"),
        ("nowhere/model.pt2", 1, "name a file in a folder that exists"),
        ("folder.pt2", 1, "name a file in a folder that exists"),
    ],
)
def test_a_file_that_cannot_be_written_gets_one_sentence(
    program: OneProcess, small_run: Path, file: str, code: int, part: str
) -> None:
    Path("folder.pt2").mkdir()
    done = program.run("export", small_run, file)
    assert (done.returncode, done.stdout) == (code, "")
    assert part in done.stderr and done.stderr.count("\n") == 1
