"""The classroom notebook's training loop, as it stands there."""

from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import nn, optim
from torch.utils.data import DataLoader

from mlp_tui.training.model import MultiLayerPerceptron


def notebook_epoch(data_dir: Path, device: str = "cpu") -> Callable[[], None]:
    """One epoch, on the device."""
    transform = torchvision.transforms.Compose(
        [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(mean=0.1307, std=0.3081)]
    )
    train_data = torchvision.datasets.MNIST(data_dir, train=True, transform=transform)
    train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
    threads = torch.get_num_threads()

    def epoch() -> None:
        torch.set_num_threads(threads)  # torch's default, which the notebook leaves alone
        model = MultiLayerPerceptron().to(device)
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        loss_fn = nn.CrossEntropyLoss()
        total_loss, all_predictions, all_targets = 0.0, [], []
        model.train()
        for inputs, targets in train_loader:
            inputs, targets = inputs.to(device), targets.to(device)
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            all_predictions.extend(torch.argmax(outputs, dim=-1).tolist())
            all_targets.extend(targets.tolist())

    return epoch
