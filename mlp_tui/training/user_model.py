"""The user's own model: `--model net.py:Net` loaded, tried on two examples, and what is wrong with it in a sentence."""

import copy
import hashlib
import importlib
import importlib.util
import inspect
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import ModelError, UserError, blamed, is_theirs, kind, own_frames, place
from . import random_numbers
from .data.batches import Dataset
from .user_code import run_file

Sources = dict[str, str]
"""The texts of the user's own files that a model is made of, by their absolute paths: the model's own first."""

_loaded: set[str] = set()
"""The modules that the last model brought in, by their names: the next one reads their files anew."""


class UserModel(NamedTuple):
    """A model, the shape of one example as it takes them, and the texts that it was made from."""

    model: nn.Module
    input_shape: tuple[int, ...]
    sources: Sources


class Spec(NamedTuple):
    """`folder/net.py:Net`, or `folder/package.module:Net`: the folder is to be importable."""

    folder: Path
    module: str
    name: str
    file: Path | None

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """Raises UserError."""
        where, colon, name = text.rpartition(":")
        path = Path(where)
        if colon and where and path.suffix == ".py":
            return cls(path.parent.absolute(), path.stem, name, path.absolute())
        if not colon or not path.name or not name.isidentifier():
            raise UserError(f"--model is net.py:Net or package.module:Net, a file and what it has, not {text!r:.200}.")
        return cls(path.parent.absolute(), path.name, name, None)


def as_absolute(text: str) -> str:
    """The same `--model` in a form that means the same in another folder; as it is where it is installed, or empty."""
    if not text:
        return ""
    spec = Spec.parse(text)
    if spec.file:
        return f"{spec.file}:{spec.name}"
    here = spec.folder / spec.module.split(".")[0]
    return f"{spec.folder / spec.module}:{spec.name}" if here.is_dir() or here.with_suffix(".py").exists() else text


def load(text: str, dataset: Dataset) -> UserModel:
    """The model that `--model` names, on the CPU. Raises ModelError, for whatever is wrong with the user's code."""
    spec = Spec.parse(text)
    for name in _loaded:
        sys.modules.pop(name, None)
    before = set(sys.modules)
    sys.path.insert(0, str(spec.folder))
    importlib.invalidate_caches()
    try:
        module, sources = import_module(spec)
        maker, where = find(module, spec)
        model = make(maker, spec.name, where)
        input_shape = tried(model, dataset, place_of(type(model).forward) or where)
        check_parameters(model, place_of(type(model)) or where)
    except UserError as error:
        raise ModelError(str(error)) from error
    finally:
        with suppress(ValueError):
            sys.path.remove(str(spec.folder))
        new = {name: getattr(sys.modules[name], "__file__", None) for name in sys.modules.keys() - before}
        theirs = {name: file for name, file in new.items() if file and is_theirs(file)}
        _loaded.clear()
        _loaded.update(theirs)
    for file in theirs.values():
        with suppress(OSError, UnicodeError):
            sources.setdefault(file, Path(file).read_text(encoding="utf-8"))
    return UserModel(model, input_shape, sources)


def copies(sources: Sources) -> dict[str, str]:
    """The texts, by the names that their copies have in a run's folder: model.py is the model's own file."""
    return {f"model-{i}.py" if i else "model.py": text for i, text in enumerate(sources.values())}


def refuse_changed(saved: Sources, now: Sources, run: Path) -> None:
    """Raises UserError where a file is not what it was when the run with that folder was saved."""
    for (file, text), copy_of_it in zip(saved.items(), copies(saved), strict=True):
        if now.get(file, text) != text:
            raise UserError(
                f"{place(file, None)} has changed since the run was saved: put the old text back "
                f"(it is in {run / copy_of_it}), or train the new one as a new run."
            )


def digests(sources: Sources) -> dict[str, str]:
    """The sha256 of each text."""
    return {file: hashlib.sha256(text.encode()).hexdigest() for file, text in sources.items()}


