"""Folders, arrays, tables and functions as data sets: what is read, how it is split, and how it is measured."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_tui.errors import UserError
from mlp_tui.training.data import loading
from mlp_tui.training.data.batches import Dataset, Normaliser
from mlp_tui.training.data.load import load_dataset
from mlp_tui.training.data.loading import Loading, measure, split_rows

from .conftest import result
from .own_data import COLOURS, arrays, write_arrays, write_function, write_kaggle, write_pictures, write_table


def load(choice: object, **settings: float) -> Dataset:
    return result(load_dataset(str(choice), Path("data"), **settings))  # type: ignore[arg-type]


def same(a: Dataset, b: Dataset) -> bool:
    pairs = ((a.train, b.train), (a.test, b.test))
    return all(torch.equal(x.inputs, y.inputs) and torch.equal(x.labels, y.labels) for x, y in pairs)


# Folders


def test_a_folder_is_split_by_the_seed_so_much_of_each_class(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "my pictures!")
    data = load(folder)
    assert (data.name, data.source, data.shape) == ("my-pictures", str(folder), (3, 8, 8))
    assert data.classes == ("blue", "green", "red")
    assert (
        torch.bincount(data.train.labels).tolist() == [16] * 3 and torch.bincount(data.test.labels).tolist() == [4] * 3
    )
    assert same(data, load(folder)) and not same(data, load(folder, seed=1))
    brightest = data.train.inputs.float().mean((2, 3)).argmax(1)  # red is channel 0
    assert torch.equal(brightest, 2 - data.train.labels)


def test_a_folder_with_train_and_test_is_split_as_it_is(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p" / "train", each=7)
    write_pictures(tmp_path / "p" / "test", each=2)
    data = load(tmp_path / "p")
    assert (len(data.train), len(data.test)) == (21, 6)
    assert len(set(data.test.labels[:4].tolist())) > 1  # not one class after the other


def test_pictures_are_gray_if_all_are_and_in_colour_else(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", gray=True)
    assert load(folder).shape == (1, 8, 8)
    Image.new("RGB", (8, 8)).save(folder / "red" / "one.png")
    assert load(folder).shape == (3, 8, 8)


def test_pictures_are_resized(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", kind="jpg")
    Image.new("RGB", (50, 20)).save(folder / "red" / "wide.png")
    assert load(folder, image_size=12).shape == (3, 12, 12)


def test_a_photo_is_turned_upright_and_16_bits_are_not_cut_off(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", each=2, gray=True)
    for name in COLOURS:
        values = np.zeros((8, 8), np.uint16)
        values[:4] = 40_000  # the upper half
        Image.fromarray(values).save(folder / name / "deep.png")
        turned = Image.fromarray((values >> 8).astype(np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        turned.save(folder / name / "turned.jpg", exif=exif, quality=100)
    data = load(folder)
    inputs = torch.cat([data.train.inputs, data.test.inputs]).float()
    halves = {tuple(image.view(2, 4, 8).mean((1, 2)).round().int().tolist()) for image in inputs}
    assert (156, 0) in halves and (0, 156) in halves


def test_what_is_transparent_is_white_as_it_is_where_the_model_is_asked(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(folder / "red" / "clear.png")
    data = load(folder)
    inputs = torch.cat([data.train.inputs, data.test.inputs])
    assert data.shape == (3, 8, 8) and int((inputs == 255).flatten(1).all(1).sum()) == 1


def test_files_that_are_no_pictures_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p")
    (folder / ".cache").mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "red" / "Thumbs.db").write_bytes(b"x")
    (folder / "red" / ".hidden.png").write_bytes(b"x")
    (folder / "red" / "more").mkdir()
    (folder / "red" / "more" / "loop").symlink_to(folder)
    assert len(load(folder).classes) == 3


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    for old, new in zip(COLOURS, ("10", "9", "2"), strict=True):
        (tmp_path / old).rename(tmp_path / new)
    assert load(tmp_path).classes == ("2", "9", "10")


# Arrays


def test_arrays_with_channels_last_become_images_with_channels_first(tmp_path: Path) -> None:
    data = load(write_arrays(tmp_path / "a.npz"))
    made = arrays()
    assert data.shape == (3, 8, 8) and data.classes == ("0", "1", "2")
    assert np.array_equal(data.train.inputs.numpy(), made["x_train"].transpose(0, 3, 1, 2))
    assert np.array_equal(data.test.labels.numpy(), made["y_test"])


@pytest.mark.parametrize(
    ("shape", "becomes"),
    [((60, 64), (64,)), ((60, 8, 8), (1, 8, 8)), ((60, 8, 8, 1), (1, 8, 8)), ((60, 1, 8, 8), (1, 8, 8))],
)
def test_gray_images_and_rows_of_bytes(tmp_path: Path, shape: tuple[int, ...], becomes: tuple[int, ...]) -> None:
    made = arrays(colour=False)
    x = {f"x_{split}": made[f"x_{split}"].reshape(-1, *shape[1:]) for split in ("train", "test")}
    data = load(write_arrays(tmp_path / "a.npz", **x))
    assert data.shape == becomes
    assert np.array_equal(data.train.inputs.numpy().reshape(60, 8, 8), made["x_train"])


def test_labels_may_be_names_or_have_gaps_and_be_a_column(tmp_path: Path) -> None:
    made = arrays()
    names = {f"y_{split}": np.array(["cat", "dog", "bee"])[made[f"y_{split}"]] for split in ("train", "test")}
    data = load(write_arrays(tmp_path / "a.npz", **names))
    assert data.classes == ("bee", "cat", "dog") and data.test.labels[:3].tolist() == [1, 2, 0]
    gaps = {f"y_{split}": (made[f"y_{split}"] * 5 + 7)[:, None].astype(">i2") for split in ("train", "test")}
    data = load(write_arrays(tmp_path / "b.npz", **gaps))
    assert data.classes == ("7", "12", "17") and data.test.labels[:3].tolist() == [0, 1, 2]


def test_arrays_in_fortrans_order_and_packed_are_the_same(tmp_path: Path) -> None:
    plain = load(write_arrays(tmp_path / "a.npz"))
    fortran: dict[str, Any] = {name: np.asfortranarray(each) for name, each in arrays().items()}
    np.savez_compressed(tmp_path / "b.npz", **fortran)
    assert same(plain, load(tmp_path / "b.npz"))


# Tables


def test_a_table_has_its_columns_names_and_its_labels_order(tmp_path: Path) -> None:
    data = load(write_table(tmp_path / "plants.csv"))
    assert (data.name, data.shape, data.columns) == ("plants", (4,), ("length", "width", "weight", "planet"))
    assert data.classes == ("kind a", "kind b", "kind c") and (len(data.train), len(data.test)) == (96, 24)
    assert data.train.inputs.dtype == torch.float32
    assert torch.equal((data.train.inputs[:, 0] / 10).round().clamp(0, 2).long(), data.train.labels)


def test_a_table_of_pixels_is_read_as_images(tmp_path: Path) -> None:
    path = write_kaggle(tmp_path / "digits.csv")
    data = load(path)
    assert data.shape == (1, 28, 28) and data.columns == () and data.classes == tuple("0123456789")
    with path.open() as file:
        rows = {tuple(map(int, row[1:])): int(row[0]) for row in list(csv.reader(file))[1:]}
    for image, label in zip(data.train.inputs, data.train.labels, strict=True):
        assert rows[tuple(image.flatten().tolist())] == label


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_table_with_quotes_blank_lines_a_mark_and_any_line_ends_is_read(tmp_path: Path, ends: str) -> None:
    lines = ["\ufeff Label ,a", '"one, two",1', "", "x,2e0", '"one, two", 3 ', "x,4", ""]
    (tmp_path / "t.csv").write_bytes(ends.join(lines).encode())
    data = load(tmp_path / "t.csv")
    assert data.classes == ("one, two", "x") and data.columns == ("a",)
    assert sorted([*data.train.inputs.flatten().tolist(), *data.test.inputs.flatten().tolist()]) == [1, 2, 3, 4]


def test_a_table_longer_than_a_piece_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(write_table(tmp_path / "t.csv", rows=500))
    monkeypatch.setattr("mlp_tui.training.data.tables.AT_ONCE", 28)
    monkeypatch.setattr(loading, "PIECE", 40)
    pieces = load(tmp_path / "t.csv")
    assert same(whole, pieces)
    assert np.allclose(whole.normalise.mean, pieces.normalise.mean)


# Functions


def test_a_functions_rows_and_its_random_split_are_the_seeds(tmp_path: Path) -> None:
    path = write_function(tmp_path / "mine.py")
    data = load(f"{path}:rows")
    assert (data.name, data.source, data.shape) == ("mine", f"{path}:rows", (5,))
    assert (len(data.train), len(data.test), data.classes) == (60, 30, ("0", "1", "2"))
    assert same(data, load(f"{path}:rows")) and not same(data, load(f"{path}:rows", seed=5))


def test_a_functions_pictures_keep_their_classes_names(tmp_path: Path) -> None:
    data = load(f"{write_function(tmp_path / 'mine.py')}:pictures")
    assert data.shape == (1, 6, 6) and data.classes == ("dark", "bright")
    assert data.train.inputs.dtype == torch.uint8 and data.train.inputs[:2, 0, 0].tolist() == [51, 204]


# Measures


def test_columns_are_normalised_by_the_training_sets_own_mean_and_deviation(tmp_path: Path) -> None:
    data = load(write_table(tmp_path / "t.csv"))
    x = data.normalise(data.train.inputs)
    assert torch.allclose(x.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(x.std(0, correction=0), torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-5)
    assert data.normalise.deviation[3] == 1.0  # the constant column


def test_channels_are_normalised_each_by_its_own(tmp_path: Path) -> None:
    data = load(write_pictures(tmp_path / "p"))
    x = data.normalise(data.train.inputs)
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)
    gray = data.train.inputs[:, 0]
    assert torch.allclose(torch.tensor(measure(gray).mean), gray.float().mean() / 255)


@pytest.mark.parametrize("value", [0.1, 1e-20, 1e30, -3e38, 0.0, 123456.789])
def test_a_constant_column_has_deviation_1(value: float) -> None:
    assert measure(torch.full((1001, 1), value)).deviation == (1.0,)


def test_a_measure_is_the_same_with_any_number_of_threads() -> None:
    rows = torch.randn(20_000, 30, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    measures: list[Normaliser] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        measures.append(measure(rows))
    torch.set_num_threads(before)
    assert measures[0] == measures[1]


# Splits and validation


def test_no_class_is_split_off_whole() -> None:
    labels = torch.tensor([0] * 100 + [1] * 2 + [2])
    left, off = split_rows(labels, 0.1, 0)
    assert torch.bincount(labels[off], minlength=3).tolist() == [10, 1, 0]
    assert sorted([*left.tolist(), *off.tolist()]) == list(range(103))


def test_validation_is_split_off_the_training_set_by_the_seed(small_mnist: Path) -> None:
    plain = result(load_dataset("mnist", small_mnist))
    data, again, other = (result(load_dataset("mnist", small_mnist, seed, 0, 0.25)) for seed in (0, 0, 1))
    assert data.validation is not None and again.validation is not None and other.validation is not None
    assert plain.validation is None and plain.held_out is plain.test and data.held_out is data.validation
    assert abs(len(data.validation) - 160) < 6 and len(data.train) + len(data.validation) == 640
    assert torch.equal(data.validation.inputs, again.validation.inputs)
    assert not torch.equal(data.validation.inputs[:100], other.validation.inputs[:100])
    assert torch.equal(data.test.inputs, plain.test.inputs) and data.normalise == plain.normalise


def test_validation_of_nothing_is_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", x_train=arrays()["x_train"][:3], y_train=np.arange(3))
    with pytest.raises(UserError, match=r"--validation 0.1 splits nothing off 3 examples"):
        load(tmp_path / "a.npz", validation=0.1)


# Sizes


@pytest.fixture
def little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with room for a few hundred bytes, and a cache folder of the test's."""
    monkeypatch.setattr(loading, "available_memory", lambda: 300.0)
    monkeypatch.setattr(loading, "CACHE_DIR", tmp_path / "cache")
    monkeypatch.setattr(loading, "PIECE", 1000)
    return tmp_path / "cache"


