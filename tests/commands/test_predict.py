"""Asking a run's model: pictures on paper and as they are, tables, arrays, and all that is none of these."""

import dataclasses
import io
import json
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_tui.config import TrainingConfig
from mlp_tui.runs.folder import RunFolder
from mlp_tui.training import checkpoint
from mlp_tui.training.data.batches import Examples, Normaliser
from mlp_tui.training.data.inputs import read_inputs
from mlp_tui.training.data.mnist import read_split
from mlp_tui.training.data.photo import as_learnt
from mlp_tui.training.model import MultiLayerPerceptron
from mlp_tui.training.trained import Trained, load_trained

from ..odd_files import as_fifo, as_link_to_itself
from ..one_process import OneProcess
from .conftest import trained

Program = OneProcess


def on_paper(pixels: np.ndarray, generator: random.Random) -> Image.Image:
    """A digit in dark ink somewhere on white paper of 200x300 pixels."""
    side = generator.randint(60, 170)
    page = Image.new("L", (200, 300), 255)
    digit = Image.fromarray(255 - pixels).resize((side, side), Image.Resampling.BICUBIC)
    page.paste(digit, (generator.randint(0, 200 - side), generator.randint(0, 300 - side)))
    return page


def in_bad_light(page: Image.Image) -> Image.Image:
    """A photo of it: dim, darker at one side, with noise."""
    values = np.asarray(page, np.float32) * 0.6 + 40
    y, x = np.mgrid[-1 : 1 : values.shape[0] * 1j, -1 : 1 : values.shape[1] * 1j]
    noise = np.random.default_rng(0).normal(0, 6, values.shape)
    return Image.fromarray((values * (0.75 + 0.15 * x - 0.1 * y) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def digits(mnist_dir: Path) -> Examples:
    return read_split(mnist_dir / "MNIST" / "raw", "t10k")


@pytest.fixture(scope="module")
def model(mnist_run: Path) -> Trained:
    return loaded(mnist_run)


def loaded(run: Path) -> Trained:
    folder = RunFolder(run)
    return load_trained(TrainingConfig.from_dict(folder.read_config()), folder.checkpoint, folder.model)


def answers(done: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_twenty_digits_on_paper_are_read(
    program: Program, mnist_run: Path, digits: Examples, record_property: Callable[[str, object], None]
) -> None:
    generator = random.Random(0)
    Path("paper").mkdir()
    for i in range(20):
        on_paper(digits.inputs[i].numpy(), generator).save(f"paper/{i:02}.png")
    done = program.run("predict", mnist_run, "paper", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    read = [answer["class"] for answer in answers(done)]
    right = sum(answer == str(label) for answer, label in zip(read, digits.labels[:20].tolist(), strict=True))
    record_property("digits on paper that are read, of 20", right)
    assert right >= 18


@pytest.mark.parametrize("photo", [lambda page: page, in_bad_light], ids=["scanned", "in bad light"])
def test_paper_costs_few_points_of_accuracy(
    model: Trained, digits: Examples, photo: Callable[[Image.Image], Image.Image]
) -> None:
    generator = random.Random(1)
    pages = [photo(on_paper(digits.inputs[i].numpy(), generator)) for i in range(100)]
    seen = torch.stack([as_learnt(page, model.shape, model.normalise) for page in pages])
    assert int((model.logits(seen).argmax(1) == digits.labels[:100]).sum()) >= 90


def test_raw_pictures_are_answered_as_the_run_does(
    program: Program, mnist_run: Path, model: Trained, digits: Examples
) -> None:
    for i in range(20):
        Image.fromarray(digits.inputs[i].numpy()).save(f"{i:02}.png")
    done = program.run("predict", mnist_run, *(f"{i:02}.png" for i in range(20)), "--json")
    own = model.logits(digits.inputs[:20]).softmax(1)
    for answer, shares in zip(answers(done), own, strict=True):
        assert answer["class"] == model.classes[int(shares.argmax())]
        assert list(answer["probabilities"].values()) == pytest.approx(shares.tolist(), abs=1e-6)  # type: ignore[attr-defined]


def test_a_ballpoint_stroke_is_made_as_wide_as_the_digits_the_model_knows() -> None:
    page = Image.new("L", (400, 500), 250)
    for y in range(100, 400):
        page.putpixel((200, y), 20)
    seen = as_learnt(page, (1, 28, 28), Normaliser((0.1307,), (0.3081,)))
    rows, columns = (seen.amax(dim) > 100 for dim in (1, 0))
    assert (int(rows.sum()), int(columns.sum())) in [(20, 2), (20, 3), (21, 2)]


def test_a_line_an_example_says_name_class_and_probability(program: Program, small_run: Path) -> None:
    bar(3).save("three.png")
    done = program.run("predict", small_run, "three.png", "--show", "--ascii")
    first, *drawn = done.stdout.splitlines()
    assert first.startswith("three.png  3  ") and first.endswith("%")
    assert len(drawn) == 14 and any("@" in line for line in drawn)


def bar(label: int) -> Image.Image:
    """An example of the small data set: its label's rows are bright."""
    values = np.full((28, 28), 40, np.uint8)
    values[4 + 2 * label : 6 + 2 * label, 4:24] = 230
    return Image.fromarray(values)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "named"), [(png(bar(7)), "standard input"), (b"", "")], ids=["a picture", "a table of pixels"]
)
def test_standard_input_is_a_picture_or_a_table(small_run: Path, text: bytes, named: str) -> None:
    if not text:
        header = ",".join(f"pixel{i}" for i in range(784))
        text = f"{header}\n{','.join(map(str, np.asarray(bar(7)).reshape(-1)))}\n".encode()
        named = "standard input:2"
    command = [sys.executable, "-m", "mlp_tui", "predict", str(small_run), "-"]
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    assert done.stdout.decode().startswith(f"{named}  7  "), done


def test_an_array_and_a_table_are_answered_row_by_row(program: Program, small_run: Path) -> None:
    pictures = np.stack([np.asarray(bar(i)) for i in range(10)])
    np.savez("x.npz", x=pictures)
    np.savez_compressed("f.npz", x=np.asfortranarray(pictures[..., None].astype(float)))
    lines = [",".join(["label", *(f"pixel{i}" for i in range(784))])]
    lines += [",".join(map(str, [0, *picture.reshape(-1)])) for picture in pictures]
    Path("x.csv").write_text("\n".join(lines))
    done = program.run("predict", small_run, "x.npz", "x.csv", "f.npz", "--json")
    assert [answer["class"] for answer in answers(done)] == [*map(str, range(10))] * 3
    assert [answer["name"] for answer in answers(done)][9:12] == ["x.npz[9]", "x.csv:2", "x.csv:3"]


# A table


@pytest.fixture(scope="module")
def table_model() -> Trained:
    model = MultiLayerPerceptron((), 2, 3)
    return Trained(model.eval(), (2,), Normaliser((1.0, 5.0), (2.0, 3.0)), ("a", "b", "c"), (2,), ("width", "height"))


def test_a_tables_columns_are_found_by_name(table_model: Trained) -> None:
    Path("t.csv").write_text("height,label,width\n1,a,2\n\n3,b,4\n")
    ((names, inputs),) = read_inputs("t.csv", table_model)
    assert (names, inputs.tolist()) == (["t.csv:2", "t.csv:4"], [[2.0, 1.0], [4.0, 3.0]])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("width\n1\n", 't.csv has no column "height", which the run learnt from; it has width.'),
        ("width,height\n1,2\n1,many\n", 't.csv, line 3 has "many" in the column height: numbers are needed.'),
        ("width,height\n1,nan\n", "t.csv, line 2 has nan in the column height: finite numbers are needed."),
        ("width,height\n1\n", "t.csv, line 2 has 1 values, and the header names 2 columns."),
        ("", "t.csv is empty."),
    ],
)
def test_a_table_that_does_not_fit_gets_one_sentence(table_model: Trained, text: str, sentence: str) -> None:
    Path("t.csv").write_text(text)
    with pytest.raises(Exception, match=r".") as raised:
        list(read_inputs("t.csv", table_model))
    assert str(raised.value) == sentence


