"""The model: a multi-layer perceptron with one hidden layer."""

import torch.nn.functional as F
from torch import Tensor, nn


class MultiLayerPerceptron(nn.Module):
    """784 pixels, a hidden layer with ReLU, 10 logits.

    The state dict has the notebook's keys (`hidden.*`, `output.*`), so weights go from one to the other.
    """

    def __init__(self, hidden_size: int = 100) -> None:
        super().__init__()
        self.hidden = nn.Linear(28 * 28, hidden_size)
        self.output = nn.Linear(hidden_size, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images, shape (batch, 28, 28) or (batch, 1, 28, 28), to logits, shape (batch, 10)."""
        x = x.flatten(1)  # shape (batch, 28*28)
        x = self.hidden(x)
        x = F.relu(x)
        return self.output(x)  # type: ignore[no-any-return]
