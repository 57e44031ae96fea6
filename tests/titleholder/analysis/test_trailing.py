"""The newest days as one: numpy is the oracle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.trailing import DifferenceStats, are_consistent, trailing_windows

values = st.floats(-1e3, 1e3)
days_of_rows = st.lists(st.lists(values, min_size=1, max_size=5), min_size=1, max_size=6)


def part(rows: list[float]) -> DifferenceStats:
    return DifferenceStats(
        len(rows), float(np.mean(rows)), float(np.var(rows, ddof=1)) if rows[1:] else 0.0
    )


@given(days_of_rows, st.integers(2, 12))
def test_they_are_what_all_their_rows_give(days: list[list[float]], least: int) -> None:
    parts = [part(day) for day in days]
    assert are_consistent(parts, sum(map(len, days)))
    assert not are_consistent(parts, sum(map(len, days)) + 1)
    rows = [[one for day in days[first:] for one in day] for first in reversed(range(len(days)))]
    expected = [part(one) for one in rows if len(one) >= least]
    found = list(trailing_windows(parts, least))
    assert [one.n for one in found] == [one.n for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-6)
        assert one.variance == pytest.approx(other.variance, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize(
    "bad",
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
def test_what_cannot_be_is_not_sound(bad: DifferenceStats) -> None:
    good = DifferenceStats(60, 0.1, 1)
    assert are_consistent([good, good], 120)
    assert not are_consistent([good, bad], 60 + bad.n)
