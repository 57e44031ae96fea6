"""False alarms and delays of the watch, by simulation; `make bench` has the long one."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.bench.decay import (
    NOISE,
    RULES,
    TWO_YEARS,
    Champions,
    broken_day,
    champions,
    cusum_alarms,
    decayed,
    decision_interval,
    delays,
    false_alarms,
    few_rows_at_weekends,
    first_alarms,
    heavy_tailed,
    naive_alarms,
    worse_at_weekends,
)
from tests.titleholder.analysis.decay.days import MONDAY
from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_state import DecayRules, watch_state

WEEKLY = replace(RULES, weekly=True)
Scene = Callable[[np.random.Generator, int, int], Champions]


def with_heavy_tails(rng: np.random.Generator, count: int, days: int) -> Champions:
    return champions(rng, count, days, heavy_tailed)


def with_a_weekly_pattern(rng: np.random.Generator, count: int, days: int) -> Champions:
    return worse_at_weekends(rng, count, days, WEEKLY.reference_length)


SCENES = [
    pytest.param(champions, RULES, id="normal"),
    pytest.param(with_heavy_tails, RULES, id="heavy tails"),
    pytest.param(few_rows_at_weekends, RULES, id="few rows at weekends"),
    pytest.param(worse_at_weekends, RULES, id="a pattern of the week"),
    pytest.param(with_a_weekly_pattern, WEEKLY, id="a pattern of the week, weekly"),
]


@pytest.mark.parametrize("threshold", [10.0, 30.0])
@pytest.mark.parametrize(("scene", "rules"), SCENES)
def test_the_mean_time_to_a_false_alarm_is_at_least_the_threshold(
    scene: Scene, rules: DecayRules, threshold: float
) -> None:
    """Also without the least increase, and cut at three times the threshold, which lowers it."""
    days = int(3 * threshold)
    found = scene(np.random.default_rng(1), 300, days)
    own = replace(rules, days_per_false_alarm=threshold, min_increase=0.0)
    times = np.minimum(first_alarms(found, own), days)
    assert times.mean() - 3 * times.std() / math.sqrt(len(times)) > threshold


@pytest.mark.long
@pytest.mark.parametrize(("scene", "rules"), SCENES)
def test_less_than_one_false_alarm_in_two_years(scene: Scene, rules: DecayRules) -> None:
    """10,000 years."""
    found = scene(np.random.default_rng(2), 5_000, TWO_YEARS)
    alarms = false_alarms(found, rules)
    print(f"{alarms.mean():.3f} false alarms in two years, in {(alarms > 0).mean():.1%} of them")
    assert alarms.mean() < 0.6
    assert alarms.mean() > 0.005


def test_decay_is_found_soon() -> None:
    found = champions(np.random.default_rng(3), 200, 100)
    middle = {
        sd: {way: np.median(one) for way, one in delays(decayed(found, 28, sd), 28).items()}
        for sd in (1, 2, 4)
    }
    # Measured: 17, 5 and 2.
    assert middle[1]["test"] <= 22
    assert middle[2]["test"] <= 6
    assert middle[4]["test"] <= 3
    # The price of fewer false alarms.
    assert all(ways["cusum"] <= ways["test"] for ways in middle.values())
    slow = delays(decayed(found, 28, sd_a_day=0.05), 28)
    assert np.median(slow["test"]) <= 30  # when the loss is 1.5 sd worse


def test_a_bad_day_is_seldom_taken_for_decay() -> None:
    shares = broken_day(400, 5)
    # Measured: 1 % against 63 % and all.
    assert shares["test"] < 0.04
    assert shares["cusum"] > 0.4
    assert shares["naive"] > 0.95


def test_the_other_rules_alarm_more_often() -> None:
    found = champions(np.random.default_rng(4), 500, TWO_YEARS)
    # A day is a tenth worse with the probability that a normal variable exceeds 1.25: 77 in all.
    assert naive_alarms(found).sum(axis=1).mean() == pytest.approx(79, abs=6)
    assert cusum_alarms(found).sum(axis=1).mean() > 2


def test_the_chart_has_the_planned_run_length_when_mean_and_deviation_are_known() -> None:
    # Montgomery, "Introduction to Statistical Quality Control": h = 4.77 has 370 for both sides,
    # and so 740 for one.
    assert decision_interval(740) == pytest.approx(4.77, abs=0.02)
    found = champions(np.random.default_rng(5), 1_000, TWO_YEARS, reference=2_000)
    assert cusum_alarms(found).sum(axis=1).mean() == pytest.approx(1, abs=0.15)


def test_the_simulation_agrees_with_the_watch() -> None:
    rng = np.random.default_rng(6)
    found = decayed(few_rows_at_weekends(rng, 20, 100), 60, sd=1.5)
    found.losses[:, 30] += 3 * NOISE
    alarms = first_alarms(found)
    assert np.isfinite(alarms).sum() > 10
    for losses, alarm in zip(found.losses, alarms, strict=True):
        days = [
            DayLoss(MONDAY + timedelta(days=place), n, loss, found.variance)
            for place, (loss, n) in enumerate(zip(losses.tolist(), found.n.tolist(), strict=True))
        ]
        episodes = watch_state(days, RULES).episodes
        first = [(one.alarm - MONDAY).days - found.reference + 1 for one in episodes[:1]]
        assert first == ([alarm] if math.isfinite(alarm) else [])
