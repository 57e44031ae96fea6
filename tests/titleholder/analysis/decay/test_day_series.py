"""The weights of days, and what bounds a day."""

import numpy as np
import pytest

from tests.titleholder.analysis.decay.days import days_of, quiet
from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.day_series import DaySeries, day_series, from_arrays


def series(losses: list[float], n: list[float], variance: float, weekly: bool = False) -> DaySeries:
    days = [
        DayLoss(day.day, units, day.loss, variance)
        for day, units in zip(days_of(losses), n, strict=True)
    ]
    return day_series(days[:14], days[14:], weekly)


def test_the_variance_between_days_is_that_of_dersimonian_and_laird() -> None:
    # Four studies: effects 1, 2, 4, 3 with 4, 4, 2, 6 units of variance 2, so that the weights
    # are 2, 2, 1, 3: their mean is 2.375, Q = 3.78125 + 0.28125 + 2.640625 + 1.171875 = 7.875,
    # C = 8 - 18 / 8 = 5.75 and tau^2 = (7.875 - 3) / 5.75 = 0.847826.
    found = from_arrays(
        np.array([[1.0, 2.0, 4.0, 3.0, 2.0]]),
        np.array([[4.0, 4.0, 2.0, 6.0, 1.0]]),
        np.full((1, 5), 2.0),
        np.zeros(5, int),
        4,
    )
    variances = 0.847826 + 2 / np.array([4, 4, 2, 6, 1])
    typical = np.median(variances[:4])
    assert found.weights[0] == pytest.approx(typical / variances, rel=1e-5)


def test_with_little_noise_between_days_a_day_counts_by_its_rows() -> None:
    n = [1_000.0, 250.0] * 10
    losses = [1 + 1e-6 * one for one in quiet(20, 0, 1)]
    weights = series(losses, n, 4.0).weights[0]
    assert weights[0] / weights[1] == pytest.approx(4)


def test_with_much_noise_between_days_all_days_count_the_same() -> None:
    weights = series(quiet(20), [1_000.0, 250.0] * 10, 1e-9).weights[0]
    assert weights == pytest.approx(np.ones(20), rel=1e-4)


def test_without_a_known_variance_all_days_count_the_same() -> None:
    assert (series([1.0] * 20, [1.0, 9.0] * 10, 0.0).weights == 1).all()
    assert (series(quiet(20), [1.0] * 20, 0.0).weights == 1).all()


def test_a_day_counts_at_most_as_a_hundred() -> None:
    losses = [1 + 1e-6 * one for one in quiet(20, 0, 1)]
    weights = series(losses, [100.0] * 14 + [1e9, 1.0] * 3, 4.0).weights[0]
    assert weights[14:16].tolist() == [100.0, 0.01]


def test_a_pattern_of_the_week_is_no_noise_between_days() -> None:
    losses = [one + (0.5 if place % 7 == 6 else 0) for place, one in enumerate(quiet(21, 1, 1e-4))]
    days = [
        DayLoss(day.day, n, day.loss, 1.0)
        for day, n in zip(days_of(losses), [100.0, 400.0, 100.0] * 7, strict=True)
    ]
    weekly, not_weekly = (day_series(days, [], one).weights[0] for one in (True, False))
    assert weekly[1] / weekly[0] == pytest.approx(4)
    assert not_weekly[1] / not_weekly[0] < 1.3


def test_a_loss_counts_up_to_five_deviations() -> None:
    found = series([*quiet(14), 50.0, -50.0, 1.1], [1_000.0] * 17, 0.2)
    assert found.clipped[0, 14:16].tolist() == [5.0, -5.0]
    assert found.clipped[0, 16] == found.deviations[0, 16] < 5


def test_no_number_of_a_day_depends_on_a_later_one() -> None:
    losses = [*quiet(20), 7.0, -1.0, 1e9]
    n = [1_000.0 - 30 * place for place in range(23)]
    whole, part = series(losses, n, 0.2), series(losses[:18], n[:18], 0.2)
    for name in ("center", "scale", "deviations", "clipped", "weights"):
        left, right = getattr(whole, name), getattr(part, name)
        assert (left[:, :18] == right).all()
