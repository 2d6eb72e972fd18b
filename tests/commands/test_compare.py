"""Runs side by side."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from mlp_tui import TrainingConfig
from mlp_tui.runs.comparison import chance

from ..conftest import write_mnist
from ..one_process import OneProcess
from .conftest import trained
from .test_predict import loaded


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 2**5),
        (1, 5, 2 * (1 + 6) / 2**6),
        (121, 59, 4.434e-06),  # a textbook's example: scipy.stats.binomtest(59, 180).pvalue
    ],
)
def test_mcnemars_test_is_a_binomial_distributions_two_tails(first: int, second: int, expected: float) -> None:
    assert chance(first, second) == pytest.approx(expected, rel=1e-3) == chance(second, first)


def test_mcnemars_test_agrees_with_a_sum_over_all_outcomes_and_takes_many() -> None:
    for first in range(12):
        for second in range(12):
            total, far = first + second, abs(first - second)
            all_ways = sum(math.comb(total, k) for k in range(total + 1) if abs(total - 2 * k) >= far)
            assert chance(first, second) == pytest.approx(all_ways / 2**total)
    assert 0.1 < chance(20_100, 20_000) < 1 and chance(20_000, 10_000) == 0.0


@pytest.fixture(scope="module")
def other_run(small_config: TrainingConfig) -> Path:
    """The same data, another learning rate, an epoch less: worse."""
    return trained(dataclasses.replace(small_config, learning_rate=1e-5, epochs=1))


def test_what_differs_is_shown_side_by_side(program: OneProcess, small_run: Path, other_run: Path) -> None:
    done = program.run("compare", small_run, other_run)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [["A", small_run.name], ["B", other_run.name]] == lines[:2]
    assert ["learning-rate", "0.01", "1e-05"] in lines and ["epochs", "2", "1"] in lines
    assert not any(line[:1] == ["dataset"] for line in lines)
    last = next(line for line in lines if line[:1] == ["2"])
    assert len(last) == 9 and last[5:] == ["-"] * 4
    assert "McNemar's exact test" in done.stdout


def test_the_examples_that_one_reads_and_the_other_does_not_are_counted(
    program: OneProcess, small_run: Path, other_run: Path, small_data: Path
) -> None:
    from mlp_tui.training.data.mnist import read_split

    done = program.run("compare", small_run, other_run, "--json")
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    test = read_split(small_data / "MNIST" / "raw", "t10k")
    first, second = (loaded(run).logits(test.inputs).argmax(1) == test.labels for run in (small_run, other_run))
    (pair,) = result["examples"]
    assert pair["first_alone"] == (first & ~second).nonzero().flatten().tolist() != []
    assert pair["second_alone"] == (second & ~first).nonzero().flatten().tolist()
    assert pair["mcnemar"] == chance(len(pair["first_alone"]), len(pair["second_alone"]))
    assert result["runs"][0]["errors"] == int((~first).sum())
    assert [epoch["epoch"] for epoch in result["runs"][0]["epochs"]] == [1, 2]


def test_runs_on_other_data_are_compared_without_their_examples(
    program: OneProcess, small_config: TrainingConfig, small_run: Path, tmp_path: Path
) -> None:
    data = write_mnist(tmp_path / "more", test=1050)
    other = trained(dataclasses.replace(small_config, data_dir=data, epochs=1))
    done = program.run("compare", small_run, other)
    assert done.returncode == 0 and "McNemar" not in done.stdout
    assert "have other test examples" in done.stderr and done.stderr.count("\n") == 1


def test_one_run_is_too_few(program: OneProcess, small_run: Path) -> None:
    done = program.run("compare", small_run)
    assert (done.returncode, done.stderr) == (2, "mlp-tui: Name two runs or more to compare.\n")