# Loading


def import_module(spec: Spec) -> tuple[ModuleType, Sources]:
    """The module, run anew where it is the user's own, and its text. Raises UserError."""
    name, file = spec.module, spec.file
    if file is None:
        with blamed("importing it", name):
            origin = find_module(spec)
            if not (is_theirs(origin) and origin.endswith(".py")):
                return importlib.import_module(name), {}
        file = Path(origin)
    elif not os.path.lexists(file):
        raise UserError(f"There is no file {place(str(file), None)}: --model net.py:Net wants its path.")
    elif not name.isidentifier() or name in sys.modules:
        name = f"_{name}"
    module, source = run_file(file, name, "--model wants a file of Python")
    return module, {str(file): source}


def find_module(spec: Spec) -> str:
    """Where a module is, by its name; "<>" where it has no file. Raises UserError, and what its packages raise."""
    found = None
    try:
        found = importlib.util.find_spec(spec.module)
    except ModuleNotFoundError as error:
        if not f"{spec.module}.".startswith(f"{error.name}."):  # it is one that the user's package wants
            raise
    if found is None:
        hint = f": --model {spec.module}.py:{spec.name} names the file" if Path(f"{spec.module}.py").exists() else ""
        raise UserError(f"There is no module {spec.module} in {spec.folder}, and none is installed{hint}.")
    return found.origin or "<>"


def find(module: ModuleType, spec: Spec) -> tuple[Any, str]:
    """What the module has by that name, and where. Raises UserError."""
    file = place(getattr(module, "__file__", None) or spec.module, None)
    with blamed(f"looking for {spec.name} in it", file):
        if hasattr(module, spec.name):
            found = getattr(module, spec.name)
            return found, place_of(found) or file
    own = [name for name, value in vars(module).items() if not name.startswith("_") and makes_models(value, module)]
    names = " and ".join(own[:8]) or "no class and no function that makes a model"
    raise UserError(f"{file} has no {spec.name or 'name that is empty'}; it has {names}: name one behind the colon.")


def makes_models(value: object, module: ModuleType) -> bool:
    """Whether a value of a module is a model, or what makes one."""
    own = inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, nn.Module))
    return isinstance(value, nn.Module) or (own and getattr(value, "__module__", None) == module.__name__)


def make(maker: Any, name: str, where: str) -> nn.Module:
    """The model of a class, of a function, or itself, as its own copy. Raises UserError."""
    if isinstance(maker, nn.Module):
        with blamed(f"copying {name}", where):
            return copy.deepcopy(maker)
    if inspect.isclass(maker) and not issubclass(maker, nn.Module):
        raise UserError(f"{where}: {name} is no torch.nn.Module: write class {name}(nn.Module).")
    if not callable(maker):
        raise UserError(
            f"{where}: {name} is {kind(maker)}: it must be a torch.nn.Module, or a function that makes one."
        )
    if wanted := arguments_of(maker):
        raise UserError(
            f"{where}: {name} wants arguments ({', '.join(wanted)}): give them defaults, "
            "or name a function that makes one with them."
        )
    with blamed(f"{name}()", where):
        model = maker()
    if inspect.isclass(model):
        raise UserError(f"{where}: {name}() returns the class {model.__name__}, not a model: call it there.")
    if not isinstance(model, nn.Module):
        raise UserError(f"{where}: {name}() returns {kind(model)}, not a torch.nn.Module.")
    return model


def arguments_of(maker: Callable[..., object]) -> list[str]:
    """The arguments that it cannot be called without."""
    with suppress(TypeError, ValueError):  # what is written in C may have no signature
        parameters = inspect.signature(maker).parameters.values()
        return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return []


# Trying


