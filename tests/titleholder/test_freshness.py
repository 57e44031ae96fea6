from datetime import UTC, datetime, timedelta

import pytest

from titleholder.freshness import Coverage, Metadata, Outcome, Rule, judge, judge_metadata
from titleholder.intervals import Interval

END = datetime(2026, 11, 16, 3, tzinfo=UTC)
WEEK = Interval(END - timedelta(days=7), END)
RULE = Rule(
    table="p.d.t",
    timestamp="measured_at",
    warn_after=timedelta(hours=6),
    error_after=timedelta(hours=24),
    wait=timedelta(hours=12),
    min_rows=500,
)
ON_TIME = END + timedelta(minutes=1)
TOO_LATE = END + RULE.wait


def coverage_of(
    rows: int = 2000, before_end: float = 0.5, later: int = 0, nulls: int = 0, future: int = 0
) -> Coverage:
    last = END - timedelta(hours=before_end) if rows else None
    return Coverage(rows=rows, last=last, later=later, nulls=nulls, future=future)


@pytest.mark.parametrize(
    ("coverage", "outcome", "says"),
    [
        (coverage_of(), Outcome.FRESH, "covers"),
        (coverage_of(before_end=6), Outcome.FRESH, "covers"),
        (coverage_of(before_end=6.1), Outcome.WARN, "training goes on with 2000 rows"),
        (coverage_of(before_end=24), Outcome.WARN, "24.0 h before"),
        (coverage_of(before_end=24.1), Outcome.STALE, "waiting until 2026-11-16 15:00 UTC"),
        (coverage_of(rows=499), Outcome.STALE, "fewer than min_rows 500"),
        (coverage_of(rows=0), Outcome.STALE, "no row in"),
        (coverage_of(rows=0, later=7), Outcome.EMPTY, "though 7 rows after it"),
        (coverage_of(nulls=1), Outcome.UNKNOWN, "is NULL in 1 rows"),
        (coverage_of(future=3), Outcome.UNKNOWN, "later than now in 3 rows"),
        (coverage_of(rows=0, nulls=2, future=3), Outcome.UNKNOWN, "NULL"),
    ],
)
def test_outcomes(coverage: Coverage, outcome: Outcome, message: str) -> None:
    finding = judge(RULE, coverage, WEEK, ON_TIME)
    assert finding.outcome is outcome
    assert message in finding.sentence
    assert (finding.wait_until is not None) == (outcome is Outcome.STALE)


def test_stale_is_waited_for_until_the_deadline_and_not_longer() -> None:
    stale = coverage_of(rows=0)
    assert judge(RULE, stale, WEEK, TOO_LATE - timedelta(seconds=1)).wait_until == TOO_LATE
    finding = judge(RULE, stale, WEEK, TOO_LATE)
    assert finding.outcome is Outcome.STALE
    assert finding.wait_until is None
    assert "the wait for it ended" in finding.sentence


def test_an_old_week_is_judged_as_it_was_then() -> None:
    years_later = END + timedelta(days=1000)
    assert judge(RULE, coverage_of(), WEEK, years_later).outcome is Outcome.FRESH


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        (Metadata(rows=0, modified=ON_TIME, streaming=False), Outcome.EMPTY),
        (Metadata(rows=0, modified=ON_TIME, streaming=True), Outcome.FRESH),
        (Metadata(rows=9, modified=WEEK.start - timedelta(days=1), streaming=False), Outcome.STALE),
        (Metadata(rows=9, modified=WEEK.start - timedelta(days=1), streaming=True), Outcome.FRESH),
        (Metadata(rows=9, modified=ON_TIME, streaming=False), Outcome.FRESH),
        (Metadata(rows=None, modified=None, streaming=False), Outcome.FRESH),
    ],
)
def test_free_metadata_can_only_condemn(metadata: Metadata, outcome: Outcome) -> None:
    assert judge_metadata(RULE, metadata, WEEK, ON_TIME).outcome is outcome
