"""Reading, checking, downloading and batching the digits."""

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
import torchvision

from mlp_tui.errors import UserError
from mlp_tui.events import Preparing
from mlp_tui.training.data import datasets
from mlp_tui.training.data.datasets import (
    Batches,
    Dataset,
    Digits,
    load_dataset,
    load_mnist,
    load_synthetic,
    normalise,
)

from ...conftest import write_mnist
from ...mirror import Handler, Server

TRAIN_IMAGES = "train-images-idx3-ubyte"


def result(loading: Generator[Preparing, None, Dataset]) -> Dataset:
    """What a generator returns, its events passed over."""
    while True:
        try:
            next(loading)
        except StopIteration as end:
            dataset = end.value
            assert isinstance(dataset, Dataset)
            return dataset


# Pixels and batches


def test_normalising_is_torchvisions_to_the_last_bit() -> None:
    transform = torchvision.transforms.Compose(
        [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(mean=0.1307, std=0.3081)]
    )
    image = torch.arange(784, dtype=torch.int64).remainder(256).to(torch.uint8).view(28, 28)
    assert torch.equal(normalise(image), transform(image.numpy()).squeeze())


def test_real_mnist_reads_as_torchvision_reads_it(mnist_dir: Path) -> None:
    dataset = result(load_mnist(mnist_dir))
    for digits, train in ((dataset.train, True), (dataset.test, False)):
        theirs = torchvision.datasets.MNIST(mnist_dir, train=train)
        assert torch.equal(digits.images, theirs.data)
        assert torch.equal(digits.labels, theirs.targets)


def numbered(size: int) -> Digits:
    """Images whose first pixel is their number, which is their label too."""
    images = torch.zeros(size, 28, 28, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(size)
    return Digits(images, torch.arange(size))


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


# Files that are not right


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def garble_magic(path: Path) -> None:
    path.write_bytes(b"<htm" + path.read_bytes()[4:])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def wrong_label(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\x2a")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fewer_labels(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]))


def no_images(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28]))


def small_images(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]))


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        (TRAIN_IMAGES, truncate, "is 500,776 bytes long in place of 501,776"),
        (TRAIN_IMAGES, garble_magic, "begins with 3c 68 74 6d in place of 00 00 08 03"),
        (TRAIN_IMAGES, grow, "is 501,777 bytes long in place of 501,776"),
        (TRAIN_IMAGES, no_images, "is empty"),
        (TRAIN_IMAGES, small_images, "holds 1 images of 2x2 pixels"),
        ("t10k-labels-idx1-ubyte", wrong_label, "holds the label 42"),
        ("t10k-labels-idx1-ubyte", empty, "is 0 bytes long, too short for a header"),
        ("train-labels-idx1-ubyte", fewer_labels, "holds 3 labels for 640 images"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_damaged_file_is_named_with_the_remedy(
    small_mnist: Path, name: str, spoil: Callable[[Path], None], complaint: str
) -> None:
    path = small_mnist / "MNIST" / "raw" / name
    spoil(path)
    with pytest.raises(UserError) as error:
        result(load_dataset("mnist", small_mnist))
    assert str(error.value) == f"{path} {complaint}: it is damaged; delete it, and it is downloaded anew."


def test_a_file_that_cannot_be_read_is_named(small_mnist: Path) -> None:
    path = small_mnist / "MNIST" / "raw" / TRAIN_IMAGES
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte cannot be read \(Is a directory\)"):
        result(load_dataset("mnist", small_mnist))


# Downloads, from a server on this machine


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A mirror of a small dataset, which torchvision takes for MNIST's only one."""
    server = Server(write_mnist(tmp_path / "served"))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [server.url])
    checksums = [(path[1:], hashlib.md5(data).hexdigest()) for path, data in server.files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", checksums)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


def test_what_is_missing_is_downloaded_with_progress(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    events = list(load_mnist(folder))
    progress = [event for event in events if event.what == f"Downloading {TRAIN_IMAGES}.gz" and event.total]
    assert progress[-1].done == progress[-1].total == len(server.files[f"/{TRAIN_IMAGES}.gz"])
    assert len(server.requests) == 4
    # torchvision finds all it needs in the folder.
    assert len(torchvision.datasets.MNIST(folder, train=True)) == 640
    assert len(result(load_mnist(folder)).test) == 1100
    assert len(server.requests) == 4


def test_one_missing_file_is_one_download(server: Server, small_mnist: Path) -> None:
    (small_mnist / "MNIST" / "raw" / TRAIN_IMAGES).unlink()
    result(load_mnist(small_mnist))
    assert server.requests == [f"/{TRAIN_IMAGES}.gz"]


def test_a_packed_file_in_the_folder_saves_the_download(server: Server, small_mnist: Path) -> None:
    raw = small_mnist / "MNIST" / "raw"
    (raw / TRAIN_IMAGES).unlink()
    (raw / f"{TRAIN_IMAGES}.gz").write_bytes(server.files[f"/{TRAIN_IMAGES}.gz"])
    result(load_mnist(small_mnist))
    assert server.requests == []


def test_half_a_packed_file_does_not(server: Server, small_mnist: Path) -> None:
    raw = small_mnist / "MNIST" / "raw"
    (raw / TRAIN_IMAGES).unlink()
    (raw / f"{TRAIN_IMAGES}.gz").write_bytes(server.files[f"/{TRAIN_IMAGES}.gz"][:5000])
    result(load_mnist(small_mnist))
    assert server.requests == [f"/{TRAIN_IMAGES}.gz"]


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:1/", server.url])
    assert len(result(load_mnist(tmp_path / "new")).train) == 640


def answer_404(handler: Handler) -> bool:
    handler.send_error(404)
    return True


def send_garbage(handler: Handler) -> bool:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"<html>Log in to the network first</html>")
    return True


def speak_another_protocol(handler: Handler) -> bool:
    handler.wfile.write(b"220 smtp.example ESMTP\r\n")
    return True


def break_off(handler: Handler) -> bool:
    data = handler.server.files[handler.path]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2])
    return True


