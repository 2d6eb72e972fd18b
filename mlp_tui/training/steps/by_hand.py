"""The steps of the loop on a CPU with backpropagation written out: no autograd between the kernels.

On a model this small, autograd and the dispatch around it take longer than a product of matrices; and oneDNN's
product, which torch does not take for float32, is faster than MKL's on processors that are not Intel's.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..loops import Stepped
from ..optimizer import Adam


def signals_are_safe() -> bool:
    """Whether a signal may come while oneDNN computes a product.

    Before version 3.12 its kernels may keep their stack on the heap, and a signal's handler then overwrites what lies
    there (https://github.com/uxlfoundation/oneDNN/issues/4845).
    """
    version = re.search(r"MKL-DNN v(\d+)\.(\d+)", torch.__config__.show())
    return version is not None and tuple(map(int, version.groups())) >= (3, 12)


def one_dnn_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """F.linear by oneDNN. This function of torch is not public."""
    return torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]


def relu_backward(d_values: Tensor, values: Tensor) -> Tensor:
    """The loss by what went into ReLU, from the loss by its `values`, in one pass. A NaN there stops nothing."""
    return torch.ops.aten.threshold_backward.default(d_values, values, 0)  # type: ignore[no-any-return]


def plain_relu_backward(d_values: Tensor, values: Tensor) -> Tensor:
    """The same in two passes."""
    return d_values.masked_fill(values <= 0, 0)


@torch.no_grad()
def choose(fast: Callable[..., Tensor], plain: Callable[..., Tensor], *trials: tuple[Tensor | None, ...]) -> Any:
    """`fast`, where it gives what `plain` does for these arguments; else `plain`: this torch may not have the first."""
    with contextlib.suppress(Exception):
        if all(torch.equal(fast(*arguments), plain(*arguments)) for arguments in trials):
            return fast
    return plain


class Layer(NamedTuple):
    """A linear layer, its weight of shape (outputs, inputs), its bias of shape (outputs,), and whether ReLU follows."""

    weight: Tensor
    bias: Tensor | None
    relu: bool


class StepsByHand:
    """`loops.take_steps` for a stack of layers, cross entropy and Adam on a CPU: the same numbers within rounding.

    Batches are inputs, float32, shape (batch, ...), which are flattened, and targets, int64, shape (batch,).
    The optimizer's parameters are the layers' own, in their order; the loss takes neither weights of classes nor
    `ignore_index`.
    """

    group = 1
    name = "by hand"

    def __init__(self, layers: list[Layer], loss_fn: nn.CrossEntropyLoss, optimizer: Adam) -> None:
        self._layers = layers
        self._optimizer = optimizer
        x, weight, values = torch.ones(2, 3), torch.arange(12.0).view(4, 3), torch.tensor([[0, torch.nan, 1]] * 2)
        self._linear = F.linear
        if signals_are_safe():
            self._linear = choose(one_dnn_linear, F.linear, (x, weight, torch.arange(4.0)), (x.T, weight[:, :2], None))
        self._relu_backward = choose(relu_backward, plain_relu_backward, (x, values))
        self._mean = loss_fn.reduction == "mean"
        self._smoothing = loss_fn.label_smoothing
        self._last = layers[-1].weight
        classes = len(self._last)
        # A row for each label: the probabilities that the loss asks for (https://arxiv.org/abs/1512.00567, section 7).
        self._wanted = torch.eye(classes) * (1 - self._smoothing) + self._smoothing / classes

    @torch.no_grad()
    def __call__(self, batches: Iterator[tuple[Tensor, Tensor]], count: int) -> Stepped:
        losses, logits, labels = [], [], []
        gradients: list[Tensor] = []
        for inputs, targets in islice(batches, count):  # 1. Fetch next batch of data
            # 3. Compute model outputs
            values = self._forward(inputs.flatten(1))
            # 4. Compute loss between outputs and targets
            log_probabilities = values[-1].log_softmax(1)
            wanted = self._wanted.index_select(0, targets)
            losses.append(self._loss(log_probabilities, targets, wanted))
            # 5. Backpropagation. The gradients are new tensors each time, so that there is nothing to zero (2.)
            d_outputs = log_probabilities.exp().sub_(wanted)
            gradients = self._backward(values, d_outputs.div_(len(targets)) if self._mean else d_outputs)
            # 6. Gradient descent step
            self._optimizer.update(gradients)

            logits.append(values[-1])
            labels.append(targets)
        for parameter, gradient in zip(self._optimizer.param_groups[0]["params"], gradients, strict=True):
            parameter.grad = gradient
        all_labels = torch.cat(labels)
        correct = (torch.cat(logits).argmax(-1) == all_labels).sum()
        return Stepped(torch.stack(losses), correct, len(all_labels))

    def _forward(self, x: Tensor) -> list[Tensor]:
        """The inputs, and the values of each layer."""
        values = [x]
        for weight, bias, relu in self._layers:
            if weight is not self._last:
                x = self._linear(x, weight, bias)
            else:  # for so few outputs
                x = F.linear(x, weight) if bias is None else torch.addmm(bias, x, weight.T)
            # Not what oneDNN has for it, which makes 0 of a NaN: a divergence would be missed.
            values.append(x.relu_() if relu else x)
        return values

    def _loss(self, log_probabilities: Tensor, targets: Tensor, wanted: Tensor) -> Tensor:
        if not self._smoothing:
            return F.nll_loss(log_probabilities, targets, reduction="mean" if self._mean else "sum")
        total = -(log_probabilities * wanted).sum()
        return total / len(targets) if self._mean else total

    def _backward(self, values: list[Tensor], d_values: Tensor) -> list[Tensor]:
        """The loss by the parameters, from the loss by the outputs: layer by layer, from the last to the first."""
        gradients: list[Tensor] = []
        for place in range(len(self._layers) - 1, -1, -1):
            weight, bias, relu = self._layers[place]
            x = values[place]
            if relu:
                d_values = self._relu_backward(d_values, values[place + 1])
            if bias is not None:
                gradients.append(d_values.sum(0))
            gradients.append(d_values.T @ x if weight is self._last else self._linear(d_values.T, x.T, None))
            if place:
                d_values = d_values @ weight
        gradients.reverse()
        return gradients
