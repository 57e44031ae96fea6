"""The confidence sequence: examples by hand, two independent libraries, and properties."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.sequential.confidence_sequence import interval, radius, rho_squared

alphas = st.floats(1e-6, 0.5)
rows = st.integers(2, 10**9)


def test_the_examples_in_the_comments() -> None:
    # 8.2120 = log(1 + 8.2120) - 2 log 0.05
    assert rho_squared(0.05, 100) == pytest.approx(0.0821197, rel=1e-6)
    assert math.log(9.21197) - 2 * math.log(0.05) == pytest.approx(8.21197, abs=1e-5)
    assert radius(100, 0.05, 0.0821197) == pytest.approx(0.30351, abs=1e-5)
    # Twice the standard deviation, twice the width: 0.1 +- 2 * 0.30351.
    assert interval(100, 0.1, 4.0, 0.05, 100) == pytest.approx((-0.50702, 0.70702), abs=1e-5)
    # rho^2 = 0.01: 2 * (10 + 1) / (1000^2 * 0.01) * log(sqrt(11) / 0.05)
    #   = 0.0022 * (1.198948 + 2.995732) = 0.00922830, whose root is 0.0960640.
    assert radius(1000, 0.05, 0.01) == pytest.approx(0.0960640, abs=1e-7)


# A fixed sequence, independent of any random generator.
ROWS = [i * 7919 % 1009 / 1009 - 0.45 for i in range(1, 5001)]
# alpha, planned rows, n, low, high: AsymptoticCS(alpha, t_opt, min_samples=100) of ville 0.1.0.
VILLE = [
    (0.05, 500, 100, -0.03479460653810784, 0.15963107829231982),
    (0.05, 500, 500, 0.010220058801352377, 0.08850342980122447),
    (0.05, 500, 1000, 0.022587455078327455, 0.07849480458470517),
    (0.05, 500, 5000, 0.036521545718345025, 0.06303088242833484),
    (0.01, 1000, 100, -0.06244917823040369, 0.18728564998461567),
    (0.01, 1000, 500, 0.0028035878779698855, 0.09591990062470696),
    (0.01, 1000, 1000, 0.01795646277289452, 0.08312579689013812),
    (0.01, 1000, 5000, 0.034759162321795774, 0.0647932658248841),
    (0.1, 100, 100, -0.01785308915203951, 0.14268956090625148),
    (0.1, 100, 500, 0.012024245838092362, 0.08669924276448449),
    (0.1, 100, 1000, 0.023249990442546196, 0.07783226922048644),
    (0.1, 100, 5000, 0.03658085087883442, 0.06297157726784544),
]


@pytest.mark.parametrize(("alpha", "planned_rows", "n", "low", "high"), VILLE)
def test_ville_gives_the_same_interval(
    alpha: float, planned_rows: int, n: int, low: float, high: float
) -> None:
    """It finds rho by a numeric search; the difference is at most 1.1e-8."""
    values = ROWS[:n]
    ours = interval(n, statistics.fmean(values), statistics.variance(values), alpha, planned_rows)
    assert ours == pytest.approx((low, high), abs=1e-6)


# n, low, high: LinearRegression(alpha=0.05, p=1, phi=1/rho^2 for 500) of savvi 0.3.1 on a constant.
SAVVI = [
    (100, -0.03828759887508447, 0.16312406938020746, 0.04),
    (1000, 0.022531873017533493, 0.07855038654434197, 0.003),
    (5000, 0.03651579886189176, 0.06303662926486253, 0.0006),
]


@pytest.mark.parametrize(("n", "low", "high", "wider"), SAVVI)
def test_savvi_gives_a_slightly_wider_interval_by_another_method(
    n: int, low: float, high: float, wider: float
) -> None:
    """Lindon et al., the mixture for the t statistic of a normal sample, with the same mixing
    variance. It is not asymptotic, so it is wider, and less so with more rows."""
    values = ROWS[:n]
    ours = interval(n, statistics.fmean(values), statistics.variance(values), 0.05, 500)
    assert 1 < (high - low) / (ours[1] - ours[0]) < 1 + wider


@given(alphas, st.integers(1, 10**6))
def test_rho_solves_its_equation_and_gives_the_narrowest_interval(
    alpha: float, planned_rows: int
) -> None:
    best = rho_squared(alpha, planned_rows)
    x = best * planned_rows
    assert x == pytest.approx(math.log1p(x) - 2 * math.log(alpha), rel=1e-12)
    for other in (0.5, 0.9, 1.1, 2):
        assert radius(planned_rows, alpha, best) < radius(planned_rows, alpha, best * other)


@given(alphas, st.integers(1, 10**6), rows, rows)
def test_the_radius_falls_with_n(alpha: float, planned_rows: int, first: int, second: int) -> None:
    fewer, more = sorted((first, second))
    rho2 = rho_squared(alpha, planned_rows)
    assert radius(more, alpha, rho2) <= radius(fewer, alpha, rho2)
    # It stays wider than the interval for one look.
    quantile = statistics.NormalDist().inv_cdf(1 - alpha / 2)
    assert radius(more, alpha, rho2) * math.sqrt(more) > quantile


@given(alphas, rows, st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(-20, 20))
def test_the_interval_scales_with_the_unit(
    alpha: float, n: int, mean: float, variance: float, power: int
) -> None:
    scale = 2.0**power
    low, high = interval(n, mean, variance, alpha, 100)
    scaled = interval(n, mean * scale, variance * scale * scale, alpha, 100)
    assert scaled == pytest.approx((low * scale, high * scale), rel=1e-12)
    assert interval(n, -mean, variance, alpha, 100) == (-high, -low)
