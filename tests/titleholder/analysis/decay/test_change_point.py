"""The statistic against its definition: integrals over unknown means and variance, by brute force,
and the martingale that makes it valid, by integration over the next day."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from titleholder.analysis.decay.change_point import (
    SHIFTS,
    change_point,
    residuals_of,
    step_estimate,
)

Floats = NDArray[np.float64]
LOSSES = np.array([0.3, -0.5, 0.1, 0.9, -0.2, 0.4, 1.3, 0.8, 2.1, 1.4])
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 0.1, 1.0, 0.7, 1.0, 1.2])
ONE_GROUP = np.zeros(10, int)
TWO_GROUPS = np.arange(10) % 2


def likelihood(
    losses: Floats, weights: Floats, groups: NDArray[np.int_], change: int, delta: float
) -> float:
    """The likelihood of a shift of `delta` sigma from `change` on, integrated over a flat prior of
    each group's mean and of log sigma, on a grid."""
    logs = np.linspace(-3, 4, 101)[:, None, None]
    means = np.linspace(-25, 25, 1501)[None, :, None]
    sigma = np.exp(logs)
    shift = delta * sigma * (np.arange(len(losses)) >= change)
    density = np.ones((101, 1))
    for group in np.unique(groups):
        own = groups == group
        z = np.sqrt(weights[own]) * (losses[own] - means - shift[..., own]) / sigma
        joint = np.exp(-(z * z).sum(axis=2) / 2 - own.sum() * logs[..., 0])
        density = density * np.trapezoid(joint, means[0, :, 0], axis=1)[:, None]
    return float(np.trapezoid(density[:, 0], logs[:, 0, 0]))


def ratio(losses: Floats, weights: Floats, groups: NDArray[np.int_], change: int) -> float:
    """The likelihood ratio of one day of change, the mixture over the shifts."""
    without = likelihood(losses, weights, groups, change, 0)
    with_it = [likelihood(losses, weights, groups, change, delta) for delta in SHIFTS]
    return sum(with_it) / len(SHIFTS) / without


def statistic(
    losses: Floats, weights: Floats, groups: NDArray[np.int_], first: int
) -> tuple[float, int]:
    found = change_point(losses[None, :], weights[None, :], groups, first)
    return math.exp(found.log_statistic[0]), int(found.change[0])


@pytest.mark.parametrize("groups", [ONE_GROUP, TWO_GROUPS])
@pytest.mark.parametrize("days", [7, 10])
def test_it_is_the_sum_of_the_likelihood_ratios_of_all_days_but_the_last(
    groups: NDArray[np.int_], days: int
) -> None:
    cut = LOSSES[:days], WEIGHTS[:days], groups[:days]
    ratios = {change: ratio(*cut, change) for change in range(4, days - 1)}
    found, change = statistic(*cut, 4)
    assert found == pytest.approx(sum(ratios.values()), rel=1e-4)
    assert change == max(ratios, key=lambda one: ratios[one])


@pytest.mark.parametrize("groups", [ONE_GROUP, TWO_GROUPS])
def test_its_mean_over_the_next_day_is_what_it_was(groups: NDArray[np.int_]) -> None:
    """Whatever mean and sigma are, given the days until now the next one has Student's
    distribution; the mean of the statistic over it is the sum of the present ratios, today's
    included, and so M - t is a martingale."""
    losses, weights = LOSSES[:9], WEIGHTS[:9]
    own = groups[:9] == groups[9]
    mean = np.average(losses[own], weights=weights[own])
    left = residuals_of(losses[None, :], weights[None, :], groups[:9])[0]
    degrees = 9 - len(np.unique(groups))
    spread = (weights * left**2).sum() / degrees
    scale = math.sqrt(spread * (1 / WEIGHTS[9] + 1 / weights[own].sum()))
    # An integral over the quantiles u = sin^2(angle), which are dense in the tails.
    angle = (np.arange(4_000) + 0.5) / 4_000 * math.pi / 2
    u, slope = np.sin(angle) ** 2, np.sin(2 * angle) * math.pi / 8_000
    following = mean + scale * stats.t(degrees).ppf(u)
    series = np.column_stack([np.tile(losses, (4_000, 1)), following])
    found = np.exp(change_point(series, WEIGHTS[None, :], groups, 4).log_statistic)
    expected = sum(ratio(losses, weights, groups[:9], change) for change in range(4, 9))
    assert float((found * slope).sum()) == pytest.approx(expected, rel=2e-3)


def test_it_depends_on_neither_location_nor_scale_nor_the_weekdays_means() -> None:
    wanted, change = statistic(LOSSES, WEIGHTS, TWO_GROUPS, 4)
    moved = 3e-4 * (LOSSES + 17 + 5 * TWO_GROUPS)
    assert statistic(moved, WEIGHTS, TWO_GROUPS, 4) == (pytest.approx(wanted, rel=1e-9), change)
    assert statistic(moved, WEIGHTS, ONE_GROUP, 4)[0] != pytest.approx(wanted, rel=0.1)


def test_series_side_by_side_are_as_each_alone() -> None:
    series = np.array([LOSSES, LOSSES[::-1], np.sin(np.arange(10))])
    together = change_point(series, WEIGHTS[None, :], TWO_GROUPS, 3)
    for row, losses in enumerate(series):
        alone = change_point(losses[None, :], WEIGHTS[None, :], TWO_GROUPS, 3)
        # Interpolation begins at other points.
        assert together.log_statistic[row] == pytest.approx(alone.log_statistic[0], abs=1e-6)
        assert together.change[row] == alone.change[0]


def test_without_variation_or_candidates_there_is_no_evidence() -> None:
    for losses, first in ((np.ones(10), 4), (0.1 * TWO_GROUPS, 4), (LOSSES, 9), (LOSSES, 10)):
        found = change_point(losses[None, :], WEIGHTS[None, :], TWO_GROUPS, first)
        assert found.log_statistic.tolist() == [-math.inf]
    two = change_point(LOSSES[None, :2], WEIGHTS[None, :2], TWO_GROUPS[:2], 0)
    assert two.log_statistic.tolist() == [-math.inf]


def test_the_increase_is_the_difference_of_the_means() -> None:
    increase, deviation = step_estimate(LOSSES[None, :], WEIGHTS[None, :], ONE_GROUP, np.array([6]))
    before, after = (
        float(np.average(LOSSES[part], weights=WEIGHTS[part])) for part in (slice(6), slice(6, 10))
    )
    assert increase[0] == pytest.approx(after - before)
    left = np.concatenate([LOSSES[:6] - before, LOSSES[6:] - after])
    assert deviation[0] == pytest.approx(math.sqrt((WEIGHTS * left**2).sum() / 8))


def test_the_increase_with_groups_is_that_of_least_squares() -> None:
    columns = [TWO_GROUPS == 0, TWO_GROUPS == 1, np.arange(10) >= 5]
    root = np.sqrt(WEIGHTS)
    solved, *_ = np.linalg.lstsq(np.array(columns).T * root[:, None], LOSSES * root, rcond=None)
    found, _ = step_estimate(LOSSES[None, :], WEIGHTS[None, :], TWO_GROUPS, np.array([5]))
    assert found[0] == pytest.approx(solved[2])
