"""How often a verdict is wrong when it is looked at every day; the long run is `make bench`."""

import math

import numpy as np
import pytest

from tests.bench.verdicts import (
    ALPHA,
    DAYS,
    HEAVIEST_ROW,
    MINIMUM_N,
    Course,
    Line,
    Shape,
    judge,
    lately_worse,
    ours,
    simulate,
    skewed,
    table,
    turned,
    zero_one,
)
from tests.titleholder.analysis.test_verdict import DUEL, RULES, evidence
from titleholder.analysis.trailing import DifferenceStats
from titleholder.analysis.verdict import Outcome, verdict

ROLLOUTS = 2_000
# What alpha allows, and three standard deviations of as many coins: 6.5 %.
LIMIT = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / ROLLOUTS)


@pytest.fixture(scope="module")
def lines() -> dict[str, Line]:
    return {line.what: line for line in simulate(Shape(ROLLOUTS, 50))}


@pytest.mark.parametrize("what", ["equal, zero-one", "equal, squared"])
def test_equal_models_are_seldom_told_apart(lines: dict[str, Line], what: str) -> None:
    line, text = lines[what], table(list(lines.values()))
    wrong = line.promoted + line.rolled_back
    assert wrong <= LIMIT, text
    # Measured: 1.1 % against 25 %.
    assert line.naive_promoted + line.naive_rolled_back > 5 * max(wrong, 0.01), text


def test_rare_great_losses_do_not_win(lines: dict[str, Line]) -> None:
    assert lines["equal, skewed"].promoted <= LIMIT, table(list(lines.values()))
    # It is the limit on the heaviest row that keeps them out: without it, more than 12 % win.
    course = skewed(np.random.default_rng(2), Shape(500, 50))
    unguarded, _ = judge(course, ours(course, MINIMUM_N), 0, heaviest_row=1)
    assert np.isfinite(unguarded).mean() > 2 * ALPHA


def test_worse_by_the_margin_is_seldom_taken_for_not_worse(lines: dict[str, Line]) -> None:
    assert lines["2 points worse, margin 2"].promoted <= LIMIT


def test_a_difference_is_found() -> None:
    """2 points in 500 rows a day: within two weeks, and hardly ever the wrong way."""
    found = {line.what: line for line in simulate(Shape(300, 500), planned_rows=2_500)}
    worse, better = found["2 points worse"], found["2 points better"]
    assert worse.rolled_back > 0.98
    assert better.promoted > 0.98
    assert worse.promoted + better.rolled_back < 0.01
    assert max(worse.day or 99, better.day or 99) <= 14


def test_the_simulation_decides_as_the_verdict_does() -> None:
    rng = np.random.default_rng(3)
    for course in (zero_one(rng, Shape(40, 50), 0.03), skewed(rng, Shape(40, 50))):
        held = lately_worse(course, 0)
        up, down = judge(course, ours(course, MINIMUM_N), 0, HEAVIEST_ROW, held)
        for rollout in range(40):
            met = first(course, rollout)
            assert met == (up[rollout], down[rollout])


def first(course: Course, rollout: int) -> tuple[float, float]:
    """The day of the first verdict that decides, on the same numbers."""
    for day in range(DAYS):
        n, mean = float(course.n[day]), float(course.mean[rollout, day])
        variance = float(course.variance[rollout, day])
        far = math.sqrt(float(course.heaviest[rollout, day]) * variance * (n - 1))
        parts = tuple(_part(course, rollout, one) for one in range(day + 1))
        given = evidence(
            mean, n=n, variance=variance, smallest=mean - far, largest=mean + far, days=parts
        )
        outcome = verdict(given, RULES, DUEL).outcome
        if outcome is Outcome.PROMOTE:
            return day + 1.0, math.inf
        if outcome is Outcome.ROLLBACK:
            return math.inf, day + 1.0
    return math.inf, math.inf


def _part(course: Course, rollout: int, day: int) -> DifferenceStats:
    """The rows of one day alone."""
    n, mean = course.n, course.mean[rollout]
    squares = (n - 1) * course.variance[rollout] + n * mean * mean
    count, total, square = (
        float(one[day] - (one[day - 1] if day else 0)) for one in (n, n * mean, squares)
    )
    return DifferenceStats(count, total / count, (square - total * total / count) / (count - 1))


def test_who_turns_bad_is_held() -> None:
    without, with_it = turned(Shape(500, 500), 7, 2_500)
    # Measured: 90 % against 3.5 %.
    assert without > 0.8
    assert with_it < 0.08


def test_the_table_is_for_people(lines: dict[str, Line]) -> None:
    told = table([Line("equal", 0.01, 0.02, None, 0.14, 0.13, 7.0)]).splitlines()
    assert told[2].split() == ["equal", "1.00%", "2.00%", "-", "14.00%", "13.00%", "7"]
    assert len(table(list(lines.values())).splitlines()) == 2 + len(lines)
