"""MNIST's files: read, checked and downloaded."""

import contextlib
import gzip
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
import torchvision

from mlp_tui.errors import UserError
from mlp_tui.training.data import mnist
from mlp_tui.training.data.load import load_dataset
from mlp_tui.training.data.mnist import load_mnist

from ...mirror import Handler, Server
from .conftest import result

TRAIN_IMAGES = "train-images-idx3-ubyte"


def test_real_mnist_reads_as_torchvision_reads_it(mnist_dir: Path) -> None:
    dataset = result(load_mnist(mnist_dir))
    for digits, train in ((dataset.train, True), (dataset.test, False)):
        theirs = torchvision.datasets.MNIST(mnist_dir, train=train)
        assert torch.equal(digits.inputs, theirs.data)
        assert torch.equal(digits.labels, theirs.targets)


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


def claim_millions(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28, 1]))


def hold_millions(path: Path) -> None:
    """A file that is as long as it says, three terabytes, and takes no room on the disk."""
    path.write_bytes(bytes([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28]))
    os.truncate(path, 16 + (2**32 - 1) * 784)


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("put", "complaint"),
    [
        (claim_millions, "is 17 bytes long in place of 3,367,254,359,296: it is damaged"),
        (hold_millions, "cannot be read (3,367 GB are more than there is memory): mend that"),
        (put_folder, "cannot be read (it is not a regular file)"),
        (put_pipe, "cannot be read (it is not a regular file)"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_file_that_is_odd_or_endless_is_named(small_mnist: Path, put: Callable[[Path], None], complaint: str) -> None:
    path = small_mnist / "MNIST" / "raw" / TRAIN_IMAGES
    put(path)
    with pytest.raises(UserError) as error:
        result(load_dataset("mnist", small_mnist))
    assert str(error.value).startswith(f"{path} {complaint}")


def test_a_file_for_which_there_is_no_memory_is_named(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_mnist / "MNIST" / "raw" / TRAIN_IMAGES
    hold_millions(path)
    monkeypatch.setattr(mnist, "available_memory", lambda: float("inf"))
    with pytest.raises(UserError, match=r"cannot be read \(3,367 GB are more than there is memory\)"):
        result(load_dataset("mnist", small_mnist))


# Downloads, from a server on this machine


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


@pytest.mark.parametrize("put", [put_folder, put_pipe, lambda path: (path.unlink(), path.symlink_to(path))])
def test_an_odd_file_in_place_of_a_packed_one_is_passed_over(
    server: Server, small_mnist: Path, put: Callable[[Path], None]
) -> None:
    raw = small_mnist / "MNIST" / "raw"
    (raw / TRAIN_IMAGES).unlink()
    (raw / f"{TRAIN_IMAGES}.gz").touch()
    put(raw / f"{TRAIN_IMAGES}.gz")
    assert len(result(load_mnist(small_mnist)).train) == 640


def test_a_link_to_itself_counts_as_missing(server: Server, small_mnist: Path) -> None:
    path = small_mnist / "MNIST" / "raw" / TRAIN_IMAGES
    path.unlink()
    path.symlink_to(path)
    assert len(result(load_mnist(small_mnist)).train) == 640
    assert not path.is_symlink()


@pytest.mark.parametrize(
    "data",
    [gzip.compress(b"some bytes")[:-9], gzip.compress(b"some bytes")[:10] + b"\xff" * 20],
    ids=["cut off", "garbage"],
)
def test_a_packed_file_that_cannot_be_unpacked_is_a_sentence(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    server.files[f"/{TRAIN_IMAGES}.gz"] = data
    checksums = [(path[1:], hashlib.md5(data).hexdigest()) for path, data in server.files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", checksums)
    with pytest.raises(UserError, match=r"^train-images-idx3-ubyte.gz cannot be unpacked \(.+\): use --dataset"):
        result(load_mnist(tmp_path / "new"))


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


def send_without_end(handler: Handler) -> bool:
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while not handler.server.closing.is_set():
            handler.wfile.write(bytes(1 << 16))
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
        (send_without_end, "bytes are not the file's: the checksum differs"),
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
    monkeypatch.setattr(mnist, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(mnist, "MOST_PACKED", 1 << 20)
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
    assert mnist.HANG_SECONDS == 15


def test_auto_falls_back_to_the_built_in_digits_and_says_why(
    server: Server, few_built_in_digits: Path, tmp_path: Path
) -> None:
    server.misbehave = answer_404
    dataset = result(load_dataset("auto", tmp_path / "new"))
    assert dataset.name == "synthetic"
    assert dataset.notice.startswith("These are the program's own built-in digits, not MNIST. train-images")
    assert "404 Not Found" in dataset.notice
