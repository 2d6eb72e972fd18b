"""A run's folder: made once, found again, and read whatever lies in it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.errors import UserError
from mlp_tui.events import BatchFinished, RunFinished, Saving, from_json
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.log import EventLog

from ..odd_files import as_fifo, as_folder, as_link_to_itself

CONFIG = TrainingConfig().as_dict()


def test_runs_that_start_in_the_same_second_get_a_folder_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda seed: RunFolder.create(tmp_path, "mnist", CONFIG | {"seed": seed}), range(24)))
    assert len({folder.path for folder in folders}) == 24
    assert [folder.read_config()["seed"] for folder in folders] == list(range(24))
    assert all(folder.lock.is_held() for folder in folders)


def test_a_folder_that_cannot_be_filled_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_config", full)
    with pytest.raises(OSError):
        RunFolder.create(tmp_path, "mnist", CONFIG)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run", ["latest", "x" * 300, "a\0b", "missing"])
@pytest.mark.parametrize("runs_dir", ["runs", "y" * 300, "a\0b"])
def test_a_run_that_cannot_be_there_is_a_sentence(tmp_path: Path, run: str, runs_dir: str) -> None:
    with pytest.raises(UserError, match="There is no run"):
        RunFolder.find(tmp_path / runs_dir, run)


@pytest.mark.parametrize("replace", [as_folder, as_link_to_itself, as_fifo])
@pytest.mark.parametrize("name", ["config.json", "events.jsonl", "lock", "log.txt"])
def test_a_file_of_another_kind_is_never_waited_for(tmp_path: Path, name: str, replace: Callable[[Path], None]) -> None:
    folder = RunFolder.create(tmp_path, "mnist", CONFIG)
    folder.lock.release()
    (folder.path / name).unlink(missing_ok=True)
    replace(folder.path / name)
    assert RunFolder.find(tmp_path, "latest").path == folder.path
    assert not folder.lock.is_held()
    assert folder.read_events() == [] and not folder.diverged()
    folder.note("a line")
    log = EventLog(folder.events)
    log.add(RunFinished("completed", 1, None, None, 1.0))
    if name == "events.jsonl":
        assert str(folder.events) in log.error
        with pytest.raises(OSError):
            folder.cut_log(0)
    if name == "config.json":
        with pytest.raises(UserError, match=r"config\.json cannot be read"):
            folder.read_config()
    if name == "lock":
        with pytest.raises(OSError):
            folder.lock.acquire()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[1]", "it holds no settings"),
        (b'{"epochs":' * 100_000, "nested too deep"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_damaged_settings_are_a_sentence(tmp_path: Path, text: bytes, complaint: str) -> None:
    folder = RunFolder.create(tmp_path, "mnist", CONFIG)
    folder.config.write_bytes(text)
    with pytest.raises(UserError, match=complaint) as error:
        folder.read_config()
    assert "so this run cannot be resumed" in str(error.value)


def test_damaged_lines_of_a_log_are_skipped(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "mnist", CONFIG)
    log = EventLog(folder.events)
    log.add(RunFinished("completed", 1, None, None, 1.0))
    with open(folder.events, "ab") as file:
        file.write(b"[" * 100_000 + b"\n" + b'{"event": "run_finished", "epochs": "x"}\n\xff\n{}\n')
    assert folder.read_events() == [RunFinished("completed", 1, None, None, 1.0)]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "batch_finished", "epoch": "1", "batch": 1, "batches": 1, "loss": 1, "running_loss": 1, '
        '"running_accuracy": 1, "images_per_second": 1, "seconds": 1}',
        '{"event": "run_finished", "reason": "bored", "epochs": 1, "test_loss": null, '
        '"test_accuracy": 1, "seconds": 1}',
        '{"event": "preview", "indices": [1], "labels": 1, "pixels": ["AA=="]}',
        '{"event": "watched", "live": true, "age": ' + "9" * 400 + "}",
        '{"event": ["preview"]}',
    ],
)
def test_an_event_of_the_wrong_types_is_none(line: str) -> None:
    with pytest.raises(ValueError, match="not an event"):
        from_json(line)


def test_what_holds_of_this_process_alone_is_not_logged(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.add(Saving("the disk is full"))
    log.add(BatchFinished(1, 1, 2, 0.5, 0.5, 0.5, 1.0, 1.0))
    assert (tmp_path / "events.jsonl").read_bytes().count(b"\n") == 1
