"""What the list of runs reads of a folder: how a run stands, and its loss curve."""

import os
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mlp_tui.config import TrainingConfig
from mlp_tui.events import BatchFinished, EpochFinished, Event, Reason, RunFinished, to_json
from mlp_tui.runs.folder import RunFolder
from mlp_tui.runs.listing import POINTS, list_runs, loss_curve, read_run
from mlp_tui.runs.log import TAIL

from .. import made_up


def made(folder: Path, events: Iterable[Event] = (), minutes: float = 0, **settings: Any) -> RunFolder:
    """A run's folder, begun so many minutes ago."""
    run = RunFolder(folder)
    run.write_config(TrainingConfig(**settings).as_dict())
    run.events.write_text("".join(to_json(event) + "\n" for event in events))
    begun = time.time() - 60 * minutes - 1
    os.utime(run.config, (begun, begun))
    return run


def epoch(number: int, accuracy: float = 0.9, epochs: int = 5) -> EpochFinished:
    return EpochFinished(number, epochs, 0.3, accuracy - 0.01, 0.2 / number, accuracy, 0.7, 0.1)


def end(reason: Reason, epochs: int, accuracy: float | None = None) -> RunFinished:
    return RunFinished(reason, epochs, None if accuracy is None else 0.1, accuracy, 4.0)


def test_the_newest_runs_come_first_without_the_current_one(tmp_path: Path) -> None:
    for number, name in enumerate(("c", "a", "d", "b")):
        made(tmp_path / name, minutes=10 * number)
    (tmp_path / "not a run").mkdir()
    assert [run.folder.name for run in list_runs(tmp_path, 9, without="d")[0]] == ["c", "a", "b"]
    assert list_runs(tmp_path / "nowhere", 9) == ([], 0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], ("killed", 0, None)),
        ([epoch(1), epoch(2, 0.93)], ("killed", 2, 0.93)),
        ([epoch(1), epoch(2, 0.93), end("stopped", 2, 0.93)], ("stopped", 2, 0.93)),
        ([end("diverged", 0)], ("diverged", 0, None)),
    ],
)
def test_the_end_of_a_log_says_how_a_run_stands(
    tmp_path: Path, events: list[Event], expected: tuple[str, int, float | None]
) -> None:
    run = read_run(made(tmp_path / "run", events))
    assert run is not None
    assert (run.standing, run.epochs, run.accuracy) == expected


def test_a_run_that_a_process_trains_is_live(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(1)])
    folder.lock.acquire()
    run = read_run(RunFolder(folder.path))
    folder.lock.release()
    assert run is not None
    assert run.standing == "live"


def test_a_result_is_found_however_much_is_logged_behind_it(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(3, 0.95), *made_up.mistakes(1)])
    assert folder.events.stat().st_size > TAIL
    run = read_run(folder)
    assert run is not None
    assert (run.epochs, run.accuracy) == (3, 0.95)


