"""The watch over days: learning, steady, decayed and recovered; the past stays as it is."""

import dataclasses
import math
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.titleholder.analysis.decay.days import MONDAY, days_of, quiet
from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.decay_state import (
    RECOVERY_DAYS,
    DecayRules,
    WatchState,
    watch_state,
)
from titleholder.analysis.decay.decay_test import check_decay

RULES = DecayRules()
EPISODE = [*quiet(60), *(one + 0.25 for one in quiet(20)), *quiet(40)]


def watch(losses: list[float], rules: DecayRules = RULES) -> WatchState:
    return watch_state(days_of(losses), rules)


def test_it_learns_until_the_reference_is_complete() -> None:
    for count in (0, 1, 13):
        found = watch(EPISODE[:count])
        assert found == WatchState("learning", tuple(days_of(EPISODE[:count])), None, None, ())
    found = watch(EPISODE[:14])
    assert found == WatchState("steady", tuple(days_of(EPISODE[:14])), None, None, ())


@pytest.mark.parametrize(
    ("rules", "length"),
    [
        (DecayRules(reference_days=28), 28),
        (DecayRules(weekly=True), 21),
        (DecayRules(weekly=True, reference_days=35), 35),
        (DecayRules(reference_days=0), 2),
    ],
)
def test_the_length_of_the_reference(rules: DecayRules, length: int) -> None:
    assert watch(EPISODE[: length - 1], rules).phase == "learning"
    found = watch(EPISODE[: length + 1], rules)
    assert found.phase == "steady"
    assert len(found.reference) == length
    assert found.finding is not None


def test_without_an_alarm_the_finding_is_that_of_all_days() -> None:
    days = days_of(EPISODE[:60])
    assert watch_state(days, RULES).finding == check_decay(
        days[:14], days[14:], threshold=731, min_increase=0.05
    )


def test_a_decay_and_its_recovery() -> None:
    states = [watch(EPISODE[:count]) for count in range(15, len(EPISODE) + 1)]
    phases = [state.phase for state in states]
    first = phases.index("decayed")
    assert 60 + 1 <= first + 14 <= 60 + 4
    alarm = states[first]
    assert alarm.decay is not None
    assert alarm.finding is not None
    assert alarm.decay.alarm == MONDAY + timedelta(days=first + 14)
    assert (alarm.decay.since, alarm.decay.increase) == (
        alarm.finding.since,
        alarm.finding.increase,
    )
    assert alarm.finding.alarm
    again = phases.index("steady", first)
    # Most of the seven days have to be good ones again.
    assert 80 + 3 <= again + 14 <= 80 + RECOVERY_DAYS
    for state in states[first:again]:
        assert (state.phase, state.decay, state.finding) == ("decayed", alarm.decay, alarm.finding)
        assert state.episodes == (alarm.decay,)
    over = dataclasses.replace(alarm.decay, recovered=MONDAY + timedelta(days=again + 14))
    for state in states[again:]:
        assert (state.phase, state.decay, state.episodes) == ("steady", None, (over,))
    # The test begins anew: the days of the decay are not among its own.
    assert states[again].finding is None
    days = days_of(EPISODE)
    assert states[-1].finding == check_decay(
        days[:14], days[again + 15 :], threshold=731, min_increase=0.05
    )


def test_a_second_decay_is_another_episode() -> None:
    found = watch([*EPISODE, *(one + 0.3 for one in quiet(12))])
    assert found.phase == "decayed"
    assert len(found.episodes) == 2
    assert found.decay == found.episodes[1]
    first, second = found.episodes
    assert first.recovered is not None
    assert first.alarm < first.recovered < second.since <= second.alarm
    assert second.recovered is None


def test_a_decay_lasts_until_seven_days_after_it() -> None:
    """However good they are: a week has all its weekdays."""
    bad = EPISODE[:66]
    assert watch(bad).phase == "decayed"
    alarm = watch(bad).episodes[0].alarm
    good = [*bad, *[0.5] * 10]
    for count in range(len(bad), len(good) + 1):
        days_after = (MONDAY + timedelta(days=count - 1) - alarm).days
        if days_after < RECOVERY_DAYS:
            assert watch(good[:count]).phase == "decayed"
    assert watch(good).phase == "steady"


def test_a_loss_that_stays_worse_is_one_episode() -> None:
    found = watch([*quiet(40), *(one + 0.2 for one in quiet(300))])
    assert found.phase == "decayed"
    assert len(found.episodes) == 1


def test_the_order_repetitions_and_invalid_days_do_not_matter() -> None:
    days = days_of(EPISODE)
    wanted = watch_state(days, RULES)
    mixed = [*days, dataclasses.replace(days[70], loss=9.0)]
    mixed += [dataclasses.replace(days[-1], day=MONDAY + timedelta(days=500), loss=math.nan)]
    assert watch_state(mixed, RULES) == wanted
    random.Random(1).shuffle(days)
    assert watch_state(days, RULES) == wanted


def test_missing_days_are_no_evidence() -> None:
    days = [day for place, day in enumerate(days_of(EPISODE)) if place % 9]
    assert [decay.recovered is not None for decay in watch_state(days, RULES).episodes] == [True]


@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_what_was_found_does_not_change_with_later_days(
    seed: int, weekly: bool, later: int
) -> None:
    rng = random.Random(seed)
    losses = [1 + rng.gauss(0, 0.1) + 0.4 * (place // 30 % 2) for place in range(130)]
    days = [dataclasses.replace(day, n=float(rng.randint(1, 1_000))) for day in days_of(losses)]
    rules = DecayRules(weekly=weekly, days_per_false_alarm=100)
    before, after = watch_state(days[:-later], rules), watch_state(days, rules)
    assert after.reference == before.reference
    for old, new in zip(before.episodes, after.episodes, strict=False):
        assert new in (old, dataclasses.replace(old, recovered=new.recovered))
        assert old.recovered in (None, new.recovered)
    assert len(after.episodes) >= len(before.episodes)
    shorter = watch_state(days[:-later], rules)
    assert shorter == before


any_number = st.floats() | st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324, math.inf, math.nan])
any_day = st.builds(
    DayLoss,
    st.integers(0, 60).map(lambda place: MONDAY + timedelta(days=place)),
    any_number,
    any_number,
    any_number,
)
any_rules = st.builds(DecayRules, st.integers(-1, 30), any_number, any_number, st.booleans())


@given(st.lists(any_day, max_size=60), any_rules)
@settings(max_examples=200, deadline=None)
def test_it_is_total(days: list[DayLoss], rules: DecayRules) -> None:
    found = watch_state(days, rules)
    assert (found.decay is not None) == (found.phase == "decayed")
    assert all(decay.recovered is not None for decay in found.episodes[:-1])
