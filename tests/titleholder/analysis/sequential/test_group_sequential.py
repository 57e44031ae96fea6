"""Group sequential boundaries: published tables, simulated paths, and properties of any looks."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titleholder.analysis.sequential import group_sequential, spending
from titleholder.analysis.sequential.group_sequential import (
    adjusted_drift,
    boundaries,
    crossing,
    detectable_drift,
    lower_boundaries,
)

NORMAL = NormalDist()
FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)
# Jennison and Turnbull, "Group Sequential Methods with Applications to Clinical Trials" (2000):
# constants of two-sided tests with alpha 0.05 by the number of looks, of Pocock (table 2.1) and
# O'Brien and Fleming (table 2.3), rounded to three decimals.
POCOCK = {1: 1.960, 2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555, 20: 2.672}
OBRIEN_FLEMING = {1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087, 20: 2.126}
# The factors by which five looks need more rows than one, for the power 0.8 and 0.9 (tables 2.2 and
# 2.4).
FACTORS = {"pocock": (1.228, 1.206), "obrien_fleming": (1.028, 1.026)}


def equal(looks: int) -> tuple[float, ...]:
    return tuple((look + 1) / looks for look in range(looks))


def constant_boundaries(kind: str, looks: int) -> tuple[float, ...]:
    if kind == "pocock":
        return (POCOCK[looks],) * looks
    return tuple(OBRIEN_FLEMING[looks] * math.sqrt(1 / time) for time in equal(looks))


@pytest.mark.parametrize("kind", ["pocock", "obrien_fleming"])
@pytest.mark.parametrize("looks", POCOCK)
def test_the_classical_tests_have_their_published_error(kind: str, looks: int) -> None:
    uppers = constant_boundaries(kind, looks)
    one_side = sum(crossing(equal(looks), uppers, 0.0, lowers=[-one for one in uppers]))
    # The constants are rounded: 0.0005 more or less changes the error by up to 0.00011.
    assert 2 * one_side == pytest.approx(0.05, abs=1.1e-4)


@pytest.mark.parametrize("kind", FACTORS)
def test_the_classical_tests_have_their_published_power(kind: str) -> None:
    for power, factor in zip((0.8, 0.9), FACTORS[kind], strict=True):
        one_look = NORMAL.inv_cdf(0.975) + NORMAL.inv_cdf(power)
        drift = detectable_drift(FIVE, constant_boundaries(kind, 5), power)
        assert (drift / one_look) ** 2 == pytest.approx(factor, abs=6e-4)


def test_the_published_boundaries_by_error_spending() -> None:
    """Lan and DeMets (1983), to the decimals that the R package ldbounds prints."""
    found = boundaries(FIVE, tuple(spending.obrien_fleming(t, 0.025) for t in FIVE))
    assert found == pytest.approx((4.877, 3.357, 2.680, 2.290, 2.031), abs=5e-4)
    found = boundaries(FIVE, tuple(spending.pocock(t, 0.025) for t in FIVE))
    assert found == pytest.approx((2.438, 2.427, 2.410, 2.397, 2.386), abs=5e-4)


def test_another_implementation() -> None:
    """rpact 3.2.3: three equal looks, one-sided 0.025, as its own tests have it."""
    spent = (0.00025917372, 0.0071600594, 0.02499999)
    found = boundaries(equal(3), spent)
    assert found == pytest.approx((3.4710914, 2.4544323, 2.0040356), abs=2e-6)


@given(
    st.lists(st.floats(-3.5, 0), min_size=2, max_size=8),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)
@settings(max_examples=30, deadline=None)
def test_a_finer_integration_changes_nothing(steps: list[float], times: list[float]) -> None:
    """Also after a look that brings little: the points have to resolve what comes next."""
    information = tuple(np.cumsum([10.0**step for step in steps]))
    spent = tuple(0.05 * time**2 for time in sorted(times[: len(steps)]))
    found = boundaries(information, spent)
    with pytest.MonkeyPatch.context() as patch:
        coarse = group_sequential._grid
        patch.setattr(group_sequential, "_grid", lambda a, b, sd: coarse(a, b, sd / 2))
        finer = boundaries.__wrapped__(information, spent)
    assert found == pytest.approx(finer, abs=1e-5)


def test_one_look_is_a_plain_test() -> None:
    assert boundaries((285.0,), (0.025,)) == pytest.approx((1.959964,), abs=1e-6)
    # Two looks by hand: Bonferroni's first, and a second that counts the correlation.
    assert boundaries((1.0, 2.0), (0.0125, 0.025)) == pytest.approx((2.2414, 2.1251), abs=1e-4)
    # P(Z_2 >= 2 | Z_1 = 1.5) with drift 1: (2 sqrt(2) - 1.5 - 1) / 1 standard deviations.
    assert crossing((2.0,), (2.0,), 1.0, (1.5, 1.0)) == pytest.approx(
        [1 - NORMAL.cdf(2 * math.sqrt(2) - 2.5)]
    )


@pytest.mark.parametrize(
    "times",
    [
        equal(7),
        (0.05, 0.1, 0.5, 0.55, 1.0, 1.3),  # some missed, one after the end
        (0.3, 0.3, 0.30001, 0.9, 0.9, 1.0),  # without new rows
    ],
)
def test_a_million_simulated_paths(times: tuple[float, ...]) -> None:
    """Error and power as the boundaries promise, within three standard errors."""
    rng, paths = np.random.default_rng(7), 1_000_000
    spent = tuple(spending.beyond_the_end(time, 0.05, 2.0) for time in times)
    uppers = boundaries(times, spent)
    drift = 2.5
    total = np.zeros(paths)
    crossed = {0.0: np.zeros(paths, bool), drift: np.zeros(paths, bool)}
    for before, here, upper in zip((0.0, *times), times, uppers, strict=False):
        total += rng.standard_normal(paths) * math.sqrt(here - before)
        for effect, found in crossed.items():
            found |= (total + effect * here) / math.sqrt(here) >= upper
    for effect, found in crossed.items():
        expected = sum(crossing(times, uppers, effect))
        error = math.sqrt(expected * (1 - expected) / paths)
        assert found.mean() == pytest.approx(expected, abs=3 * error)
    assert sum(crossing(times, uppers, 0.0)) == pytest.approx(spent[-1], rel=1e-5)


gaps = st.lists(st.floats(0, 1) | st.just(0.0), min_size=1, max_size=12)


def rising(values: list[float], scale: float = 1.0) -> tuple[float, ...]:
    return tuple((0.01 + np.cumsum(values)) * scale)


@given(gaps, st.lists(st.floats(0, 3), min_size=12, max_size=12), st.floats(0.5, 4))
@settings(deadline=None)
def test_any_looks_spend_what_they_may(rows: list[float], times: list[float], rho: float) -> None:
    information = rising(rows, 1000)
    at = sorted(times[: len(rows)])
    spent = tuple(spending.beyond_the_end(time, 0.05, rho) for time in at)
    uppers = boundaries(information, spent)
    assert sum(crossing(information, uppers, 0.0)) == pytest.approx(spent[-1], abs=2e-5)
    # A look that was added later changes no earlier boundary.
    assert boundaries(information[:-1], spent[:-1]) == uppers[:-1]


@given(gaps, st.floats(0.01, 0.3), st.floats(0, 5))
@settings(deadline=None)
def test_futility_spends_what_it_may(rows: list[float], beta: float, drift: float) -> None:
    information = rising(rows)
    parts = equal(len(rows))
    uppers = boundaries(information, tuple(0.05 * t**3 for t in parts))
    lowers = lower_boundaries(information, uppers, tuple(beta * t**2 for t in parts), drift)
    assert all(low <= up for low, up in zip(lowers, uppers, strict=True))
    # Each path crosses above, falls below, or goes on.
    above = crossing(information, uppers, drift, lowers=lowers)
    assert 0 <= sum(above) <= 1 + 1e-6
    free = crossing(information, uppers, drift)
    assert sum(above) <= sum(free) + 1e-4
    assert sum(above) >= sum(free) - beta - 1e-3


def test_futility_is_as_likely_as_spent() -> None:
    rng, paths, drift = np.random.default_rng(3), 400_000, 2.6
    times = equal(5)
    uppers = boundaries(times, tuple(0.05 * t**3 for t in times))
    spent = tuple(0.2 * t**2 for t in times)
    lowers = lower_boundaries(times, uppers, spent, drift)
    total, running, left = np.zeros(paths), np.ones(paths, bool), np.zeros(paths, bool)
    for look, here in enumerate(times):
        total += rng.standard_normal(paths) * math.sqrt(0.2) + drift * 0.2
        z = total / math.sqrt(here)
        left |= running & (z < lowers[look])
        running &= (z >= lowers[look]) & (z < uppers[look])
        assert left.mean() == pytest.approx(spent[look], abs=0.003)


@pytest.mark.parametrize("drift", [-0.5, 0.0, 1.7, 3.0])
def test_the_adjusted_estimate_is_median_unbiased(drift: float) -> None:
    """Half of the simulated paths are estimated too low, whether they stop early or not."""
    rng, times = np.random.default_rng(11), equal(5)
    uppers = boundaries(times, tuple(0.1 * t**1.5 for t in times))
    low, paths = 0, 1_500
    for _ in range(paths):
        z = np.cumsum(rng.standard_normal(5) * math.sqrt(0.2) + drift * 0.2) / np.sqrt(times)
        stopped = next((look for look in range(5) if z[look] >= uppers[look]), 4)
        # By the definition: estimated below the truth where a higher outcome is unlikely.
        ends = (*uppers[:stopped], float(z[stopped]))
        low += sum(crossing(times[: stopped + 1], ends, drift)) > 0.5
    assert low / paths == pytest.approx(0.5, abs=3 * 0.5 / math.sqrt(paths))


def test_the_adjusted_estimate() -> None:
    uppers = boundaries(FIVE, tuple(0.05 * t**2 for t in FIVE))
    plain = 2.8 / math.sqrt(0.6)
    found = adjusted_drift(FIVE[:3], uppers[:3], 2.8)
    assert 0.7 * plain < found < plain
    assert sum(crossing(FIVE[:3], (*uppers[:2], 2.8), found)) == pytest.approx(0.5, abs=1e-6)
    ends = [adjusted_drift(FIVE[:3], uppers[:3], 2.8, level) for level in (0.025, 0.975)]
    assert 0 < ends[0] < found < ends[1]
    # After one look it is the plain estimate.
    assert adjusted_drift((4.0,), (1.0,), 3.0) == pytest.approx(1.5, abs=1e-6)


@pytest.mark.parametrize("z", [-1e18, -5e3, 40.0, 1e4, 1e7, 3e18, 1e100])
def test_the_adjusted_estimate_of_an_extreme_difference(z: float) -> None:
    """Also where two drifts within a standard error are the same float."""
    assert adjusted_drift((1000.0,), (2.0,), z) == pytest.approx(z / math.sqrt(1000), abs=1e-9)
    # After an earlier look it is at most the drift with which half of the paths stop there.
    found = adjusted_drift((500.0, 1000.0), (2.5, 2.0), z)
    at_first, alone = 2.5 / math.sqrt(500), z / math.sqrt(1000)
    assert found == pytest.approx(min(at_first, alone), abs=1e-6)


@pytest.mark.parametrize(
    ("information", "spent"),
    [
        ((2.0, 1.0), (0.1, 0.2)),
        ((1.0, 2.0), (0.2, 0.1)),
        ((0.0, 2.0), (0.1, 0.2)),
        ((1.0, math.inf), (0.1, 0.2)),
        ((1.0, 2.0), (0.1, 1.0)),
        ((1.0, 2.0), (-0.1, 0.2)),
        ((1.0,), (0.1, 0.2)),
        ((math.nan,), (0.1,)),
    ],
)
def test_looks_that_are_none(information: tuple[float, ...], spent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="information"):
        boundaries(information, spent)


def test_a_look_that_spends_nothing_stops_nobody() -> None:
    assert boundaries((1.0, 2.0), (0.0, 0.05)) == pytest.approx((math.inf, 1.644854))


@pytest.mark.parametrize("alpha", [0.001, 0.025, 0.05, 0.25])
def test_spending(alpha: float) -> None:
    functions = {
        "obrien_fleming": lambda t: spending.obrien_fleming(t, alpha),
        "pocock": lambda t: spending.pocock(t, alpha),
        "power_family": lambda t: spending.power_family(t, alpha, 3.0),
    }
    for name, spent in functions.items():
        values = [spent(time) for time in (-1.0, 0.0, 0.01, 0.2, 0.99, 1.0, 7.0)]
        assert values[:2] == [0, 0], name
        assert values == sorted(values), name
        assert values[-2:] == pytest.approx([alpha, alpha]), name
    later = [spending.beyond_the_end(time, alpha, 3.0) for time in (0.5, 1.0, 1.1, 2.0, 1e9)]
    assert later == sorted(later)
    assert later[:2] == pytest.approx([0.98 * alpha / 8, 0.98 * alpha])
    assert later[-1] <= alpha


def test_a_drift_beyond_the_search_is_its_end() -> None:
    one = (100.0,), (1.6449,)
    assert detectable_drift(*one, 0.01) == 0.0, "already without any drift"
    assert detectable_drift(*one, 1.0) == 2.0, "20 standard errors"
    reached = detectable_drift(*one, 0.8)
    assert reached == pytest.approx((1.6449 + 0.8416) / 10, abs=1e-4)


def test_a_look_without_new_information_since_the_start_crosses_nothing() -> None:
    start = (1.0, 100.0)
    found = crossing([100.0, 100.0, 200.0], [0.5, 0.5, 1.8], 0.1, start)
    assert found == [0.0, 0.0, *crossing([200.0], [1.8], 0.1, start)]


def test_where_more_is_spent_than_is_left_the_lower_boundary_is_the_upper_one() -> None:
    lower = lower_boundaries((1.0, 2.0), (0.5, 0.5), (0.0, 0.9), 3.0)
    assert lower == (-math.inf, 0.5)