def test_the_settings_that_differ_are_named_where_they_matter_to_what_is_learnt(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", hidden_sizes=(800,), learning_rate=0.005, threads=2, epochs=9, dataset="mnist")
    run = read_run(folder)
    assert run is not None
    assert run.settings == "learning-rate 0.005, hidden-sizes 800"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epochs": "five"}', '{"epochs": 0}', '{"data_dir": 3}'])
def test_a_damaged_folder_is_left_out(tmp_path: Path, text: str) -> None:
    folder = made(tmp_path / "run")
    folder.config.write_text(text)
    assert read_run(folder) is None


def test_a_damaged_log_hides_no_run(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", [epoch(1, 0.91)])
    with open(folder.events, "ab") as log:
        log.write(b'{"event": "epoch_finished", "epoch": 2\n{"event": "run_fini\xff\n\0\0\n[]\nhalf a li')
    run = read_run(folder)
    assert run is not None
    assert (run.epochs, run.accuracy) == (1, 0.91)
    folder.events.unlink()
    run = read_run(folder)
    assert run is not None
    assert run.epochs == 0
    assert loss_curve(folder) == ([], [])


# The tree


def branch(runs_dir: Path, name: str, parent: str, minutes: float = 0) -> None:
    run = made(runs_dir / name, minutes=minutes)
    origin = {"run": parent, "epoch": 1, "batch": 2, "step": 2}
    run.write_config(run.read_config() | {"parent": origin})
    begun = time.time() - 60 * minutes - 1
    os.utime(run.config, (begun, begun))


def test_branches_stand_below_their_parents(tmp_path: Path) -> None:
    made(tmp_path / "old", minutes=90)
    made(tmp_path / "new", minutes=5)
    branch(tmp_path, "old-e1b2", "old", minutes=60)
    branch(tmp_path, "old-e3b1", "old", minutes=1)
    branch(tmp_path, "old-e1b2-e2b1", "old-e1b2", minutes=30)
    branch(tmp_path, "orphan", "gone", minutes=3)
    runs, count = list_runs(tmp_path, 9)
    assert count == 6
    assert [(run.depth, run.folder.name) for run in runs] == [
        (0, "orphan"),
        (0, "new"),
        (0, "old"),
        (1, "old-e3b1"),
        (1, "old-e1b2"),
        (2, "old-e1b2-e2b1"),
    ]
    assert [run.parent for run in runs] == ["gone", "", "", "old", "old", "old-e1b2"]


def test_runs_that_name_each_other_as_parents_are_all_listed(tmp_path: Path) -> None:
    for name, parent in (("a", "b"), ("b", "a"), ("c", "c"), ("d", "a")):
        branch(tmp_path, name, parent)
    runs, _ = list_runs(tmp_path, 9)
    assert sorted(run.folder.name for run in runs) == ["a", "b", "c", "d"]


# The loss curve


def batches(losses: list[float], number: int, logged: Iterable[int]) -> list[Event]:
    """The batches of an epoch that a log kept."""
    return [
        BatchFinished(number, i, len(losses), losses[i - 1], sum(losses[:i]) / i, 0.9, 80_000.0, 0.1) for i in logged
    ]


def test_a_point_is_the_mean_of_all_batches_since_the_one_before(tmp_path: Path) -> None:
    random.seed(0)
    first, second = ([random.uniform(0.1, 2) for _ in range(100)] for _ in range(2))
    events = [*batches(first, 1, (20, 60)), epoch(1), *batches(second, 2, (40, 100)), epoch(2)]
    train, tests = loss_curve(made(tmp_path / "run", events))
    assert [x for x, _ in train] == pytest.approx([0.1, 0.4, 1.2, 1.7])
    assert [loss for _, loss in train] == pytest.approx(
        [sum(first[:20]) / 20, sum(first[20:60]) / 40, sum(second[:40]) / 40, sum(second[40:]) / 60]
    )
    assert tests == [(1.0, 0.2), (2.0, 0.1)]


def test_a_long_log_makes_a_curve_of_few_points_to_its_very_end(tmp_path: Path) -> None:
    events = [event for number in range(1, 8) for event in batches([0.5] * 100, number, range(1, 101))]
    train, _ = loss_curve(made(tmp_path / "run", events))
    assert POINTS / 2 < len(train) <= POINTS
    assert all(loss == pytest.approx(0.5) for _, loss in train)
    assert train[-1][0] == pytest.approx(7, abs=0.05)
    assert train == sorted(train)


def test_a_loss_that_is_not_finite_is_no_part_of_the_curve(tmp_path: Path) -> None:
    events = [
        *batches([1.0, 2.0, float("nan"), 1.0], 1, (1, 2, 3, 4)),
        EpochFinished(1, 5, 1, 0, float("inf"), 0, 1, 1),
    ]
    assert loss_curve(made(tmp_path / "run", events)) == ([(0.125, 1.0), (0.375, 2.0)], [])


def test_a_last_point_of_few_batches_is_no_part_of_the_curve(tmp_path: Path) -> None:
    losses = [1.0] * 99 + [0.001]
    train, _ = loss_curve(made(tmp_path / "run", batches(losses, 1, (40, 80, 99, 100))))
    assert [at for at, _ in train] == pytest.approx([0.2, 0.6, 0.895])
    assert [loss for _, loss in train] == pytest.approx([1.0, 1.0, 1.0])


def test_a_branch_whose_batches_are_of_another_size_has_one_curve(tmp_path: Path) -> None:
    events = [*batches([1.0] * 100, 1, (50, 100)), *batches([1.0] * 100, 2, (50,)), *batches([2.0] * 20, 2, (12, 20))]
    train, _ = loss_curve(made(tmp_path / "run", events))
    assert [at for at, _ in train] == pytest.approx([0.25, 0.75, 1.25, 1.3, 1.8])