def tried(model: nn.Module, dataset: Dataset, where: str) -> tuple[int, ...]:
    """The shape of an example that the model makes logits of. Raises UserError where there is none.

    Its modes, its statistics and the random numbers are afterwards as they were; what a lazy layer draws when it
    learns its size is the same each time.
    """
    if next(model.parameters(), None) is None:
        raise UserError(
            f"{where}: {type(model).__name__} has no parameters to train: give its layers to self in __init__, "
            "as an nn.ModuleList where they are a list."
        )
    if type(model).forward is nn.Module.forward:
        raise UserError(f"{where}: {type(model).__name__} has no forward: write def forward(self, x), indented in it.")
    shapes = [dataset.shape] + ([dataset.shape[1:]] if len(dataset.shape) == 3 and dataset.shape[0] == 1 else [])
    failed: dict[int, UserError] = {}  # by the line of the user's code that an attempt came to
    training = {module: module.training for module in model.modules()}
    with random_numbers.kept(torch.device("cpu")):
        model.eval()
        x = torch.randn(2, *dataset.shape)
        for shape in shapes:
            try:
                with blamed("forward", where):
                    outputs = model(x.view(2, *shape))
                if wrong := wrong_with(outputs, len(dataset.classes)):
                    raise UserError(f"{where}: {wrong}")
                break
            except UserError as error:
                cause = error.__cause__
                line = next((frame.lineno or 0 for frame in own_frames(cause)), 0) if cause else sys.maxsize
                failed.setdefault(line, error)
        else:
            raise failed[max(failed)]  # the one that came further: the other was not meant
    for module in model.modules():
        module.training = training.get(module, True)
    return shape


def wrong_with(outputs: Any, classes: int) -> str:
    """What is wrong with these as the logits of two examples, as the rest of a sentence; or nothing."""
    if outputs is None:
        return "forward returns None: it has no return with the logits yet."
    if not isinstance(outputs, Tensor):
        return f"forward returns {kind(outputs)}, not a tensor of logits."
    if outputs.shape != (2, classes):
        hint = "the first dimension must be the batch's."
        if outputs.dim() > 2 and len(outputs) == 2:
            hint = "is a flatten missing?"
        elif outputs.dim() == 2 and len(outputs) == 2:
            large = outputs.shape[1] > 2 * classes
            hint = "is the output layer missing?" if large else f"the last layer must have {classes} outputs."
        return f"expected logits of shape {(2, classes)}, got {tuple(outputs.shape)}: {hint}"
    if not outputs.is_floating_point():
        what = f"forward returns numbers of {outputs.dtype}, where logits are floating point"
        return f"{what}: return what the last layer gives, without argmax."
    if not outputs.requires_grad:
        hint = "is there a no_grad, a detach or a .data in forward, or is all frozen?"
        return f"the logits hang on no parameter that can be trained: {hint}"
    if not outputs.isfinite().all():
        hint = "look for a division by 0, a logarithm or a root in forward."
        return f"the logits are not finite before any training: {hint}"
    return ""


def check_parameters(model: nn.Module, where: str) -> None:
    """Raises UserError where the parameters cannot be trained, or what the model keeps cannot be saved."""
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise UserError(f"{where}: {lazy[0]} never learns its size: use that layer in forward, or delete it.")
    extra = {name: value for name, value in model.state_dict().items() if not isinstance(value, Tensor)}
    if extra:
        with blamed("its get_extra_state, which may hold tensors, numbers and texts alone,", where):
            torch.save(extra, buffer := io.BytesIO())
            buffer.seek(0)
            torch.load(buffer, weights_only=True)


def place_of(thing: Any) -> str:
    """Where the user's code has a function or a class, in words; nothing where it is not the user's."""
    with suppress(Exception):
        thing = inspect.unwrap(thing)
        if file := inspect.getsourcefile(thing):
            code = getattr(thing, "__code__", None)
            line = code.co_firstlineno if code else inspect.findsource(thing)[1] + 1
            return place(file, line) if is_theirs(file) else ""
    return ""
