"""TrainingState: all that a run needs to continue exactly where it was."""

import dataclasses
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import TrainingConfig
from ..errors import UserError
from ..events import Detail
from . import random_numbers, user_model
from .data.augment import make_distortion
from .data.batches import Dataset, Normaliser
from .device import choose_device
from .loops import TestResult, Totals
from .memory import require_memory
from .model import make_model
from .optimizer import Adam, make_optimizer
from .schedule import Schedule
from .user_model import Sources


class TrainingState:
    """A run's model, optimizer and schedule, its random generators, and how far it is.

    `epoch` counts the epochs done, `totals` the batches of the epoch under way. `shuffle` draws the order of
    each epoch's images; `shuffle_state` is its state at the start of the epoch under way, from which the same
    order is drawn again.

    Raises UserError where the device that is asked for cannot be used, or has too little memory, and where a table is
    to be distorted.
    """

    def __init__(self, config: TrainingConfig, dataset: Dataset) -> None:
        self.device, self.notice = choose_device(config.device)
        require_memory(config, dataset, self.device)
        random_numbers.seed(config.seed)
        self.input_shape: tuple[int, ...] | None = None
        """The shape of an example as the model takes it, where that is not the data set's own."""
        self.sources: Sources = {}
        """The texts that a model of the user's own is made from."""
        # Drawn on the CPU, so that they are the same on every device.
        if config.model:
            model, self.input_shape, self.sources = user_model.load(config.model, dataset)
        else:
            model = make_model(config, dataset)
        self.model = model.to(self.device)
        self.batches = math.ceil(len(dataset.train) / config.batch_size)
        """Batches in an epoch."""
        self.schedule = Schedule(config.learning_rate, config.schedule, config.epochs * self.batches)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = make_optimizer(config, trained, self.schedule)
        self.normalise = dataset.normalise
        self.distort = make_distortion(config, dataset)
        self._data = facts(dataset)
        self._name = dataset.source or dataset.name
        self.shuffle = torch.Generator().manual_seed(config.seed)
        self.shuffle_state = self.shuffle.get_state()
        self.epoch = 0
        self.totals = Totals()
        self.detail: Detail = "groups"
        """What the next events are to tell of the steps; the numbers do not depend on it."""
        self.best: dict[str, Any] | None = None
        """With validation: the `epoch` (from 1) with the best `accuracy` so far, and its weights, `model`."""
        if dataset.validation is not None:
            self.best = {"epoch": 0, "accuracy": 0.0, "model": self._weights()}
        self.tested: TestResult | None = None
        """With validation: what the test set said of the best weights, at the end."""

    def as_taken(self, inputs: Tensor) -> Tensor:
        """Raw inputs, shape (n, ...), as the model takes them: on its device, normalised, in its shape."""
        x = self.normalise(inputs.to(self.device))
        return x.view(-1, *self.input_shape) if self.input_shape else x

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example, as `Dataset.shape`."""
        shape: tuple[int, ...] = self._data["shape"]
        return shape

    @property
    def begun(self) -> bool:
        """Whether a step has been taken."""
        return bool(self.epoch or self.totals.batches)

    @property
    def step(self) -> int:
        """Where the run is: how many batches have been gone through, counted over all epochs."""
        return self.epoch * self.batches + self.totals.batches

    @property
    def learning_rate(self) -> float:
        """The learning rate that is set: the schedule takes its share of it in each step."""
        return self.schedule.base_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.schedule.base_rate = value

    @torch.no_grad()
    def weights_are_finite(self) -> bool:
        """Whether each number of each parameter is finite. Waits for the device once."""
        return bool(torch.stack([parameter.isfinite().all() for parameter in self.model.parameters()]).all())

    def end_epoch(self) -> None:
        """Counts the epoch under way as done."""
        self.epoch += 1
        self.totals = Totals()
        self.shuffle_state = self.shuffle.get_state()

    def skip_batch(self) -> None:
        """Leaves the next batch of the epoch out; the mean loss stays as it is."""
        self.totals.loss += self.totals.loss / max(1, self.totals.batches)
        self.totals.batches += 1

    def keep_if_best(self, accuracy: float) -> None:
        """Keeps the weights where the epoch that has ended has a better accuracy than all before."""
        if self.best and (not self.best["epoch"] or accuracy > self.best["accuracy"]):
            self.best = {"epoch": self.epoch, "accuracy": accuracy, "model": self._weights()}

    @contextmanager
    def best_weights(self) -> Iterator[None]:
        """The model with the weights of the best epoch; then as it was."""
        assert self.best
        now = self._weights()
        self.model.load_state_dict(self.best["model"])
        try:
            yield
        finally:
            self.model.load_state_dict(now)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def describe(self) -> str | None:
        """How far the run is, in words; None where it has not begun."""
        if self.totals.batches:
            return f"epoch {self.epoch + 1}, batch {self.totals.batches}"
        return f"the end of epoch {self.epoch}" if self.epoch else None

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings alone: such a file loads without running any code that is in it."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "base_rate": self.schedule.base_rate,
            "steps": self.schedule.steps,
            "data": {**self._data, "mean": self.normalise.mean, "deviation": self.normalise.deviation},
            "epoch": self.epoch,
            "totals": dataclasses.asdict(self.totals),
            "shuffle": self.shuffle_state,
            **random_numbers.states(self.device),
        }
        if self.sources:
            state["sources"] = dict(self.sources)
            state["sha256"] = user_model.digests(self.sources)
        if self.best:
            state["best"] = self.best
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave. Raises an Exception of many a kind where it is another model's state.

        Raises UserError where the run was trained on other data.
        """
        self._take_data(state.get("data", {}))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        # A run that was saved before schedules were objects kept the rate that was set in the optimizer.
        self.schedule.base_rate = float(state.get("base_rate", self.optimizer.param_groups[0]["lr"]))
        self.schedule.steps = int(state.get("steps", 0))
        if isinstance(self.optimizer, Adam):  # it counts for itself, and its tensors may have counted other steps
            self.optimizer.steps = self.schedule.steps or self.optimizer.steps
        self.epoch = state["epoch"]
        self.totals = Totals(**{sum.name: state["totals"][sum.name] for sum in dataclasses.fields(Totals)})
        if self.totals.batches > self.batches:
            raise ValueError(f"it says {self.totals.batches:,} batches of an epoch that has {self.batches:,}")
        self.shuffle_state = state["shuffle"].cpu()
        self.shuffle.set_state(self.shuffle_state)
        random_numbers.restore(state, self.device)
        self.best = state["best"] if self.best else None

    def _take_data(self, saved: dict[str, Any]) -> None:
        """Takes over what the run's data were normalised with. Raises UserError where they are not those at hand."""
        differ = [name for name, value in self._data.items() if name in saved and saved[name] != value]
        if "mean" in saved:
            values = [(saved[name], getattr(self.normalise, name)) for name in ("mean", "deviation")]
            # Another machine may come to other last digits.
            if all(np.shape(was) == np.shape(now) and np.allclose(was, now) for was, now in values):
                self.normalise = Normaliser(*(was for was, _ in values))
            else:
                differ.append("values")
        if differ:
            raise UserError(
                f"{self._name} is not what this run was trained on (its {' and '.join(differ)} differ): "
                "put back what it was, or train anew."
            )


def facts(dataset: Dataset) -> dict[str, Any]:
    """What a run needs to know of its data beside them, and what shows whether they are still the same."""
    parts = [part.labels.cpu() for part in (dataset.train, dataset.validation, dataset.test) if part is not None]
    return {
        "classes": dataset.classes,
        "shape": dataset.shape,
        "columns": dataset.columns,
        "sizes": tuple(map(len, parts)),
        "labels": tuple(zlib.crc32(labels.numpy().tobytes()) for labels in parts),
    }
