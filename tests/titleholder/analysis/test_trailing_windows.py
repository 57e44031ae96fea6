"""Trailing windows, against numpy on the rows themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.trailing_windows import DifferenceStats, are_consistent, trailing_windows

values = st.floats(-1e3, 1e3)
days_of_rows = st.lists(st.lists(values, min_size=1, max_size=5), min_size=1, max_size=6)


def stats(rows: list[float]) -> DifferenceStats:
    return DifferenceStats(
        len(rows), float(np.mean(rows)), float(np.var(rows, ddof=1)) if rows[1:] else 0.0
    )


@given(days_of_rows, st.integers(2, 12))
def test_windows_have_the_statistics_of_their_rows(days: list[list[float]], min_rows: int) -> None:
    day_stats = [stats(day) for day in days]
    assert are_consistent(day_stats, sum(map(len, days)))
    assert not are_consistent(day_stats, sum(map(len, days)) + 1)
    rows = [[one for day in days[first:] for one in day] for first in reversed(range(len(days)))]
    expected = [stats(one) for one in rows if len(one) >= min_rows]
    found = list(trailing_windows(day_stats, min_rows))
    assert [one.n for one in found] == [one.n for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-6)
        assert one.variance == pytest.approx(other.variance, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize(
    "invalid",
    [
        DifferenceStats(0, 0, 0),
        DifferenceStats(-5, 0, 1),
        DifferenceStats(math.nan, 0, 1),
        DifferenceStats(math.inf, 0, 1),
        DifferenceStats(50, math.nan, 1),
        DifferenceStats(50, -math.inf, 1),
        DifferenceStats(50, 0, math.nan),
        DifferenceStats(50, 0, -1),
        DifferenceStats(50, 0, math.inf),
    ],
    ids=str,
)
def test_invalid_days_are_not_consistent(invalid: DifferenceStats) -> None:
    valid = DifferenceStats(60, 0.1, 1)
    assert are_consistent([valid, valid], 120)
    assert not are_consistent([valid, invalid], 60 + invalid.n)
