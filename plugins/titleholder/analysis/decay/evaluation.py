"""The alarm rule of the test for decay, for several series at once. No I/O."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titleholder.analysis.decay.change_point import (
    change_point,
    residuals_of,
    step_estimate,
)
from titleholder.analysis.decay.day_series import DaySeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Beyond it exp overflows.
_MOST_LOG = 700.0


@dataclass(frozen=True)
class Evaluation:
    """The test after one day, one element for each series.

    `statistic` is M of change_point.py; once it reaches the threshold, it is the smaller one of M
    and of M with the worst day since the change only as bad as the second worst: a smaller
    statistic alarms no earlier. `change` is the position of the most likely first day of the
    decay, `increase` the estimated increase of the loss since then, in its unit, `reference_mean`
    the mean loss of the reference and `daily_sd` the standard deviation of a typical day. All but
    the days since the change are clipped for them, as for the statistic.
    """

    statistic: "NDArray[Any]"
    alarm: "NDArray[Any]"
    change: "NDArray[Any]"
    increase: "NDArray[Any]"
    reference_mean: "NDArray[Any]"
    daily_sd: "NDArray[Any]"


def evaluate_day(series: DaySeries, days: int, threshold: float, min_increase: float) -> Evaluation:
    """The test after the first `days` of the series, more than its reference has."""
    import numpy as np

    weights, groups = series.weights[:, :days], series.groups[:days]
    clipped = series.clipped[:, :days]
    found = change_point(clipped, weights, groups, series.reference)
    statistic = np.exp(np.minimum(found.log_statistic, _MOST_LOG))
    (high,) = np.nonzero(statistic >= threshold)
    if high.size and np.isfinite(found.log_statistic[high]).all():
        own = weights if len(weights) == 1 else weights[high]
        less = _without_worst(clipped[high], own, groups, found.change[high])
        again = change_point(less, own, groups, series.reference).log_statistic
        statistic[high] = np.minimum(statistic[high], np.exp(np.minimum(again, _MOST_LOG)))
    own = weights[:, : series.reference]
    mean = (own * clipped[:, : series.reference]).sum(axis=1) / own.sum(axis=1)
    # A broken day before the change must not make the days since then look good.
    since = np.arange(days) >= found.change[:, None]
    mixed = np.where(since, series.deviations[:, :days], clipped)
    increase, _ = step_estimate(mixed, weights, groups, found.change)
    _, deviation = step_estimate(clipped, weights, groups, found.change)
    center, scale = series.center[:, 0], series.scale[:, 0]
    with np.errstate(all="ignore"):  # what overflows is no alarm
        increase, deviation, mean = increase * scale, deviation * scale, center + mean * scale
        matters = (increase > 0) & (increase >= min_increase * np.maximum(mean, 0))
        matters &= np.isfinite(increase) & np.isfinite(mean) & np.isfinite(deviation)
    alarm = (statistic >= threshold) & (statistic > 0) & matters
    return Evaluation(statistic, alarm, found.change, increase, mean, deviation)


def _without_worst(
    losses: "NDArray[Any]", weights: "NDArray[Any]", groups: "NDArray[Any]", change: "NDArray[Any]"
) -> "NDArray[Any]":
    """The losses with the day since `change` that adds most to the evidence lowered until it adds
    as much as the second; there are at least two."""
    import numpy as np

    added = weights * residuals_of(losses, weights, groups)
    added[np.arange(losses.shape[1]) < change[:, None]] = -np.inf
    worst = added.argmax(axis=1)[:, None]
    top = np.take_along_axis(added, worst, axis=1)
    np.put_along_axis(added, worst, -np.inf, axis=1)
    second = added.max(axis=1, keepdims=True)
    lowered = np.array(losses)
    less = (top - second) / np.take_along_axis(np.broadcast_to(weights, losses.shape), worst, 1)
    np.put_along_axis(lowered, worst, np.take_along_axis(losses, worst, axis=1) - less, axis=1)
    return lowered
