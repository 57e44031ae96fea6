"""Confidence sequence for a mean: an interval that is valid at every look."""

import math


def interval(
    n: float, mean: float, variance: float, alpha: float, planned_rows: float
) -> tuple[float, float]:
    """Low and high end of the confidence interval, in the unit of `mean`.

    `n` rows have that mean and that sample variance (divisor n - 1, BigQuery's VAR_SAMP), in the
    square of the mean's unit. The probability that the true mean lies outside at any n is at most
    `alpha` (both sides together), asymptotically. The interval is narrowest near `planned_rows`
    rows, which must be chosen before the first look.

    The Gaussian mixture boundary of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
    central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024),
    arXiv 2103.06476, after Robbins, "Statistical methods related to the law of the iterated
    logarithm" (1970).
    """
    spread = math.sqrt(variance) * radius(n, alpha, rho_squared(alpha, planned_rows))
    return mean - spread, mean + spread


def radius(n: float, alpha: float, rho2: float) -> float:
    """Half the interval's width after `n` rows, in standard deviations of one row.

    sqrt( 2 (n rho^2 + 1) / (n^2 rho^2) * log( sqrt(n rho^2 + 1) / alpha ) )

    It falls with n for every alpha up to exp(-1/2).
    """
    # n = 100, alpha = 0.05, rho^2 = 0.0821: n rho^2 + 1 = 9.21 and log(sqrt(9.21) / 0.05) = 4.106,
    # so 2 * 9.21 * 4.106 / (100 * 8.21) = 0.0921, whose root is 0.3035. An interval for one look
    # has 1.96 / sqrt(100) = 0.196.
    grown = n * rho2 + 1
    return math.sqrt(2 * grown * (0.5 * math.log(grown) - math.log(alpha)) / (n * n * rho2))


def rho_squared(alpha: float, planned_rows: float) -> float:
    """The rho^2 whose interval is narrowest after `planned_rows` rows; 0 < alpha <= 0.5.

    With x = n rho^2 the squared radius is (1 + 1/x) (log(1 + x) - 2 log alpha) / n, least where
    x = log(1 + x) - 2 log alpha: exactly x = -W(-alpha^2 / e) - 1 with the branch -1 of Lambert's
    W. Newton's method finds it without W.
    """
    # alpha = 0.05: -2 log alpha = 5.9915, and 8.2120 = log(9.2120) + 5.9915; for 100 rows rho^2 is
    # 0.082120. The paper's approximation, 5.9915 + log(6.9915) = 7.9362, is where Newton starts.
    doubled = -2 * math.log(alpha)
    x = doubled + math.log1p(doubled)
    # The function is convex: a start left of the root leads to its right in one step, and from
    # there the steps decrease to the root.
    for _ in range(60):
        x -= (x - math.log1p(x) - doubled) * (1 + x) / x
    return x / planned_rows
