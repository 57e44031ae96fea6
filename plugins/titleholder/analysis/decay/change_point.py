"""The likelihood of a change of a mean at each day, whatever mean and variance are. No I/O.

Independent normal x_1 ... x_N have the variances sigma^2 / w_t with known weights w_t, and the mean
of their group (all days, or one weekday each); from day i on the mean is higher by delta sigma.
Means and sigma are unknown. With y_t = sqrt(w_t) x_t, and c_t = sqrt(w_t) from day i on and 0
before, and y~, c~ the residuals of both after regression on the p groups, the direction of y~ does
not depend on means and sigma. Its density with the change over that without is

    LR = exp(-delta^2 |c~|^2 / 2) E[exp(delta r V)],   r = <y~, c~> / |y~|,
    V of the chi distribution with nu = N - p degrees of freedom,

since for y~ = v u the density at the direction u is proportional to the integral over v > 0 of
v^(nu-1) exp(-|v u - delta c~|^2 / 2). It is the Bayes factor with flat priors of the means and of
log sigma (the right Haar measure). So without a change LR is a martingale with the mean 1 in the
day until which it is computed, for any means and sigma: Lai, "On confidence sequences", Annals of
Statistics 4 (1976); Perez-Ortiz, Lardy, de Heide and Gruenwald, "E-statistics, group invariance and
anytime-valid testing", Annals of Statistics 52 (2024), arXiv 2208.07610.

The Shiryaev-Roberts statistic M is the sum of the LR of every possible day i, each a mixture over
delta. M - t is a martingale, so that the mean time until M >= A is at least A, and P(M >= A within
T days) at most T / A: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for
sequential change detection" (2022), arXiv 2203.03532.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titleholder.analysis.decay.chi import log_mean_exp

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIFTS = (0.5, 1.0, 2.0, 3.0)
"""The increases delta of the mixture, equally likely, in standard deviations of a typical day."""
# Less variation than this part of the losses' squares is rounding.
_ROUNDING = 1e-18


@dataclass(frozen=True)
class ChangePoint:
    """The statistic of several series after the same days, one element for each series.

    `log_statistic` is log M, -inf without variation or candidates; `change` is the position of the
    most likely first day of the higher mean.
    """

    log_statistic: "NDArray[Any]"
    change: "NDArray[Any]"


def change_point(
    losses: "NDArray[Any]", weights: "NDArray[Any]", groups: "NDArray[Any]", first: int
) -> ChangePoint:
    """The statistic of `losses`, one series a row and one day a column.

    `weights` are positive, as many rows or one for all series; `groups` has one whole number for
    each day. Candidates are the days from `first` to the last but one: one bad day alone is no
    change, and without the last term M is only smaller.
    """
    import numpy as np

    days = losses.shape[1]
    degrees = days - len(np.unique(groups))
    if degrees < 1 or days - 1 <= first:
        return ChangePoint(np.full(len(losses), -math.inf), np.full(len(losses), first))
    residuals = residuals_of(losses, weights, groups)
    candidates = slice(first, days - 1)
    information = np.zeros(1)
    for member in groups == np.unique(groups)[:, None]:
        since = _from_each_on(weights * member)
        total = since[:, :1]
        since = since[:, candidates]
        information = information + since * (1 - since / total)
    information = np.maximum(information, 0)
    squares = (weights * residuals**2).sum(axis=1)
    varies = squares > _ROUNDING * (weights * losses**2).sum(axis=1)
    r = _from_each_on(weights * residuals)[:, candidates]
    r /= np.sqrt(np.where(varies, squares, 1))[:, None]
    most = np.sqrt(information)
    r = np.clip(r, -most, most)
    shifts = np.array(SHIFTS)[:, None, None]
    logs = log_mean_exp(shifts * r, degrees) - shifts**2 / 2 * information
    top = logs.max(axis=(0, 2))
    ratios = np.exp(logs - top[:, None]).sum(axis=0)
    log_statistic = top + np.log(ratios.sum(axis=1) / len(SHIFTS))
    return ChangePoint(np.where(varies, log_statistic, -math.inf), first + ratios.argmax(axis=1))


def residuals_of(
    values: "NDArray[Any]", weights: "NDArray[Any]", groups: "NDArray[Any]"
) -> "NDArray[Any]":
    """The distances of the days from the weighted means of their groups."""
    import numpy as np

    residuals = np.array(values, float)
    for member in groups == np.unique(groups)[:, None]:
        own = weights * member
        mean = (own * values).sum(axis=1, keepdims=True) / own.sum(axis=1, keepdims=True)
        residuals -= member * mean
    return residuals


def step_estimate(
    losses: "NDArray[Any]", weights: "NDArray[Any]", groups: "NDArray[Any]", change: "NDArray[Any]"
) -> tuple["NDArray[Any]", "NDArray[Any]"]:
    """By weighted least squares, the increase from the position `change` of each series on, and the
    standard deviation of a day of weight 1 around the means with it; 0 where they have no estimate.

    With one group the increase is the mean since then minus the mean before.
    """
    import numpy as np

    days = losses.shape[1]
    step = residuals_of(np.arange(days) >= change[:, None], weights, groups)
    residuals = residuals_of(losses, weights, groups)
    information = (weights * step**2).sum(axis=1)
    known = information > _ROUNDING * days
    score = (weights * step * residuals).sum(axis=1)
    increase = np.where(known, score / np.where(known, information, 1), 0)
    left = (weights * (residuals - increase[:, None] * step) ** 2).sum(axis=1)
    degrees = max(days - len(np.unique(groups)) - 1, 1)
    return increase, np.sqrt(left / degrees)


def _from_each_on(values: "NDArray[Any]") -> "NDArray[Any]":
    """The sum from each column to the last."""
    return values[:, ::-1].cumsum(axis=1)[:, ::-1]
