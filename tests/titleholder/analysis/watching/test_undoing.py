"""When a previous champion returns."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.trailing_windows import DifferenceStats
from titleholder.analysis.watching.undoing import compare_previous, kept_because
from titleholder.config.duel import Duel
from titleholder.events.event import Action, Event

DUEL = Duel(target="y", loss="absolute", min_rows=100, alpha=0.05)


def test_better_with_enough_rows_only() -> None:
    day = DifferenceStats(60, 1.0, 1.0)
    few = compare_previous([day], DUEL, 0)
    assert not few.better
    assert few.reason == "60 rows since the decay was found, fewer than duel.min_rows"
    found = compare_previous([day, day], DUEL, 0)
    assert found.better
    assert found.n == 120
    assert found.low is not None
    assert 0 < found.low < 1.0
    assert not compare_previous([DifferenceStats(500, -1.0, 1.0)], DUEL, 0).better
    assert not compare_previous([DifferenceStats(500, 0.01, 1.0)], DUEL, 0).better


@pytest.mark.parametrize(
    "days",
    [
        [],
        [DifferenceStats(200, float("nan"), 1.0)],
        [DifferenceStats(200, 1.0, float("inf"))],
        [DifferenceStats(float("nan"), 1.0, 1.0)],
        # A constant difference is no evidence: the same prediction for every row, for example.
        [DifferenceStats(200, 1.0, 0.0)],
    ],
)
def test_no_evidence_is_never_better(days: list[DifferenceStats]) -> None:
    assert not compare_previous(days, DUEL, 0).better


def test_invalid_predictions_are_never_better() -> None:
    day = DifferenceStats(500, 1.0, 1.0)
    assert not compare_previous([day], DUEL, 1).better
    assert not compare_previous([day], DUEL, float("nan")).better


@given(
    st.lists(
        st.builds(DifferenceStats, st.floats(), st.floats(), st.floats(min_value=0)), max_size=4
    )
)
def test_total(days: list[DifferenceStats]) -> None:
    compare_previous(days, DUEL, 0)


def test_an_equal_model_returns_seldom_however_often_it_is_compared() -> None:
    rng, returned, trials = np.random.default_rng(5), 0, 300
    for _ in range(trials):
        days = []
        for _ in range(60):
            values = rng.standard_normal(50)
            days.append(DifferenceStats(50, float(values.mean()), float(values.var(ddof=1))))
            if compare_previous(days, DUEL, 0).better:
                returned += 1
                break
    # At most alpha; three standard errors above it would be 8.8 %.
    assert returned / trials < 0.088


ALARM = date(2026, 11, 20)


def undone(before: str | None, after: str, day: int) -> Event:
    return Event(
        id=f"undo_promotion-{day}",
        time=datetime(2026, 11, day, 5, tzinfo=UTC),
        model="m1",
        action=Action.UNDO_PROMOTION,
        reason="",
        endpoint="e",
        champion_before=before,
        champion_after=after,
    )


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        ([], ""),
        # Of another champion, or before this decay was found.
        ([undone("31", "41", 22)], ""),
        ([undone("21", "11", 19)], ""),
        # By a person or by Airflow; the champion has its role again by any way.
        ([undone("21", "11", 22)], "a promotion was undone 2026-11-22 05:00 UTC, since the decay"),
        # It returned itself, in spite of its decay.
        ([undone("11", "22", 22)], "a promotion was undone 2026-11-22 05:00 UTC, since the decay"),
        # A reconstructed event has no champion before it.
        ([undone(None, "22", 22)], "a promotion was undone 2026-11-22 05:00 UTC, since the decay"),
    ],
)
def test_a_promotion_is_undone_once_for_a_decay(events: list[Event], kept: str) -> None:
    found = kept_because(events, ("21", "22"), ALARM, False)
    assert found.startswith(kept)
    assert bool(found) == bool(kept)


def test_a_backfill_undoes_no_promotion() -> None:
    assert "backfill" in kept_because([], ("21",), ALARM, True)
