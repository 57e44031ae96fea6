"""The test for decay: when it alarms, what it does not depend on, and any input."""

import dataclasses
import math
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.titleholder.analysis.decay.days import MONDAY, days_of, quiet
from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_test import DecayFinding, check_decay, decay_path

THRESHOLD = 731.0


def check(
    losses: Sequence[float], reference: int = 14, weekly: bool = False, **days: Any
) -> DecayFinding:
    all_days = days_of(losses, **days)
    return check_decay(
        all_days[:reference],
        all_days[reference:],
        threshold=THRESHOLD,
        min_increase=0.05,
        weekly=weekly,
    )


def test_a_decay_is_found_with_its_first_day_and_size() -> None:
    losses = [*quiet(60), *(one + 0.25 for one in quiet(10))]
    found = check(losses)
    assert found.alarm
    assert found.statistic >= found.threshold == THRESHOLD
    # The 60th day happens to be bad.
    assert found.since == MONDAY + timedelta(days=59)
    assert found.increase == pytest.approx(0.25, abs=0.05)
    assert found.relative_increase == pytest.approx(found.increase / found.reference_mean)
    assert found.reference_mean == pytest.approx(sum(losses[:14]) / 14)
    assert found.daily_sd == pytest.approx(0.08, rel=0.2)


def test_quiet_days_and_an_improvement_are_no_decay() -> None:
    for losses in (quiet(100), [*quiet(50), *(one - 0.3 for one in quiet(50))]):
        found = check(losses)
        assert not found.alarm
        assert found.statistic < 100


@pytest.mark.parametrize("size", [0.3, 1, 10, 1e6, 1e300])
@pytest.mark.parametrize("place", [14, 20, 50])
def test_one_bad_day_is_no_decay(size: float, place: int) -> None:
    losses = quiet(80)
    losses[place] += size
    all_days = days_of(losses)
    path = decay_path(all_days[:14], all_days[14:], threshold=THRESHOLD, min_increase=0.05)
    assert not any(found.alarm for found in path)


def test_two_very_bad_days_are_a_decay() -> None:
    losses = [*quiet(50), 2.0, 2.0]
    assert not check(losses[:-1]).alarm
    assert check(losses).alarm


def test_a_bad_day_does_not_hide_a_later_decay() -> None:
    losses = [*quiet(60), *(one + 0.25 for one in quiet(10))]
    losses[10] = losses[30] = 1e6
    found = check(losses)
    assert found.alarm
    assert found.reference_mean == pytest.approx(1, abs=0.1)
    assert found.increase == pytest.approx(0.25, abs=0.05)


def test_a_certain_but_small_increase_is_no_decay() -> None:
    losses = [*quiet(40, sd=0.004), *(one + 0.045 for one in quiet(20, sd=0.004))]
    found = check(losses)
    assert found.statistic >= THRESHOLD
    assert not found.alarm
    assert found.relative_increase == pytest.approx(0.045, abs=0.003)
    assert check([*losses[:40], *(one + 0.01 for one in losses[40:])]).alarm


def test_a_loss_that_was_always_zero_may_decay() -> None:
    found = check([*[0.0] * 30, 0.2, 0.25, 0.2])
    assert found.alarm
    assert found.relative_increase is None
    assert found.since == MONDAY + timedelta(days=30)


def test_constant_losses_and_missing_days_are_no_evidence() -> None:
    assert check([0.1] * 60) == DecayFinding(
        0.0, THRESHOLD, False, None, 0.0, 0.0, pytest.approx(0.1), pytest.approx(0, abs=1e-12)
    )
    for reference, losses in ((0, quiet(20)), (14, quiet(14)), (0, [])):
        assert check(losses, reference) == DecayFinding(
            0.0, THRESHOLD, False, None, 0.0, None, 0.0, 0.0
        )


def test_a_pattern_of_the_week_is_no_decay() -> None:
    losses = [one + (0.3 if place % 7 > 4 else 0) for place, one in enumerate(quiet(200))]
    for weekly in (False, True):
        all_days = days_of(losses)
        path = decay_path(
            all_days[:21], all_days[21:], threshold=THRESHOLD, min_increase=0.05, weekly=weekly
        )
        assert not any(found.alarm for found in path)


