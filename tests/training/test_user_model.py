"""The user's own model: what is loaded, and the sentence that each broken file gets."""

import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, EpochFinished, Event, RunFinished, RunStarted
from mlp_tui.session import Session
from mlp_tui.training.data.batches import Dataset, Examples
from mlp_tui.training.user_model import as_absolute, load

TOP = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"

LAYERS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 100)
        self.output = nn.Linear(100, 10)
"""

GOOD = TOP + LAYERS + "    def forward(self, x):\n        return self.output(F.relu(self.hidden(x.flatten(1))))\n"
"""Its class is in line 5, its forward in line 10."""


def forward(*lines: str) -> str:
    """The class with that forward, whose first line is line 11."""
    return TOP + LAYERS + "    def forward(self, x):\n" + "".join(f"        {line}\n" for line in lines)


def data(*shape: int, classes: int = 10) -> Dataset:
    """Empty examples of a shape: (height, width), (channels, height, width) or (columns,)."""
    inputs = torch.zeros(4, *shape) if len(shape) == 1 else torch.zeros(4, *shape, dtype=torch.uint8)
    examples = Examples(inputs, torch.zeros(4, dtype=torch.int64))
    return Dataset("made-up", examples, examples, classes=tuple(map(str, range(classes))))


MNIST = data(28, 28)

BROKEN: dict[str, tuple[str | bytes, str]] = {
    "nothing in it": (
        "",
        "net.py has no Net; it has no class and no function that makes a model: name one behind the colon.",
    ),
    "another name": (
        GOOD.replace("Net", "MyNet") + "def small():\n    return MyNet()\n",
        "net.py has no Net; it has MyNet and small: name one behind the colon.",
    ),
    "half a line": (
        GOOD + "class Other(nn.Module:\n",
        "net.py, line 12: loading it fails with SyntaxError: ",
    ),
    "a wrong indent": (
        GOOD + "     def more(self):\n        pass\n",
        "net.py, line 12: loading it fails with IndentationError: unindent does not match",
    ),
    "no Python": ("\0\1\2", "net.py: loading it fails with"),
    "a strange encoding": ("# é\n".encode("latin-1"), "net.py: loading it fails with"),
    "a library that is missing": (
        "import nosuchlibrary\n" + GOOD,
        "net.py, line 1: loading it fails with ModuleNotFoundError: No module named 'nosuchlibrary'.",
    ),
    "a name that is missing": (
        "class Net(nn.Module):\n    pass\n",
        "net.py, line 1: loading it fails with NameError: name 'nn' is not defined.",
    ),
    "an exception while it is loaded": (
        GOOD + "1 / 0\n",
        "net.py, line 12: loading it fails with ZeroDivisionError: division by zero.",
    ),
    "sys.exit while it is loaded": (
        GOOD + "import sys\nsys.exit(0)\n",
        "net.py, line 13: loading it ends the program (SystemExit): leave that out, "
        'or put it under if __name__ == "__main__".',
    ),
    "endless recursion while it is loaded": (
        GOOD + "def f():\n    f()\nf()\n",
        "net.py, line 13: loading it fails with RecursionError: maximum recursion depth exceeded.",
    ),
    "an exception of its own kind": (
        "class Odd(BaseException):\n    pass\nraise Odd('no')\n",
        "net.py, line 3: loading it fails with Odd: no.",
    ),
    "a number": ("Net = 3\n", "net.py: Net is an int: it must be a torch.nn.Module, or a function that makes one."),
    "None": ("Net = None\n", "net.py: Net is None: it must be a torch.nn.Module, or a function that makes one."),
    "a class that is no Module": (
        GOOD.replace("(nn.Module)", ""),
        "net.py, line 5: Net is no torch.nn.Module: write class Net(nn.Module).",
    ),
    "arguments wanted": (
        GOOD.replace("__init__(self)", "__init__(self, hidden, classes)", 1),
        "net.py, line 5: Net wants arguments (hidden, classes): give them defaults, "
        "or name a function that makes one with them.",
    ),
    "an exception in __init__": (
        GOOD.replace("nn.Linear(784, 100)", "nn.Linear(784)"),
        "net.py, line 8: Net() fails with TypeError: Linear.__init__() missing 1 required positional argument",
    ),
    "no super().__init__()": (
        GOOD.replace("super().__init__()", "pass"),
        "net.py, line 8: Net() fails with AttributeError: cannot assign module before Module.__init__() call.",
    ),
    "a function that makes nothing": (
        "def Net():\n    pass\n",
        "net.py, line 1: Net() returns None, not a torch.nn.Module.",
    ),
    "a function that makes a class": (
        GOOD.replace("Net", "MyNet") + "def Net():\n    return MyNet\n",
        "net.py, line 12: Net() returns the class MyNet, not a model: call it there.",
    ),
    "no parameters": (
        TOP + "class Net(nn.Module):\n    def forward(self, x):\n        return x.flatten(1)[:, :10]\n",
        "net.py, line 5: Net has no parameters to train: give its layers to self in __init__, as an nn.ModuleList",
    ),
    "layers in a list": (
        TOP
        + LAYERS.replace("self.hidden = nn.Linear(784, 100)", "self.layers = [nn.Linear(784, 10)]").replace(
            "        self.output = nn.Linear(100, 10)\n", ""
        )
        + "    def forward(self, x):\n        return self.layers[0](x.flatten(1))\n",
        "net.py, line 9: Net has no parameters to train: give its layers to self in __init__, as an nn.ModuleList",
    ),
    "no forward": (TOP + LAYERS, "net.py, line 5: Net has no forward: write def forward(self, x), indented in it."),
    "the notebook's blank": (
        forward("x = torch.flatten(x, 1)", "# TODO"),
        "net.py, line 10: forward returns None: it has no return with the logits yet.",
    ),
    "a layer that is None": (
        forward("return self.output(self.hidden(x.flatten(1)))").replace("nn.Linear(784, 100)", "None"),
        "net.py, line 11: forward fails with TypeError: 'NoneType' object is not callable.",
    ),
    "the output layer forgotten": (
        forward("return self.hidden(x.flatten(1))"),
        "net.py, line 10: expected logits of shape (2, 10), got (2, 100): is the output layer missing?",
    ),
    "a class too few": (
        forward("return self.output(self.hidden(x.flatten(1)))[:, :9]"),
        "net.py, line 10: expected logits of shape (2, 10), got (2, 9): the last layer must have 10 outputs.",
    ),
    "not flattened": (
        forward("return nn.Linear(28, 10)(x) + 0 * self.output.bias"),
        "net.py, line 10: expected logits of shape (2, 10), got (2, 1, 28, 10): is a flatten missing?",
    ),
    "the batch lost": (
        forward("return self.output(self.hidden(x.flatten(1))).mean(0)"),
        "net.py, line 10: expected logits of shape (2, 10), got (10,): the first dimension must be the batch's.",
    ),
    "a layer of the wrong size": (
        forward("x = x.flatten(1)", "x = self.hidden(x)", "return self.hidden(x)"),
        "net.py, line 13: forward fails with RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "a tuple": (
        forward("x = self.hidden(x.flatten(1))", "return self.output(x), x"),
        "net.py, line 10: forward returns a tuple, not a tensor of logits.",
    ),
    "argmax": (
        forward("return self.output(self.hidden(x.flatten(1))).argsort(-1)"),
        "net.py, line 10: forward returns numbers of torch.int64, where logits are floating point: "
        "return what the last layer gives, without argmax.",
    ),
    "no gradient": (
        forward("with torch.no_grad():", "    return self.output(self.hidden(x.flatten(1)))"),
        "net.py, line 10: the logits hang on no parameter that can be trained: "
        "is there a no_grad, a detach or a .data in forward, or is all frozen?",
    ),
    "not a number": (
        forward("return self.output(self.hidden(x.flatten(1))) / 0"),
        "net.py, line 10: the logits are not finite before any training: "
        "look for a division by 0, a logarithm or a root in forward.",
    ),
    "sys.exit in forward": (
        forward("raise SystemExit"),
        "net.py, line 11: forward ends the program (SystemExit): leave that out,",
    ),
    "a lazy layer that is not used": (
        GOOD.replace("        self.output", "        self.lazy = nn.LazyLinear(3)\n        self.output", 1),
        "net.py, line 5: lazy.weight never learns its size: use that layer in forward, or delete it.",
    ),
    "state that no checkpoint keeps": (
        GOOD
        + "    def get_extra_state(self):\n        return self.forward\n"
        + "    def set_extra_state(self, state):\n        pass\n",
        "net.py, line 5: its get_extra_state, which may hold tensors, numbers and texts alone, fails with",
    ),
}


def load_model(spec: str, dataset: Dataset) -> tuple[nn.Module, tuple[int, ...]]:
    return load(spec, dataset)[:2]


def complaint(spec: str, dataset: Dataset = MNIST) -> str:
    before = list(sys.path)
    with pytest.raises(UserError) as error:
        load_model(spec, dataset)
    message = str(error.value)
    assert sys.path == before and "\n" not in message and len(message) < 500
    return message


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_gets_a_sentence_with_the_line_of_its_own_code(name: str) -> None:
    text, expected = BROKEN[name]
    Path("net.py").write_bytes(text.encode() if isinstance(text, str) else text)
    message = complaint("net.py:Net")
    print(message)
    assert message.startswith(expected) and message.endswith((".", "?"))


def put_folder() -> None:
    Path("net.py").mkdir()


def put_large() -> None:
    Path("net.py").write_text("#" * (2 << 20))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("net.py", "--model is net.py:Net or package.module:Net, a file and what it has, not 'net.py'."),
        ("net", "--model is net.py:Net or package.module:Net"),
        (":Net", "--model is net.py:Net or package.module:Net"),
        ("nosuch:my net", "--model is net.py:Net or package.module:Net"),
        ("net.py:Net", "There is no file net.py: --model net.py:Net wants its path."),
        ("nosuch.net:Net", "There is no module nosuch.net in "),
        ("net\0.py:Net", "There is no file net\0.py"),
        ("torch.nn:Nothing", "__init__.py has no Nothing; it has "),
        ("torch.nn:Linear", "torch.nn: Linear wants arguments (in_features, out_features)"),
    ],
)
def test_what_names_no_model_gets_a_sentence(spec: str, expected: str) -> None:
    assert expected.split("torch.nn: ")[-1] in complaint(spec)


@pytest.mark.parametrize(
    ("put", "expected"),
    [
        (put_folder, "net.py cannot be read (it is not a regular file): --model wants a file of Python."),
        (put_large, "net.py cannot be read (it is longer than 1,048,576 bytes): --model wants a file of Python."),
    ],
)
def test_a_file_that_is_none_of_python_gets_a_sentence(put: object, expected: str) -> None:
    assert callable(put)
    put()
    assert complaint("net.py:Net") == expected


def test_a_module_that_is_named_without_its_py_gets_a_hint() -> None:
    Path("net.py").write_text(GOOD)
    Path("folder").mkdir()
    assert complaint("folder/net:Net").endswith("and none is installed: --model net.py:Net names the file.")


def test_an_error_in_a_file_that_the_models_file_imports_is_found_there() -> None:
    Path("layers.py").write_text("import torch\nx = torch.ones(2) @ torch.ones(3)\n")
    Path("net.py").write_text("import layers\n" + GOOD)
    assert complaint("net.py:Net").startswith("layers.py, line 2: loading it fails with RuntimeError:")
    Path("layers.py").write_text("def\n")
    assert complaint("net.py:Net") == "layers.py, line 1: loading it fails with SyntaxError: invalid syntax."


# What is loaded


def test_a_class_a_function_and_a_model_are_loaded_from_a_file_a_module_and_a_package() -> None:
    Path("package").mkdir()
    Path("package/__init__.py").write_text("")
    Path("package/sizes.py").write_text("HIDDEN = 100\n")
    more = "from .sizes import HIDDEN\ndef make(hidden=HIDDEN):\n    return Net()\nnet = Net()\n"
    Path("package/net.py").write_text(GOOD + more)
    Path("folder").mkdir()
    Path("folder/sizes.py").write_text("HIDDEN = 100\n")
    Path("folder/net.py").write_text(GOOD + more.replace(".sizes", "sizes"))
    models = []
    for spec in ("folder/net.py:Net", "folder/net.py:make", "folder/net.py:net", "package.net:Net", "package.net:net"):
        torch.manual_seed(0)
        model, shape = load_model(spec, MNIST)
        models.append(model)
        assert shape == (1, 28, 28)
    weights = [model.state_dict()["hidden.weight"] for model in models]
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[3])
    assert torch.equal(weights[2], weights[4])
    assert not {"net", "sizes", "folder"} & set(sys.path)


def test_each_load_reads_the_files_anew_and_gives_the_same_weights_by_the_same_seed() -> None:
    Path("size.py").write_text("HIDDEN = 100\n")
    Path("net.py").write_text(GOOD.replace("100", "HIDDEN") + "net = Net()\n")
    Path("net.py").write_text("from size import HIDDEN\n" + Path("net.py").read_text())
    loaded = []
    for _ in range(2):
        torch.manual_seed(3)
        loaded.append(load_model("net.py:net", MNIST)[0])
    assert loaded[0] is not loaded[1]
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in loaded), strict=True))
    Path("size.py").write_text("HIDDEN = 30  # fewer\n")
    assert sum(p.numel() for p in load_model("net.py:net", MNIST)[0].parameters()) == 785 * 30 + 31 * 10


@pytest.mark.parametrize(
    ("body", "dataset", "shape"),
    [
        ("return self.layer(x.flatten(1))", MNIST, (1, 28, 28)),
        ("batch, height, width = x.shape; return self.layer(x.reshape(batch, -1))", MNIST, (28, 28)),
        ("batch, c, h, w = x.shape; return self.layer(x.reshape(batch, -1))", data(3, 8, 9), (3, 8, 9)),
        ("batch, columns = x.shape; return self.layer(x)", data(7, classes=3), (7,)),
    ],
)
def test_the_examples_come_with_a_channel_first_then_without(
    body: str, dataset: Dataset, shape: tuple[int, ...]
) -> None:
    sizes = f"{dataset.train.inputs[0].numel()}, {len(dataset.classes)}"
    init = f"    def __init__(self):\n        super().__init__()\n        self.layer = nn.Linear({sizes})\n"
    Path("net.py").write_text(f"{TOP}class Net(nn.Module):\n{init}    def forward(self, x):\n        {body}\n")
    assert load_model("net.py:Net", dataset)[1] == shape


def test_colour_pictures_come_with_their_channels_alone() -> None:
    Path("net.py").write_text(forward("batch, height, width = x.shape"))
    assert complaint("net.py:Net", data(3, 8, 8)).startswith(
        "net.py, line 11: forward fails with ValueError: too many values to unpack (expected 3"
    )


def test_of_two_attempts_that_fail_the_one_that_came_further_is_said() -> None:
    body = ("batch, height, width = x.shape", "x = self.hidden(x.reshape(batch, -1))", "return self.hidden(x)")
    Path("net.py").write_text(forward(*body))
    assert "line 13: forward fails with RuntimeError: mat1 and mat2" in complaint("net.py:Net")


def test_being_tried_changes_neither_statistics_nor_modes_nor_random_numbers() -> None:
    Path("net.py").write_text(
        f"{TOP}def Net():\n    frozen = nn.BatchNorm1d(784).eval()\n"
        "    return nn.Sequential(nn.Flatten(), frozen, nn.Dropout(), nn.BatchNorm1d(784), nn.Linear(784, 10))\n"
    )
    torch.manual_seed(0)
    nn.Linear(784, 10)
    expected = torch.rand(3)
    torch.manual_seed(0)
    model, _ = load_model("net.py:Net", MNIST)
    assert torch.equal(torch.rand(3), expected)
    assert isinstance(model, nn.Sequential)
    assert [layer.training for layer in model] == [True, False, True, True, True]
    assert not any(model.state_dict()[f"{place}.running_mean"].any() for place in (1, 3))


def test_the_texts_of_the_users_own_files_are_kept_and_no_others() -> None:
    Path("helper.py").write_text("import colorsys\n")
    Path("net.py").write_text("import helper\n" + GOOD)
    sources = load("net.py:Net", MNIST).sources
    assert sources == {str(Path(name).absolute()): Path(name).read_text() for name in ("net.py", "helper.py")}
    assert next(iter(sources)).endswith("net.py")


def test_a_relative_path_is_kept_as_an_absolute_one() -> None:
    here = Path.cwd()
    Path("package").mkdir()
    assert as_absolute("folder/net.py:Net") == f"{here}/folder/net.py:Net"
    assert as_absolute("package.net:Net") == f"{here}/package.net:Net"
    assert as_absolute(as_absolute("package.net:Net")) == f"{here}/package.net:Net"
    assert as_absolute("torch.nn:Linear") == "torch.nn:Linear"
    assert as_absolute("") == ""


# Runs


def events_of(folder: Path, **settings: object) -> list[Event]:
    config = TrainingConfig(data_dir=folder, model="net.py:Net", **settings)  # type: ignore[arg-type]
    return list(Session(config).events(threading.Event()))


def finished(events: list[Event]) -> RunFinished:
    assert isinstance(events[-1], RunFinished)
    return events[-1]


def test_a_run_with_the_users_model_says_which_and_how_its_steps_are_taken(small_mnist: Path) -> None:
    Path("net.py").write_text(GOOD)
    events = events_of(small_mnist, epochs=1)
    (started,) = (event for event in events if isinstance(event, RunStarted))
    assert (started.model, started.steps, started.parameters) == ("net.py:Net", "plain loop", 79_510)
    assert started.config["model"] == f"{Path.cwd()}/net.py:Net"
    assert finished(events).reason == "completed"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise ValueError('so it is')", "The training failed at net.py, line 14: ValueError: so it is"),
        ("import sys; sys.exit(3)", "The training failed at net.py, line 14: SystemExit: 3"),
        ("x = x @ x", "The training failed at net.py, line 14: RuntimeError: mat1 and mat2 shapes"),
    ],
)
def test_an_exception_in_forward_in_epoch_3_names_the_line(
    small_mnist: Path, line: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = ("self.calls = getattr(self, 'calls', 0) + self.training", "x = x.flatten(1)", "if self.calls > 25:")
    Path("net.py").write_text(forward(*body, f"    {line}", "return self.output(self.hidden(x))"))
    events = events_of(small_mnist, epochs=5)
    assert [event.epoch for event in events if isinstance(event, EpochFinished)] == [1, 2]
    assert finished(events).reason == "failed" and finished(events).message.startswith(message)
    assert "Traceback" not in caplog.text  # the sentence is on the screen, the rest in the run's folder
    (log,) = Path("runs").glob("*/log.txt")
    assert "net.py" in log.read_text()


def test_a_model_that_is_wrong_ends_the_run_before_it_begins(small_mnist: Path) -> None:
    Path("net.py").write_text(forward("x = torch.flatten(x, 1)"))
    end = finished(events_of(small_mnist))
    assert (end.reason, end.message) == ("failed", BROKEN["the notebook's blank"][1])
    assert not list(Path().glob("runs/*"))


def test_a_layer_that_is_not_used_and_one_that_is_frozen_train_all_the_same(small_mnist: Path) -> None:
    extra = "        self.unused = nn.Linear(784, 3)\n        self.frozen = nn.Linear(10, 10)\n"
    text = GOOD.replace("        self.hidden", f"{extra}        self.hidden", 1)
    text = text.replace("return ", "return self.frozen(").replace("(x.flatten(1))))", "(x.flatten(1)))))")
    text += "def make():\n    net = Net()\n    net.frozen.requires_grad_(False)\n    return net\n"
    Path("net.py").write_text(
        text.replace("class Net", "class Inner").replace("Net()", "Inner()").replace("make", "Net")
    )
    for optimizer in ("adam", "adamw", "sgd"):
        events = events_of(small_mnist, epochs=1, optimizer=optimizer)
        assert finished(events).reason == "completed", finished(events).message
        assert sum(len(event.losses) for event in events if isinstance(event, BatchFinished)) == 10
