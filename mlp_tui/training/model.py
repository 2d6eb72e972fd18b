"""The model: a multi-layer perceptron."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from ..config import TrainingConfig
from .data.batches import Dataset

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
"""What may follow a hidden layer, by the name that `--activation` gives it."""


def make_model(config: TrainingConfig, dataset: Dataset) -> nn.Module:
    """The model that the settings ask for, on the CPU, for the data set's examples and classes."""
    inputs, outputs = math.prod(dataset.shape), len(dataset.classes)
    return MultiLayerPerceptron(config.hidden_sizes, inputs, outputs, config.activation, config.dropout)


class MultiLayerPerceptron(nn.Module):
    """Numbers in (784 pixels), hidden layers with an activation and dropout, logits out (10).

    The layers are called `hidden`, `hidden2`, ... and `output`: with one hidden layer the state dict has the
    notebook's keys, so weights go from one to the other.
    """

    hidden: nn.Linear

    def __init__(
        self,
        hidden_sizes: Sequence[int] = (100,),
        inputs: int = 28 * 28,
        outputs: int = 10,
        activation: str = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.names = [f"hidden{number if number > 1 else ''}" for number in range(1, len(hidden_sizes) + 1)]
        for name, size in zip(self.names, hidden_sizes, strict=True):
            self.add_module(name, nn.Linear(inputs, size))
            inputs = size
        self.output = nn.Linear(inputs, outputs)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)

    @property
    def linears(self) -> list[nn.Linear]:
        """The linear layers, from the inputs to the outputs."""
        return [*(getattr(self, name) for name in self.names), self.output]

    def describe(self) -> str:
        """The layers in a few words: 784-100-10 ReLU."""
        sizes = [self.linears[0].in_features, *(linear.out_features for linear in self.linears)]
        return f"{'-'.join(map(str, sizes))} {type(self.activation).__name__ if self.names else ''}".strip()

    def forward(self, x: Tensor) -> Tensor:
        """Inputs, shape (batch, ...), to logits, shape (batch, outputs)."""
        x = x.flatten(1)  # shape (batch, inputs)
        for name in self.names:
            x = self.dropout(self.activation(getattr(self, name)(x)))
        return self.output(x)  # type: ignore[no-any-return]
