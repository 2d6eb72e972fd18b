"""The steps of the loop on a CPU with backpropagation written out: no autograd between the kernels.

On a model this small, autograd and the dispatch around it take longer than a product of matrices; and oneDNN's
product, which torch does not take for float32, is faster than MKL's on processors that are not Intel's.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from ..loops import Stepped
from ..model import MultiLayerPerceptron
from ..optimizer import Adam

ONE_DNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch._C._has_mkldnn else None
"""oneDNN's product of matrices, where this torch has it."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str = "none") -> Tensor:
    """`x @ weight.T + bias`, and the activation ("none" or "relu") of that."""
    if ONE_DNN:
        return ONE_DNN.default(x, weight, bias, activation, [], "")  # type: ignore[no-any-return]
    product = F.linear(x, weight, bias)
    return product.relu_() if activation == "relu" else product


@torch.no_grad()
def steps_by_hand(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    count: int,
    loss_fn: nn.Module,
    optimizer: optim.Optimizer,
) -> Stepped:
    """`loops.take_steps` for MultiLayerPerceptron, mean cross entropy and Adam: the same numbers within rounding."""
    assert isinstance(model, MultiLayerPerceptron) and isinstance(optimizer, Adam)
    losses, logits, labels = [], [], []
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in (model.hidden, model.output))
    one_hot = torch.eye(len(b2))
    for inputs, targets in islice(batches, count):  # 1. Fetch next batch of data
        # 3. Compute model outputs
        x = inputs.flatten(1)
        hidden = linear(x, w1, b1, "relu")
        outputs = torch.addmm(b2, hidden, w2.T)
        # 4. Compute loss between outputs and targets
        log_probabilities = outputs.log_softmax(1)
        losses.append(F.nll_loss(log_probabilities, targets))
        # 5. Backpropagation: the loss by the outputs, by the hidden layer, by the parameters. They are new
        # tensors each time, so that there is nothing to zero (2.)
        d_outputs = log_probabilities.exp().sub_(one_hot.index_select(0, targets)).div_(len(targets))
        d_hidden = torch.ops.aten.threshold_backward.default(d_outputs @ w2, hidden, 0)
        gradients = [linear(d_hidden.T, x.T), d_hidden.sum(0), d_outputs.T @ hidden, d_outputs.sum(0)]
        # 6. Gradient descent step
        optimizer.update(gradients)

        logits.append(outputs)
        labels.append(targets)
    for parameter, gradient in zip((w1, b1, w2, b2), gradients, strict=True):
        parameter.grad = gradient
    all_labels = torch.cat(labels)
    correct = (torch.cat(logits).argmax(-1) == all_labels).sum()
    return Stepped(torch.stack(losses), correct, len(all_labels))
