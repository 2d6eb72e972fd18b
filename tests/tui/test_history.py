"""The bounded history of losses."""

import math

import pytest

from mlp_tui.tui.history import LossHistory, means


def test_a_short_history_keeps_every_loss() -> None:
    history = LossHistory(capacity=8)
    for loss in (3.0, 2.0, 1.0):
        history.add(loss)
    assert (history.points, history.step, history.batches, history.latest) == ([3.0, 2.0, 1.0], 1, 3, 1.0)


def test_a_long_history_stays_bounded_and_keeps_the_mean() -> None:
    history = LossHistory(capacity=8)
    for i in range(8192):
        history.add(float(i))
        assert len(history.points) < 8
    assert history.step == 2048
    assert history.points == [1023.5, 3071.5, 5119.5, 7167.5]


def test_a_loss_that_is_no_number_spoils_its_own_point_alone() -> None:
    history = LossHistory(capacity=8)
    for loss in (1.0, math.nan, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0):
        history.add(loss)
    assert history.step == 2
    assert [math.isnan(point) for point in history.points] == [True, False, False, False, False]
    assert history.points[1:] == [1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize("count", [0, 1, 3, 7, 100])
def test_means_share_the_points_out(count: int) -> None:
    points = [float(i) for i in range(20)]
    result = means(points, count)
    assert len(result) == min(count, 20)
    if result:
        assert sum(result) / len(result) == pytest.approx(9.5, abs=0.2)
