"""Each of torchvision's data sets, from a folder in torchvision's own format that the tests write."""

import bz2
import gzip
import hashlib
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets

from mlp_tui.errors import UserError
from mlp_tui.training.data.load import load_dataset
from mlp_tui.training.data.torchvision_sets import SETS

from ...conftest import idx
from ...mirror import Server
from .conftest import result

TRAIN, TEST = 60, 30


def digits(size: int, classes: int = 10, first: int = 0, side: int = 28) -> tuple[torch.Tensor, torch.Tensor]:
    """Gray images, lit in the upper right corner, and their labels, uint8."""
    labels = torch.arange(size, dtype=torch.uint8) % classes + first
    images = torch.randint(50, (size, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images[:, : side // 4, side // 2 :] = 200
    return images, labels


def write_idx(kind: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = folder / kind / "raw"
        raw.mkdir(parents=True)
        for split, size in (("train", TRAIN), ("t10k", TEST)):
            images, labels = digits(size)
            (raw / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
            (raw / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))

    return write


def write_qmnist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = folder / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    for split, size in (("train", TRAIN), ("test", TEST)):
        images, labels = digits(size)
        more = np.zeros((size, 8), ">i4")  # whose digit it is, and where it was found
        more[:, 0], more[:, 1:] = labels.numpy(), 77
        header = bytes([0, 0, 12, 2]) + b"".join(number.to_bytes(4, "big") for number in more.shape)
        (raw / f"qmnist-{split}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"qmnist-{split}-labels-idx2-int").write_bytes(header + more.tobytes())


def write_emnist(split: str, classes: int, first: int = 0) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        raw = folder / "EMNIST" / "raw"
        raw.mkdir(parents=True)
        for part, size in (("train", 2 * TRAIN), ("test", 2 * TEST)):
            images, labels = digits(size, classes, first)
            images = images.transpose(1, 2).contiguous()  # column by column
            (raw / f"emnist-{split}-{part}-images-idx3-ubyte").write_bytes(idx(images))
            (raw / f"emnist-{split}-{part}-labels-idx1-ubyte").write_bytes(idx(labels))

    return write


def write_usps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    for name, size in (("usps.bz2", TRAIN), ("usps.t.bz2", TEST)):
        images, labels = digits(size, side=16)
        lines = [
            " ".join([str(int(label) + 1), *(f"{i + 1}:{v / 255 * 2 - 1:.4f}" for i, v in enumerate(image.flatten()))])
            for image, label in zip(images, labels, strict=True)
        ]
        (folder / name).write_bytes(bz2.compress(("\n".join(lines) + "\n").encode()))


def write_cifar(kind: str, key: str, names: str, classes: int) -> Callable[[Path, pytest.MonkeyPatch], None]:
    def write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cifar = getattr(torchvision.datasets, kind)
        place = folder / cifar.base_folder
        place.mkdir(parents=True)

        def put(name: str, value: Any) -> str:
            data = pickle.dumps(value)
            (place / name).write_bytes(data)
            return hashlib.md5(data).hexdigest()

        for which, size in (("train_list", TRAIN), ("test_list", TEST)):
            listed = []
            for name, _ in getattr(cifar, which):
                images, labels = digits(2 * size, classes, side=32)
                colour = torch.stack([images, images // 2, images // 4], 1)  # red, most of all
                listed.append([name, put(name, {"data": colour.flatten(1).numpy(), key: labels.tolist()})])
            monkeypatch.setattr(cifar, which, listed)
        meta = dict(cifar.meta)
        meta["md5"] = put(meta["filename"], {names: [f"class {number}" for number in range(classes)]})
        monkeypatch.setattr(cifar, "meta", meta)

    return write


def write_svhn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sio = pytest.importorskip("scipy.io")
    folder.mkdir()
    listed = {}
    for split, size in (("train", TRAIN), ("test", TEST)):
        images, labels = digits(size, side=32, first=1)  # 10 stands for the digit 0
        colour = torch.stack([images, images // 2, images // 4], 3).permute(1, 2, 3, 0)
        name = f"{split}_32x32.mat"
        sio.savemat(folder / name, {"X": colour.numpy(), "y": labels[:, None].numpy()})
        listed[split] = ["http://127.0.0.1:9/", name, hashlib.md5((folder / name).read_bytes()).hexdigest()]
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)


DIGITS = tuple("0123456789")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
CASES: dict[str, tuple[Callable[[Path, pytest.MonkeyPatch], None], tuple[int, ...], tuple[str, ...]]] = {
    "fashion-mnist": (write_idx("FashionMNIST"), (1, 28, 28), ("T-shirt/top", "Trouser", "Pullover")),
    "kmnist": (write_idx("KMNIST"), (1, 28, 28), ("o", "ki", "su", "tsu")),
    "qmnist": (write_qmnist, (1, 28, 28), DIGITS),
    "emnist-digits": (write_emnist("digits", 10), (1, 28, 28), DIGITS),
    "emnist-letters": (write_emnist("letters", 26, first=1), (1, 28, 28), LETTERS),
    "emnist-balanced": (write_emnist("balanced", 47), (1, 28, 28), (*DIGITS, "A", "B")),
    "usps": (write_usps, (1, 16, 16), DIGITS),
    "cifar10": (write_cifar("CIFAR10", "labels", "label_names", 10), (3, 32, 32), ("class 0", "class 1")),
    "cifar100": (write_cifar("CIFAR100", "fine_labels", "fine_label_names", 100), (3, 32, 32), ("class 0", "class 1")),
    "svhn": (write_svhn, (3, 32, 32), DIGITS),
}


@pytest.mark.parametrize("name", SETS)
def test_each_set_is_read_from_torchvisions_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, shape, classes = CASES[name]
    write(tmp_path / "data", monkeypatch)
    data = result(load_dataset(name, tmp_path / "data"))
    assert (data.name, data.shape, data.classes[: len(classes)]) == (name, shape, classes)
    assert data.train.inputs.dtype == torch.uint8 and len(data.train) > len(data.test) >= TEST
    first = 1 if name == "svhn" else 0
    assert data.test.labels[:3].tolist() == [first, first + 1, first + 2]
    side = shape[1]
    upright = data.train.inputs[..., : side // 4, side // 2 :].float()
    assert data.train.inputs[0, ..., side // 2 :, : side // 4].float().max() <= 50
    if shape[0] == 3:
        assert [float(upright[:, channel].mean()) for channel in range(3)] == [200, 100, 50]
    else:
        assert upright.min() >= 199
    assert len(data.normalise.mean) == shape[0] and data.normalise.mean[0] != 0.1307


def test_a_damaged_file_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx("KMNIST")(tmp_path / "data", monkeypatch)
    path = tmp_path / "data" / "KMNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"^kmnist in .*data cannot be read \(.+\): delete its files to have .*\.$"):
        result(load_dataset("kmnist", tmp_path / "data"))


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10", "usps"])
def test_a_set_that_cannot_be_downloaded_gets_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = getattr(torchvision.datasets, SETS[name][0])
    nobody = "http://127.0.0.1:9/"  # a port that nobody listens on
    if name == "usps":
        monkeypatch.setattr(kind, "split_list", {"train": [nobody, "usps.bz2", ""], "test": [nobody, "", ""]})
    monkeypatch.setattr(kind, "mirrors", [nobody], raising=False)
    monkeypatch.setattr(kind, "url", nobody, raising=False)
    with pytest.raises(
        UserError, match=rf"^{name} could not be downloaded \(.*refused.*\): put torchvision's files .*\.$"
    ):
        result(load_dataset(name, tmp_path / "data"))


def test_a_set_that_is_missing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx("MNIST")(tmp_path / "served", monkeypatch)
    server = Server(tmp_path / "served")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kind = torchvision.datasets.KMNIST
    monkeypatch.setattr(kind, "mirrors", [server.url])
    monkeypatch.setattr(kind, "resources", [(p[1:], hashlib.md5(d).hexdigest()) for p, d in server.files.items()])
    data = result(load_dataset("kmnist", tmp_path / "data"))
    server.closing.set()
    server.shutdown()
    server.server_close()
    assert (len(data.train), len(data.test)) == (TRAIN, TEST)
    assert all(gzip.decompress(each) for each in server.files.values())


def test_a_reader_that_torchvision_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.mat").write_bytes(b"x")
    listed = {split: ["", f"{split}.mat", hashlib.md5(b"x").hexdigest()] for split in ("train", "test")}
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(UserError, match=r"^torchvision needs scipy to read svhn: install it with pip install scipy\.$"):
        result(load_dataset("svhn", tmp_path))


def test_a_torchvision_that_does_not_fit_torch_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(UserError, match=r"^torchvision, which reads kmnist, cannot be imported .*--force-reinstall"):
        result(load_dataset("kmnist", tmp_path))
