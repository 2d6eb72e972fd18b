"""Pixels as the model takes them, and batches of them."""

import torch
import torchvision

from mlp_tui.training.data.batches import Batches, Examples, ShuffledBatches, normalise


def test_normalising_is_torchvisions_to_the_last_bit() -> None:
    transform = torchvision.transforms.Compose(
        [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(mean=0.1307, std=0.3081)]
    )
    image = torch.arange(784, dtype=torch.int64).remainder(256).to(torch.uint8).view(28, 28)
    assert torch.equal(normalise(image), transform(image.numpy()).squeeze())


def numbered(size: int) -> Examples:
    """Images whose first pixel is their number, which is their label too."""
    images = torch.zeros(size, 28, 28, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(size)
    return Examples(images, torch.arange(size))


def test_batches_go_through_all_rows_in_order_and_end_with_the_rest() -> None:
    batches = list(Batches(numbered(10), 4))
    assert [len(targets) for _, targets in batches] == [4, 4, 2] and len(Batches(numbered(10), 4)) == 3
    assert torch.cat([targets for _, targets in batches]).tolist() == list(range(10))
    inputs, targets = batches[1]
    assert inputs.shape == (4, 28, 28)
    assert inputs.dtype == torch.float32
    assert torch.equal(inputs[:, 0, 0], normalise(targets.to(torch.uint8)))


def test_shuffling_takes_every_row_once_and_anew_each_epoch() -> None:
    batches = Batches(numbered(100), 32, torch.Generator().manual_seed(0))
    first, second = (torch.cat([targets for _, targets in batches]) for _ in range(2))
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(100))
    assert not torch.equal(first, second)
    for inputs, targets in batches:
        assert torch.equal(inputs[:, 0, 0], normalise(targets.to(torch.uint8)))


def test_the_seed_decides_the_shuffle() -> None:
    def order(seed: int) -> list[int]:
        batches = Batches(numbered(100), 32, torch.Generator().manual_seed(seed))
        return torch.cat([targets for _, targets in batches]).tolist()

    assert order(1) == order(1) != order(2)


def test_the_rows_of_whole_batches_can_be_taken_in_place_of_the_batches() -> None:
    batches, same = (iter(Batches(numbered(90), 20, torch.Generator().manual_seed(0))) for _ in range(2))
    assert isinstance(batches, ShuffledBatches) and batches.whole == 4
    next(batches), next(same)
    rows = batches.take_rows(2)
    assert rows.shape == (2, 20) and batches.whole == 1
    for each in rows:
        assert torch.equal(each, next(same)[1])
    assert torch.equal(next(batches)[1], next(same)[1])
