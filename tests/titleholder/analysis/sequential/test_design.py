"""The design of the verdicts on one challenger: its end, its looks and what it finds."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.titleholder.analysis.designs import design_for
from titleholder.analysis.sequential.design import (
    Look,
    adjusted_estimate,
    boundaries_of,
    design_changes,
    design_to_json,
    futility_boundaries,
    interval_at,
    parse_design,
    plan_design,
    skewness_correction,
)
from titleholder.analysis.sequential.forecast import (
    detectable_difference,
    forecast,
    forecast_to_json,
    parse_forecast,
    power,
)
from titleholder.config.duel import Duel
from titleholder.config.loader import load_model
from titleholder.config.model import ModelConfig
from titleholder.config.rollout import Rollout

ROOT = Path(__file__).parents[4]
CONFIG = load_model(ROOT / "dags" / "models" / "linnerud.yaml")  # Mondays at 03:00
DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 16, 4, 30, tzinfo=UTC)
RULES = Duel(loss="squared", target="y")
DESIGN = design_for(RULES, MONDAY)


def with_rollout(**fields: Any) -> ModelConfig:
    return CONFIG.model_copy(update={"rollout": Rollout(**fields)})


@pytest.mark.parametrize(
    ("config", "duel", "ends", "looks"),
    [
        # The last evaluation at 05:00 before the next training on Monday at 03:00.
        (CONFIG, {"schedule": "0 5 * * *"}, datetime(2026, 11, 22, 5, tzinfo=UTC), 6),
        (CONFIG, {"schedule": "0 2 * * *"}, datetime(2026, 11, 23, 2, tzinfo=UTC), 7),
        (CONFIG, {"max_duration": 3 * DAY}, datetime(2026, 11, 19, tzinfo=UTC), 3),
        (
            with_rollout(on_new_challenger="keep_current"),
            {},
            datetime(2026, 12, 14, tzinfo=UTC),
            28,
        ),
        # Without an evaluation before its end.
        (CONFIG, {"schedule": "0 4 1 1 *"}, datetime(2026, 11, 23, 3, tzinfo=UTC), 1),
    ],
)
def test_the_planned_end(
    config: ModelConfig, duel: dict[str, Any], ends: datetime, looks: int
) -> None:
    found = plan_design(config, RULES.model_copy(update={"schedule": "0 0 * * *"} | duel), MONDAY)
    assert (found.kind, found.ends, found.looks) == ("group_sequential", ends, looks)


def test_the_design_has_the_rules_of_the_section() -> None:
    rules = {"cluster_column": "person", "max_rows_per_day": 7, "planned_rows": 9}
    found = plan_design(CONFIG, RULES.model_copy(update=rules), MONDAY)
    assert (found.cluster_column, found.max_rows_per_day, found.planned_rows) == ("person", 7, 9)
    plain = plan_design(CONFIG, RULES, MONDAY)
    assert (plain.cluster_column, plain.max_rows_per_day) == ("", None)
    assert plain.planned_rows == RULES.min_rows


def test_two_evaluations_are_two_looks() -> None:
    """Mondays and Thursdays at 05:00, for a challenger of Monday at 04:30."""
    rules = RULES.model_copy(update={"schedule": "0 5 * * 1,4"})
    found = plan_design(CONFIG, rules, MONDAY)
    assert (found.ends, found.looks) == (datetime(2026, 11, 19, 5, tzinfo=UTC), 1)


@pytest.mark.parametrize("mean", [0.3, 0.5])
def test_an_estimate_is_adjusted_towards_its_boundary(mean: float) -> None:
    """For a rollback with the sign of a rollback."""
    looks = [Look(1 / 7, 200.0), Look(2 / 7, 400.0)]
    up = adjusted_estimate(DESIGN, looks, mean, 1.0, "promotion")
    down = adjusted_estimate(DESIGN, looks, -mean, 1.0, "rollback")
    assert up is not None
    assert down is not None
    assert 0 < up < mean
    assert -0.7 * mean < down < 0, "most paths with that drift are rolled back at the first look"


def test_an_estimate_beyond_floats_is_not_adjusted() -> None:
    assert adjusted_estimate(DESIGN, [Look(1 / 7, 200.0)], 1e300, 1e-300, "promotion") is None


def test_without_an_end_it_is_a_confidence_sequence() -> None:
    config = with_rollout(on_new_challenger="keep_current")
    found = plan_design(config, RULES.model_copy(update={"max_duration": None}), MONDAY)
    assert (found.kind, found.ends, found.looks) == ("confidence_sequence", None, 0)
    assert found.time(MONDAY + DAY) == 0
    assert forecast(found, [Look(0.5, 100)], 0.1, 1.0) is None
    assert detectable_difference(found, 1000, 1.0) is None
    assert adjusted_estimate(found, [Look(0.0, 100)], 0.1, 1.0, "promotion") is None


def test_it_is_recorded_and_read_again() -> None:
    recorded = design_to_json(DESIGN)
    assert parse_design(recorded) == DESIGN
    for wrong in (None, {}, recorded | {"alpha": "high"}, recorded | {"kind": "other"}, []):
        assert parse_design(wrong) is None


def test_changes_are_named() -> None:
    assert design_changes(DESIGN, DESIGN) == ""
    later = replace(DESIGN, begins=MONDAY + DAY, looks=9, planned_rows=1)
    assert design_changes(DESIGN, later) == ""
    changed = replace(DESIGN, alpha=0.1, ends=MONDAY + 14 * DAY, kind="confidence_sequence")
    assert design_changes(DESIGN, changed) == (
        "design is confidence_sequence and was group_sequential, the planned end is "
        "2026-11-30T04:30:00Z and was 2026-11-23T04:30:00Z, alpha is 0.1 and was 0.05"
    )


def test_time() -> None:
    assert DESIGN.time(MONDAY - DAY) == 0
    assert DESIGN.time(MONDAY + 3.5 * DAY) == 0.5
    assert DESIGN.time(MONDAY + 14 * DAY) == 2
    assert replace(DESIGN, ends=None).time(MONDAY + DAY) == 0
    # A duration counts as a second at least.
    assert replace(DESIGN, ends=MONDAY).time(MONDAY + timedelta(seconds=1)) == 1


looks = st.lists(st.builds(Look, st.floats(0, 2), st.floats(2, 1e6)), min_size=1, max_size=8)


@given(looks, st.floats(-10, 10), st.floats(0, 100), st.booleans())
@settings(deadline=None)
def test_any_looks_have_an_interval(
    given: list[Look], mean: float, variance: float, futility: bool
) -> None:
    design = replace(DESIGN, futility=futility)
    found = interval_at(design, given[:-1], given[-1], mean, variance)
    assert -math.inf < found.low <= mean + 1e-9
    assert mean - 1e-9 <= found.high < math.inf
    assert not (found.futile and found.low > design.threshold)


def test_the_interval_agrees_with_the_boundaries() -> None:
    """The low end is above 0 where the boundary of a promotion is crossed."""
    earlier, look = [Look(0.2, 100.0), Look(0.4, 250.0)], Look(0.7, 400.0)
    upper = boundaries_of(DESIGN, [*earlier, look], "promotion")[-1]
    down = boundaries_of(DESIGN, [*earlier, look], "rollback")[-1]
    error = math.sqrt(2.0 / 400)
    found = interval_at(DESIGN, earlier, look, 0.3, 2.0)
    assert (found.low, found.high) == pytest.approx((0.3 - upper * error, 0.3 + down * error))
    # With a margin both ends are compared with it, so the interval is the same.
    margin = replace(DESIGN, hypothesis="non_inferiority", margin=0.1)
    assert margin.threshold == -0.1
    assert interval_at(margin, earlier, look, 0.3, 2.0) == found


def test_a_forecast_agrees_with_simulated_rollouts() -> None:
    rng, rollouts = np.random.default_rng(5), 200_000
    now, mean, variance = [Look(1 / 7, 200.0), Look(2 / 7, 400.0)], 0.07, 1.0
    found = forecast(DESIGN, now, mean, variance)
    assert found is not None
    coming = [Look(day / 7, 200.0 * day) for day in range(3, 8)]
    up, down = (
        boundaries_of(DESIGN, [*now, *coming], side)[2:] for side in ("promotion", "rollback")
    )
    total, running = np.full(rollouts, 400 * mean), np.ones(rollouts, bool)
    promoted, back, decided = np.zeros(rollouts, bool), np.zeros(rollouts, bool), []
    for look, high, low in zip(coming, up, down, strict=True):
        total += rng.standard_normal(rollouts) * math.sqrt(200) + 200 * mean
        z = total / math.sqrt(look.rows)
        promoted |= running & (z >= high)
        back |= running & (z <= -low)
        running &= (z < high) & (z > -low)
        decided.append(1 - running.mean())
    assert found.promotion == pytest.approx(promoted.mean(), abs=0.004)
    assert found.rollback == pytest.approx(back.mean(), abs=0.004)
    first = next(number for number, part in enumerate(decided) if part >= 0.5)
    assert found.decided_by is not None
    assert abs(found.decided_by - (MONDAY + (first + 3) * DAY)) < timedelta(seconds=1)


def test_a_forecast_needs_looks_to_come() -> None:
    assert forecast(DESIGN, [Look(1.0, 100.0)], 0.1, 1.0) is None
    assert forecast(DESIGN, [Look(0.5, 100.0)], 0.1, 0.0) is None
    assert forecast(DESIGN, [], 0.1, 1.0) is None
    hopeless = forecast(DESIGN, [Look(0.5, 100.0)], 0.0, 1.0)
    assert hopeless is not None
    assert hopeless.decided_by is None


@pytest.mark.parametrize("hypothesis", ["superiority", "non_inferiority"])
def test_the_smallest_detectable_difference(hypothesis: str) -> None:
    design = replace(DESIGN, hypothesis=hypothesis, margin=0.02)
    found = detectable_difference(design, 2000, 1.0)
    assert found is not None
    assert found == pytest.approx(design.threshold + 0.0568, abs=1e-3)
    # A test at the end alone would find 0.0556.
    assert found - design.threshold > (1.6449 + 0.8416) / math.sqrt(2000)
    four = detectable_difference(design, 8000, 1.0)
    assert four is not None
    # Not exactly half, as the margin of a rollback stays the same.
    half = (found - design.threshold) / 2
    assert four - design.threshold == pytest.approx(half, rel=1e-3)
    assert detectable_difference(design, 0, 1.0) is None
    assert detectable_difference(design, 2000, 0.0) is None
    for probability in (0.5, 0.95):
        other = detectable_difference(design, 2000, 1.0, probability)
        assert other is not None
        assert (other > found) == (probability > 0.8)
        reached = power(design, 2000, 1.0, other)
        assert reached is not None
        assert reached.promotion == pytest.approx(probability, abs=1e-6)


@pytest.mark.parametrize("futility", [False, True])
@pytest.mark.parametrize("difference", [-0.04, 0.0, 0.06])
def test_power_agrees_with_simulated_rollouts(futility: bool, difference: float) -> None:
    design, rows = replace(DESIGN, futility=futility), 2000.0
    found = power(design, rows, 1.0, difference)
    assert found is not None
    looks = design.planned_looks(rows)
    uppers, downs = (boundaries_of(design, looks, side) for side in ("promotion", "rollback"))
    futile = [-math.inf] * 7
    if futility:
        futile[:6] = futility_boundaries(design, looks, uppers)[:6]
    rng, rollouts = np.random.default_rng(7), 200_000
    total, running = np.zeros(rollouts), np.ones(rollouts, bool)
    promoted, back, days = np.zeros(rollouts, bool), np.zeros(rollouts, bool), np.zeros(rollouts)
    for look, high, low, least in zip(looks, uppers, downs, futile, strict=True):
        days += running
        total += rng.standard_normal(rollouts) * math.sqrt(rows / 7) + rows / 7 * difference
        z = total / math.sqrt(look.rows)
        promoted |= running & (z >= high)
        back |= running & ((z <= -low) | (z < least))
        running &= ~(promoted | back)
    assert found.promotion == pytest.approx(promoted.mean(), abs=0.004)
    assert found.rollback == pytest.approx(back.mean(), abs=0.004)
    assert found.duration / DAY == pytest.approx(days.mean(), abs=0.02)


@pytest.mark.parametrize("futility", [False, True])
@pytest.mark.parametrize("hypothesis", ["superiority", "non_inferiority"])
def test_forecast_and_power_do_not_depend_on_the_unit(hypothesis: str, futility: bool) -> None:
    """Three times the differences have nine times the variance."""
    kept = replace(DESIGN, hypothesis=hypothesis, futility=futility)
    design, large = (replace(kept, margin=margin) for margin in (0.02, 0.06))
    looks = [Look(1 / 7, 200.0), Look(2 / 7, 400.0)]
    one, three = forecast(design, looks, 0.03, 1.0), forecast(large, looks, 0.09, 9.0)
    assert one is not None
    assert three is not None
    assert 0.05 < one.promotion < 0.95
    assert (one.promotion, one.rollback) == pytest.approx((three.promotion, three.rollback))
    assert one.decided_by == three.decided_by
    strength, tripled = power(design, 2000, 1.0, 0.03), power(large, 2000, 9.0, 0.09)
    assert strength is not None
    assert tripled is not None
    assert strength.promotion == pytest.approx(tripled.promotion)
    assert strength.rollback == pytest.approx(tripled.rollback)
    found, other = (detectable_difference(*of) for of in ((design, 2000, 1.0), (large, 2000, 9.0)))
    assert found is not None
    assert other == pytest.approx(3 * found)


@pytest.mark.parametrize(("time", "decided"), [(2 / 7, 3), (2.4 / 7, 3), (2.6 / 7, 4)])
def test_a_forecast_counts_the_looks_that_are_half_a_look_away(time: float, decided: int) -> None:
    found = forecast(DESIGN, [Look(time, 1400.0 * time)], 0.9, 1.0)
    assert found is not None
    assert found.decided_by is not None
    assert abs(found.decided_by - (MONDAY + decided * DAY)) < timedelta(seconds=1)


def test_a_forecast_foresees_futility() -> None:
    now = [Look(1 / 7, 200.0), Look(2 / 7, 400.0)]
    plain, futile = (
        forecast(replace(DESIGN, futility=futility), now, 0.0, 1.0) for futility in (False, True)
    )
    assert plain is not None
    assert futile is not None
    assert plain.rollback < 0.1
    assert futile.rollback > 0.8


def test_a_forecast_is_recorded_and_read_again() -> None:
    found = forecast(DESIGN, [Look(2 / 7, 400.0)], 0.1, 1.0)
    assert found is not None
    recorded = json.loads(json.dumps(forecast_to_json(found)))
    assert parse_forecast(recorded) == found
    for wrong in (None, {}, [], {"promotion": "high"}, recorded | {"decided_by": 3.5j}):
        assert parse_forecast(wrong) is None
    for impossible in ("NaN", "Infinity", -0.1, 1.2):
        assert parse_forecast(recorded | {"rollback": impossible}) is None


def test_a_longer_tail_against_a_verdict_widens_its_end() -> None:
    """Skewness 33, 8,000 rows and 1.9 standard errors, as in the docstring."""
    assert skewness_correction(1.9, 33, 8000) == pytest.approx(0.505, abs=1e-3)
    assert skewness_correction(1.9, -33, 8000) == 0
    look = Look(0.9, 8000.0)
    plain, against, champions = (
        interval_at(DESIGN, (), look, 0.1, 1.0, skewness) for skewness in (0.0, -33.0, 33.0)
    )
    # A challenger with rare great losses is promoted later, one whose champion has them rolled
    # back later; nothing happens earlier.
    assert (against.low < plain.low, against.high) == (True, plain.high)
    assert (champions.low, champions.high > plain.high) == (plain.low, True)
