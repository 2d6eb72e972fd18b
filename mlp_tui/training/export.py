"""A trained model in other programs' formats, its normalisation in it, and checked before it is written."""

import contextlib
import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UserError, explained
from .trained import Trained

BATCHES = (1, 2, 7)
"""Sizes of the batches that an exported model is checked with: it must take any."""

ANY_BATCH = ({0: torch.export.Dim("batch")},)

Answer = Callable[[Tensor], Tensor]


class FromRaw(nn.Module):
    """A trained model that takes raw inputs as float32: 0-255 of pictures, (batch, channels, height, width); logits."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model = trained.model
        self._input_shape = trained.input_shape
        self._most = 255.0 if trained.pictures else 1.0
        size = (-1, *[1] * (len(trained.shape) - 1))
        for name in ("mean", "deviation"):
            self.register_buffer(name, torch.tensor(getattr(trained.normalise, name)).view(size))

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw inputs, shape (batch, ...), to logits, shape (batch, classes)."""
        x = (inputs / self._most - self.mean) / self.deviation
        return self.model(x.reshape(-1, *self._input_shape))  # type: ignore[no-any-return]


def as_onnx(trained: Trained) -> bytes:
    """An ONNX file, checked against onnxruntime. Raises UserError."""
    onnxruntime, _, _ = wanted("onnx", "onnxruntime", "onnx", "onnxscript")
    model = FromRaw(trained).eval()
    names: dict[str, Any] = {"input_names": ["inputs"], "output_names": ["logits"]}
    with quiet():
        program = torch.onnx.export(model, (examples(trained, 2),), dynamo=True, dynamic_shapes=ANY_BATCH, **names)
        assert program is not None
        proto = program.model_proto
        for name, value in about(trained).items():
            proto.metadata_props.add(key=name, value=value)
        data: bytes = proto.SerializeToString()
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    check(trained, lambda inputs: torch.from_numpy(session.run(None, {"inputs": inputs.numpy()})[0]), 1e-5)
    return data


def as_pt2(trained: Trained) -> bytes:
    """What `torch.export.load` reads, loaded back and checked. Raises UserError."""
    buffer = io.BytesIO()
    with quiet():
        program = torch.export.export(FromRaw(trained).eval(), (examples(trained, 2),), dynamic_shapes=ANY_BATCH)
        torch.export.save(program, buffer, extra_files=dict(about(trained)))
        buffer.seek(0)
        loaded = torch.export.load(buffer).module()
    check(trained, loaded, 1e-6)
    return buffer.getvalue()


def as_safetensors(trained: Trained) -> bytes:
    """The weights, and what goes with them as metadata; read back to the bit. Raises UserError."""
    (safetensors,) = wanted("safetensors", "safetensors.torch")
    weights = {name: value.contiguous().clone() for name, value in trained.model.state_dict().items()}
    data: bytes = safetensors.save(weights, about(trained))
    read = safetensors.load(data)
    if not all(torch.equal(read[name], value) for name, value in weights.items()):
        raise UserError("The weights do not come back from the file as they are, so nothing was written.")
    return data


FORMATS: dict[str, Callable[[Trained], bytes]] = {".onnx": as_onnx, ".safetensors": as_safetensors, ".pt2": as_pt2}
"""What makes a file's contents, by the ending of its name."""


def exported(trained: Trained, ending: str) -> bytes:
    """The contents of a file with that ending. Raises UserError, also where the model cannot be exported."""
    # A model of the user's own may do what no format can hold.
    with explained(f"The model cannot be exported to {ending}", kinds=Exception):
        return FORMATS[ending](trained)


def about(trained: Trained) -> dict[str, str]:
    """What a reader of the weights must know besides, each as JSON."""
    values = {name: getattr(trained, name) for name in ("classes", "shape", "columns")}
    values |= {name: getattr(trained.normalise, name) for name in ("mean", "deviation")}
    return {name: json.dumps(value) for name, value in values.items()}


def examples(trained: Trained, count: int) -> Tensor:
    """Made-up raw inputs as float32: bytes, or of a table normally distributed values."""
    generator = torch.Generator().manual_seed(count)
    if trained.pictures:
        return torch.randint(256, (count, *trained.shape), generator=generator).float()
    mean, deviation = (torch.tensor(values) for values in (trained.normalise.mean, trained.normalise.deviation))
    return torch.randn(count, *trained.shape, generator=generator) * deviation + mean


def check(trained: Trained, answer: Answer, most: float) -> None:
    """Raises UserError where the answers differ from the model's by more than `most`, or that share of the largest."""
    for count in BATCHES:
        inputs = examples(trained, count)
        raw = inputs.to(torch.uint8) if trained.pictures else inputs
        expected = trained.logits(raw.view(count, *trained.shape))
        difference = float((answer(inputs) - expected).detach().abs().max())
        if not difference <= most * max(1.0, float(expected.abs().max())):
            raise UserError(f"The exported model answers otherwise, by {difference:.2g}, so nothing was written.")


def wanted(extra: str, *modules: str) -> list[Any]:
    """The modules of an extra. Raises UserError where one is missing."""
    with explained("A library is missing", f"that takes pip install 'mlp-tui[{extra}]'", ImportError):
        return [importlib.import_module(module) for module in modules]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps to itself what PyTorch's exporters print, warn of and log."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