def test_what_does_not_fit_in_memory_is_the_same_from_a_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    sets = [
        write_pictures(tmp_path / "p"),
        write_table(tmp_path / "t.csv"),
        write_arrays(tmp_path / "a.npz"),
        f"{write_function(tmp_path / 'mine.py')}:rows",
    ]
    in_memory = [load(each, validation=0.2) for each in sets]
    cache = request.getfixturevalue("little_memory")
    for each, expected in zip(sets, in_memory, strict=True):
        data = load(each, validation=0.2)
        assert same(data, expected)
        assert expected.notice == "" and "do not fit in memory: they are read as they are needed" in data.notice
    assert list(cache.iterdir()) == []  # the files end with their tensors


def test_what_fits_nowhere_is_refused(little_memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("", (), {"free": 10}))
    with pytest.raises(UserError, match=r"fit neither in memory nor in .*cache"):
        load(write_pictures(tmp_path / "p"))


def test_room_is_by_the_memory_that_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Loading()
    monkeypatch.setattr(loading, "available_memory", lambda: 3000.0)
    assert room.room((10, 100), torch.uint8).shape == (10, 100) and room.in_files == 0
    assert room.room((10, 101), torch.uint8).shape == (10, 101) and room.in_files == 1010


@pytest.mark.parametrize("classes", [2, 200])
def test_few_classes_and_many_are_read(tmp_path: Path, classes: int) -> None:
    rows = [f"{row % classes},{row % classes + row / 1e6}" for row in range(classes * 5)]
    (tmp_path / "t.csv").write_text("\n".join(["label,x", *rows]))
    data = load(tmp_path / "t.csv")
    assert len(data.classes) == classes and len(data.test) == classes and data.classes[-1] == str(classes - 1)