def test_weekly_finds_a_decay_that_the_pattern_hides() -> None:
    losses = [one + (0.5 if place % 7 > 4 else 0) for place, one in enumerate(quiet(70))]
    losses[63:] = [one + 0.2 for one in losses[63:]]
    assert not check(losses, 28).alarm
    found = check(losses, 28, weekly=True)
    assert found.alarm
    assert found.increase == pytest.approx(0.2, abs=0.05)


@given(st.integers(0, 10**6), st.integers(-30, 30), st.sampled_from([0.0, 1e-3, 1.0, 100.0]))
@settings(max_examples=30, deadline=None)
def test_it_depends_on_neither_location_nor_scale(seed: int, power: int, location: float) -> None:
    rng = random.Random(seed)
    losses = [1 + rng.gauss(0, 0.1) + 0.3 * (place > 30) for place in range(40)]
    scale = 2.0**power
    moved = [(one + location) * scale for one in losses]
    found, other = check(losses), check(moved, variance=0.2 * scale * scale)
    assert other.statistic == pytest.approx(found.statistic, rel=1e-6)
    assert other.since == found.since
    assert other.increase == pytest.approx(found.increase * scale, rel=1e-6)
    assert other.daily_sd == pytest.approx(found.daily_sd * scale, rel=1e-6)


def test_as_many_rows_on_each_day_change_nothing_however_many() -> None:
    """What counts is the part of a day in the evidence, and that is the same for all of them."""
    losses = [*quiet(40), *(one + 0.2 for one in quiet(10))]
    assert check(losses, n=1_000) == check(losses, n=2_000) == check(losses, n=1, variance=0)


def test_doubled_rows_change_little_where_the_days_differ_more_than_their_rows_explain() -> None:
    """With each row twice n doubles, and so does the precision of a day within itself; the noise
    between days, which dominates, stays."""
    days = [
        DayLoss(day.day, 500.0 + 500 * (place % 3), day.loss, 0.05)
        for place, day in enumerate(days_of([*quiet(40), *(one + 0.2 for one in quiet(10))]))
    ]
    twice = [dataclasses.replace(day, n=2 * day.n) for day in days]
    one, two = (
        check_decay(some[:28], some[28:], threshold=THRESHOLD, min_increase=0.05)
        for some in (days, twice)
    )
    assert math.log(two.statistic) == pytest.approx(math.log(one.statistic), rel=0.02)
    assert (two.alarm, two.since) == (one.alarm, one.since)


def test_the_path_ends_with_the_last_finding_and_knows_nothing_of_later_days() -> None:
    losses = [*quiet(30), *(one + 0.2 for one in quiet(20))]
    days = days_of(losses)
    path = list(decay_path(days[:14], days[14:], threshold=THRESHOLD, min_increase=0.05))
    assert len(path) == 36
    for place, found in enumerate(path):
        assert found == check(losses[: 15 + place])


def test_invalid_days_are_left_out() -> None:
    days = days_of([*quiet(40), *(one + 0.2 for one in quiet(10))])
    invalid = [dataclasses.replace(days[45], **field) for field in ({"loss": math.nan}, {"n": 0})]
    for one in invalid:
        assert check_decay(
            [*days[:5], one, *days[5:14]],
            [one, *days[14:], one],
            threshold=THRESHOLD,
            min_increase=0.05,
        ) == check_decay(days[:14], days[14:], threshold=THRESHOLD, min_increase=0.05)


any_number = st.floats() | st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324, math.inf, math.nan])
any_days = st.lists(st.tuples(any_number, any_number, any_number), max_size=30)


@given(any_days, st.integers(0, 20), any_number, any_number, st.booleans())
@settings(max_examples=300, deadline=None)
def test_it_is_total(
    numbers: list[tuple[float, float, float]],
    reference: int,
    threshold: float,
    min_increase: float,
    weekly: bool,
) -> None:
    days = [DayLoss(MONDAY + timedelta(days=place), *three) for place, three in enumerate(numbers)]
    found = check_decay(
        days[:reference],
        days[reference:],
        threshold=threshold,
        min_increase=min_increase,
        weekly=weekly,
    )
    numbers_found = (found.statistic, found.increase, found.reference_mean, found.daily_sd)
    assert all(map(math.isfinite, numbers_found))
    assert found.relative_increase is None or math.isfinite(found.relative_increase)
    if found.alarm:
        assert found.statistic >= threshold
        assert found.increase > 0
        assert found.since is not None
