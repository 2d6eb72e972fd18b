"""The bounded history of losses."""

import math

import pytest

from mlp_tui.tui.history import LossHistory, means


def filled(losses: list[float], capacity: int = 8) -> LossHistory:
    history = LossHistory(capacity)
    for number, loss in enumerate(losses, start=1):
        history.add(number, loss)
    return history


def test_a_short_history_keeps_every_loss() -> None:
    history = filled([3.0, 2.0, 1.0])
    assert (history.points, history.step, history.batches, history.latest) == ([3.0, 2.0, 1.0], 1, 3, 1.0)


def test_a_long_history_stays_bounded_and_keeps_the_mean() -> None:
    history = filled([float(i) for i in range(8192)])
    assert history.step == 1024
    assert history.points == [511.5 + 1024 * i for i in range(8)]


def test_a_loss_that_is_no_number_spoils_its_own_point_alone() -> None:
    history = filled([1.0, math.nan, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0])
    assert history.step == 2
    assert [math.isnan(point) for point in history.points] == [True, False, False, False, False]
    assert history.points[1:] == [1.0, 2.0, 2.0, 3.0]


def test_batches_that_were_not_logged_leave_no_hole() -> None:
    history = LossHistory(8)
    for number, loss in ((1, 4.0), (4, 2.0), (6, 1.0)):
        history.add(number, loss)
    assert history.points == [4.0, 4.0, 4.0, 2.0, 2.0, 1.0]
    history.add(1000, 0.5)
    assert history.batches == 1000
    assert history.points[-1] == 0.5
    assert len(history.points) <= 8


@pytest.mark.parametrize("count", [0, 1, 3, 7, 100])
def test_means_share_the_points_out(count: int) -> None:
    points = [float(i) for i in range(20)]
    result = means(points, count)
    assert len(result) == min(count, 20)
    if result:
        assert sum(result) / len(result) == pytest.approx(9.5, abs=0.2)
