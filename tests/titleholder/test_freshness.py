from datetime import UTC, datetime, timedelta

import pytest

from titleholder.data_intervals import Interval
from titleholder.freshness import (
    Coverage,
    FreshnessState,
    Metadata,
    Rule,
    check_coverage,
    check_metadata,
)

END = datetime(2026, 11, 16, 3, tzinfo=UTC)
WEEK = Interval(END - timedelta(days=7), END)
RULE = Rule(
    table="p.d.t",
    timestamp="measured_at",
    warn_after=timedelta(hours=6),
    error_after=timedelta(hours=24),
    timeout=timedelta(hours=12),
    min_rows=500,
)
ON_TIME = END + timedelta(minutes=1)
BEFORE = WEEK.start - timedelta(days=1)
TOO_LATE = END + RULE.timeout


def coverage_of(
    rows: int = 2000, before_end: float = 0.5, later: int = 0, nulls: int = 0, future: int = 0
) -> Coverage:
    last = END - timedelta(hours=before_end) if rows else None
    return Coverage(rows=rows, last=last, later=later, nulls=nulls, future=future)


@pytest.mark.parametrize(
    ("coverage", "state", "message"),
    [
        (coverage_of(), FreshnessState.FRESH, "covers"),
        (coverage_of(before_end=6), FreshnessState.FRESH, "covers"),
        (coverage_of(before_end=6.1), FreshnessState.WARN, "training goes on with 2000 rows"),
        (coverage_of(before_end=24), FreshnessState.WARN, "24.0 h before"),
        (coverage_of(before_end=24.1), FreshnessState.STALE, "waiting until 2026-11-16 15:00 UTC"),
        (coverage_of(rows=499), FreshnessState.STALE, "fewer than min_rows 500"),
        (coverage_of(rows=0), FreshnessState.STALE, "no row in"),
        (coverage_of(rows=0, later=7), FreshnessState.EMPTY, "though 7 rows after it"),
        (coverage_of(nulls=1), FreshnessState.UNKNOWN, "is NULL in 1 rows"),
        (coverage_of(future=3), FreshnessState.UNKNOWN, "later than now in 3 rows"),
        (coverage_of(rows=0, nulls=2, future=3), FreshnessState.UNKNOWN, "NULL"),
    ],
)
def test_the_freshness_of_a_coverage(
    coverage: Coverage, state: FreshnessState, message: str
) -> None:
    finding = check_coverage(RULE, coverage, WEEK, ON_TIME)
    assert finding.state is state
    assert message in finding.reason
    assert (finding.wait_until is not None) == (state is FreshnessState.STALE)


def test_a_stale_source_is_waited_for_until_the_timeout() -> None:
    stale = coverage_of(rows=0)
    assert check_coverage(RULE, stale, WEEK, TOO_LATE - timedelta(seconds=1)).wait_until == TOO_LATE
    finding = check_coverage(RULE, stale, WEEK, TOO_LATE)
    assert finding.state is FreshnessState.STALE
    assert finding.wait_until is None
    assert "the wait for it ended" in finding.reason


def test_the_freshness_of_an_old_week_does_not_change() -> None:
    years_later = END + timedelta(days=1000)
    assert check_coverage(RULE, coverage_of(), WEEK, years_later).state is FreshnessState.FRESH


@pytest.mark.parametrize(
    ("metadata", "state"),
    [
        (Metadata(rows=0, modified=ON_TIME, streaming=False), FreshnessState.EMPTY),
        (Metadata(rows=0, modified=ON_TIME, streaming=True), FreshnessState.FRESH),
        (
            Metadata(rows=9, modified=BEFORE, streaming=False),
            FreshnessState.STALE,
        ),
        (
            Metadata(rows=9, modified=BEFORE, streaming=True),
            FreshnessState.FRESH,
        ),
        (Metadata(rows=9, modified=ON_TIME, streaming=False), FreshnessState.FRESH),
        (Metadata(rows=None, modified=None, streaming=False), FreshnessState.FRESH),
    ],
)
def test_metadata_alone_can_only_rule_a_source_out(
    metadata: Metadata, state: FreshnessState
) -> None:
    assert check_metadata(RULE, metadata, WEEK, ON_TIME).state is state