def hang(handler: Handler) -> bool:
    handler.server.closing.wait(30)
    return True


def hang_midway(handler: Handler) -> bool:
    break_off(handler)
    handler.wfile.flush()
    return hang(handler)


@pytest.mark.parametrize(
    ("misbehave", "complaint"),
    [
        (answer_404, "the server answered 404 Not Found"),
        (send_garbage, "its 40 bytes are not the file's: the checksum differs"),
        (speak_another_protocol, "220 smtp.example ESMTP"),
        (break_off, "bytes are not the file's: the checksum differs"),
        (hang, "the server does not answer"),
        (hang_midway, "the server does not answer"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_server_that_misbehaves_is_one_sentence_and_leaves_no_file(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    misbehave: Callable[[Handler], bool],
    complaint: str,
) -> None:
    server.misbehave = misbehave
    monkeypatch.setattr(datasets, "HANG_SECONDS", 0.5)
    raw = tmp_path / "new" / "MNIST" / "raw"
    started = time.monotonic()
    with pytest.raises(UserError) as error:
        result(load_dataset("mnist", tmp_path / "new"))
    assert time.monotonic() - started < 10
    message = str(error.value)
    assert message.startswith(f"{TRAIN_IMAGES}.gz could not be downloaded ({urlsplit(server.url).netloc}: ")
    assert complaint in message
    assert message.endswith(f"). Put MNIST's files into {raw} by hand, or use --dataset synthetic.")
    assert list(raw.iterdir()) == []


def test_a_download_given_up_halfway_leaves_no_file(server: Server, tmp_path: Path) -> None:
    loading = load_mnist(tmp_path / "new")
    for event in loading:
        if event.done:
            break
    loading.close()
    assert list((tmp_path / "new" / "MNIST" / "raw").iterdir()) == []


def test_patience_with_a_server_ends_after_15_seconds() -> None:
    assert datasets.HANG_SECONDS == 15


# The built-in digits


@pytest.fixture
def few_built_in_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the built-in digits few, and their cache a folder of the test's."""
    monkeypatch.setattr(datasets, "CACHE_DIR", tmp_path / "cache")
    monkeypatch.setattr(datasets, "SYNTHETIC_SIZES", (300, 100))
    return tmp_path / "cache"


def same(a: Dataset, b: Dataset) -> bool:
    return torch.equal(a.train.images, b.train.images) and torch.equal(a.test.labels, b.test.labels)


def test_auto_falls_back_to_the_built_in_digits_and_says_why(
    server: Server, few_built_in_digits: Path, tmp_path: Path
) -> None:
    server.misbehave = answer_404
    dataset = result(load_dataset("auto", tmp_path / "new"))
    assert dataset.name == "synthetic"
    assert dataset.notice.startswith("These are the program's own built-in digits, not MNIST. train-images")
    assert "404 Not Found" in dataset.notice


def test_the_built_in_digits_are_kept_and_the_same_each_time(few_built_in_digits: Path) -> None:
    first = result(load_synthetic())
    assert (len(first.train), len(first.test), first.notice) == (300, 100, "")
    assert [event.what for event in load_synthetic()] == ["Reading the built-in digits"]
    assert same(result(load_synthetic()), first)
    for file in few_built_in_digits.iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert same(result(load_synthetic()), first)


def test_a_cache_that_cannot_be_written_is_a_warning(
    few_built_in_digits: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few_built_in_digits.write_text("a file where the folder should be")
    assert len(result(load_synthetic()).train) == 300
    assert "they are drawn anew each time" in caplog.text