# What is no picture


def bomb() -> bytes:
    """A PNG that says that it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 1000)) + chunk(b"IEND", b"")
    )


def as_empty_folder(path: Path) -> None:
    path.mkdir()


BROKEN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("bad.png", lambda path: None),
    "empty": ("bad.png", lambda path: path.touch()),
    "text": ("bad.png", lambda path: path.write_text("no picture")),
    "truncated": ("bad.png", lambda path: path.write_bytes(png(bar(1))[:-60])),
    "huge": ("bad.png", lambda path: path.write_bytes(bomb())),
    "blank": ("bad.png", lambda path: Image.new("L", (50, 50), 255).save(path)),
    "fifo": ("bad.png", as_fifo),
    "folder": ("bad", as_empty_folder),
    "link": ("bad.png", as_link_to_itself),
    "endless": ("bad.png", lambda path: path.symlink_to("/dev/zero")),
    "array": ("bad.npz", lambda path: path.write_bytes(b"PK\x03\x04 no archive")),
    "objects": ("bad.npz", lambda path: np.savez(path, x=np.array([{}], dtype=object))),
    "shape": ("bad.npz", lambda path: np.savez(path, x=np.zeros((3, 5), np.uint8))),
    "brightness": ("bad.npz", lambda path: np.savez(path, x=np.full((1, 28, 28), 300))),
    "arrays": ("bad.npz", lambda path: np.savez(path, a=np.zeros(1), b=np.zeros(1))),
    "columns": ("bad.csv", lambda path: path.write_text("a,b\n1,2\n")),
    "header": ("bad.csv", lambda path: path.write_bytes(b"\xff\xfe\x00")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_file_gets_one_sentence_and_the_others_are_read(program: Program, small_run: Path, what: str) -> None:
    name, make = BROKEN[what]
    make(Path(name))
    bar(5).save("good.png")
    done = program.run("predict", small_run, name, "good.png")
    assert done.returncode == 1
    assert done.stderr.startswith(f"mlp-tui: {name}"), done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.endswith(".\n"), done.stderr
    assert done.stdout.startswith("good.png  5  ")


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["nothing", "x.png"], 2, 'There is no run "nothing"'),
        (["latest"], 2, "Name the pictures"),
    ],
)
def test_wrong_usage_is_said(program: Program, arguments: list[str], code: int, part: str) -> None:
    Path("runs/r").mkdir(parents=True)
    Path("runs/r/config.json").write_text("{}")
    done = program.run("predict", *arguments)
    assert done.returncode == code and part in done.stderr and done.stderr.count("\n") == 1, done


# The run


def copied(run: Path, without: str = "") -> Path:
    target = Path("runs/copied")
    target.mkdir(parents=True)
    for file in run.iterdir():
        if file.is_file() and file.name != without:
            (target / file.name).write_bytes(file.read_bytes())
    return target


@pytest.mark.parametrize("without", ["model.pt", "checkpoint.pt"])
def test_either_of_a_complete_runs_files_is_enough(small_run: Path, without: str) -> None:
    one, other = loaded(small_run), loaded(copied(small_run, without))
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))
    assert not other.model.training and other.classes == one.classes and other.normalise == one.normalise


def test_a_run_that_was_saved_before_its_data_was_kept_is_mnists(small_run: Path) -> None:
    folder = copied(small_run, "model.pt")
    contents = checkpoint.load(folder / "checkpoint.pt", torch.device("cpu"))
    del contents["training"]["data"]
    checkpoint.save(folder / "checkpoint.pt", contents)
    assert loaded(folder).shape == (1, 28, 28) and loaded(folder).normalise.mean == (0.1307,)


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_run_without_a_model_gets_one_sentence(program: Program, small_run: Path, damage: str) -> None:
    folder = copied(small_run, "model.pt")
    file = folder / "checkpoint.pt"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "gone":
        file.unlink()
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"hidden_sizes": [7]}))
    bar(5).save("good.png")
    done = program.run("predict", "copied", "good.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mlp-tui: {file.absolute()} ") and done.stderr.count("\n") == 1, done.stderr


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 5, stride=3)
        self.output = nn.Linear(4 * 8 * 8, 10)

    def forward(self, x):
        return self.output(self.convolution(x).relu().flatten(1))
"""


def test_a_model_of_ones_own_is_asked_and_exported_and_refused_where_its_file_has_changed(
    program: Program, small_config: TrainingConfig
) -> None:
    Path("net.py").write_text(NET)
    run = trained(dataclasses.replace(small_config, model="net.py:Net"))
    bar(5).save("five.png")
    done = program.run("predict", run, "five.png")
    assert done.stdout.startswith("five.png  5  "), done
    assert program.run("export", run, "net.pt2").returncode == 0
    Path("net.py").write_text(NET + "# changed\n")
    done = program.run("predict", run, "five.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert "net.py has changed since the run was saved" in done.stderr and done.stderr.count("\n") == 1
