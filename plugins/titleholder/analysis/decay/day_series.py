"""Daily losses as arrays: standardised by the reference, with a weight for each day. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titleholder.analysis.decay.day_loss import DayLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The standard deviation of a normal variable over its median absolute deviation.
_NORMAL_MAD = 1.4826
# Losses count up to this many standard deviations from the median of the reference: one broken day
# would otherwise hide every later decay.
_CLIP = 5.0
# Keeps sums of squares finite.
_FARTHEST = 1e12
# A day counts at most as much as this many days of the reference, and at least as one part in it.
_MOST_WEIGHT = 100.0


@dataclass(frozen=True)
class DaySeries:
    """Losses of several series (rows) on the same days (columns), the first `reference` of which
    are the reference.

    A loss is `center + scale * deviations`, with one center and scale for each row. `clipped` are
    the deviations that the test uses. The variance of a day's loss is that of a typical day of the
    reference over its weight. `groups` numbers the days that share a mean, one for each column.
    No number of a day depends on a later one.
    """

    reference: int
    center: "NDArray[Any]"
    scale: "NDArray[Any]"
    deviations: "NDArray[Any]"
    clipped: "NDArray[Any]"
    weights: "NDArray[Any]"
    groups: "NDArray[Any]"


def day_series(
    reference: Sequence[DayLoss], monitored: Sequence[DayLoss], weekly: bool
) -> DaySeries:
    """One row, of valid days in the order of time; `weekly` gives each weekday a mean of its own.

    The reference must not be empty.
    """
    import numpy as np

    days = [*reference, *monitored]
    return from_arrays(
        np.array([[day.loss for day in days]]),
        np.array([[day.n for day in days]]),
        np.array([[day.variance for day in days]]),
        np.array([day.day.weekday() if weekly else 0 for day in days]),
        len(reference),
    )


def from_arrays(
    losses: "NDArray[Any]",
    n: "NDArray[Any]",
    variances: "NDArray[Any]",
    groups: "NDArray[Any]",
    reference: int,
) -> DaySeries:
    """The fields of `DayLoss` as arrays of one row a series, or one row for all."""
    import numpy as np

    with np.errstate(all="ignore"):  # what overflows becomes infinite, and is bounded below
        center = np.median(losses[:, :reference], axis=1, keepdims=True)
        away = losses - center
        spread = np.median(np.abs(away[:, :reference]), axis=1, keepdims=True)
        # Without variation in half of the reference, the unit is the first difference there is.
        first = np.take_along_axis(away, (away != 0).argmax(axis=1)[:, None], axis=1)
        scale = np.where(spread > 0, _NORMAL_MAD * spread, np.abs(first))
        scale = np.where(scale > 0, scale, 1.0)
        deviations = np.nan_to_num(away / scale, nan=0.0, posinf=_FARTHEST, neginf=-_FARTHEST)
        deviations = np.clip(deviations, -_FARTHEST, _FARTHEST)
        relative = variances / scale / scale
    weights = _weights(deviations, n, relative, groups, reference)
    limit = np.where(spread > 0, _CLIP, _FARTHEST) / np.sqrt(weights)
    clipped = np.clip(deviations, -limit, limit)
    return DaySeries(reference, center, scale, deviations, clipped, weights, groups)


def _weights(
    deviations: "NDArray[Any]",
    n: "NDArray[Any]",
    variances: "NDArray[Any]",
    groups: "NDArray[Any]",
    reference: int,
) -> "NDArray[Any]":
    """The inverse variance of each day's mean loss, relative to the median of the reference.

    A day's variance is tau^2 + s^2 / n: that between days, and that of one unit within a day, both
    estimated on the reference. With pooled s^2, p groups and m days the method of moments
    (DerSimonian and Laird, "Meta-analysis in clinical trials", 1986) has

        tau^2 = (sum of n (x - mean of its group)^2 - (m - p) s^2) / sum over groups of
                (sum of n - sum of n^2 / sum of n)

    or 0 if that is negative. Where nothing is known of either all weights are 1.
    """
    import numpy as np

    own, x = slice(0, reference), deviations[:, :reference]
    size = n[:, own]
    with np.errstate(all="ignore"):  # no variation and overflows become NaN, and weights of 1
        pooled = ((size - 1) * variances[:, own]).sum(axis=1) / (size - 1).sum(axis=1)
        within = np.nan_to_num(pooled, nan=0.0, posinf=0.0)[:, None]
        squares = divisor = np.zeros((1, 1))
        numbers = np.unique(groups[own])
        for number in numbers:
            sizes = size * (groups[own] == number)
            total = sizes.sum(axis=1, keepdims=True)
            mean = (sizes * x).sum(axis=1, keepdims=True) / total
            squares = squares + (sizes * (x - mean) ** 2).sum(axis=1, keepdims=True)
            divisor = divisor + total - (sizes**2).sum(axis=1, keepdims=True) / total
        moment = (squares - (reference - len(numbers)) * within) / divisor
        between = np.maximum(np.nan_to_num(moment, nan=0.0, posinf=0.0), 0)
        relative = between + within / n
        weights = np.median(relative[:, own], axis=1, keepdims=True) / relative
    weights = np.nan_to_num(weights, nan=1.0, posinf=_MOST_WEIGHT)
    return np.clip(weights, 1 / _MOST_WEIGHT, _MOST_WEIGHT)  # type: ignore[no-any-return]
