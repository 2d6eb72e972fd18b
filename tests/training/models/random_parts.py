"""A network that draws from every random generator there is, also where it is not trained, and leaves layers out."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(784, 3)
        self.hidden = nn.Linear(784, 24)
        self.norm = nn.BatchNorm1d(24)
        self.sometimes = nn.Linear(24, 24)
        self.output = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.hidden(x.flatten(1))))
        if random.random() < 0.5:
            x = x + F.relu(self.sometimes(x))
        x = F.dropout(x, 0.2)  # always, as the argument that switches it off was forgotten
        x = x + 0.01 * float(np.random.randn()) + 0.01 * torch.randn_like(x)
        return self.output(x)  # type: ignore[no-any-return]
