"""Freshness: whether a source table covers the data interval of a run. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from titleholder.data_intervals import Interval

# Clocks differ a little, and rows arrive while the query runs.
FUTURE_TOLERANCE = timedelta(hours=1)


class FreshnessState(StrEnum):
    """The freshness of a source, and what the task does then."""

    FRESH = "fresh"  # train
    WARN = "warn"  # train, and flag it
    STALE = "stale"  # wait until the timeout, then fail
    EMPTY = "empty"  # fail: waiting does not help
    UNKNOWN = "unknown"  # fail: the coverage cannot be read or cannot be correct


@dataclass(frozen=True)
class Rule:
    """The limits of the model's YAML file (`source.freshness`)."""

    table: str
    timestamp: str
    warn_after: timedelta
    error_after: timedelta
    timeout: timedelta
    min_rows: int


@dataclass(frozen=True)
class Metadata:
    """The metadata of `tables.get`, free of charge. `rows` is None for a view; `columns` are names
    and BigQuery types."""

    rows: int | None
    modified: datetime | None
    streaming: bool
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Coverage:
    """The result of one query: rows and last timestamp in the interval, rows in the interval after
    it (`later`), rows without a timestamp, and rows more than FUTURE_TOLERANCE after now."""

    rows: int
    last: datetime | None
    later: int
    nulls: int
    future: int

    def __str__(self) -> str:
        newest = f", the newest of {self.last:%Y-%m-%d %H:%M} UTC" if self.last else ""
        return (
            f"{self.rows} rows in the interval{newest}; {self.later} in the one after it, "
            f"{self.nulls} without a time, {self.future} later than now"
        )


@dataclass(frozen=True)
class Finding:
    """The freshness with its reason; `wait_until` is None unless a stale source is waited for."""

    state: FreshnessState
    reason: str
    wait_until: datetime | None = None


def check_metadata(rule: Rule, metadata: Metadata, interval: Interval, now: datetime) -> Finding:
    """The freshness that metadata alone shows; FRESH means that a query is needed.

    A change after the interval does not prove that rows arrived, so metadata can only rule a
    source out.
    """
    if metadata.rows == 0 and not metadata.streaming:
        return Finding(
            FreshnessState.EMPTY,
            f"{rule.table} has no rows at all; find out why its load left it empty",
        )
    changed = None if metadata.streaming else metadata.modified
    if changed is not None and changed < interval.start:
        return _stale(
            rule,
            interval,
            now,
            f"{rule.table} was last changed {changed:%Y-%m-%d %H:%M} UTC, before the interval "
            f"{interval} began",
        )
    return Finding(FreshnessState.FRESH, f"{rule.table} may cover {interval}")


def check_coverage(rule: Rule, coverage: Coverage, interval: Interval, now: datetime) -> Finding:
    """Whether the rows cover the interval: the newest may be `warn_after` before its end.

    Lateness is measured at the interval's end, never at `now`, so that a backfill of an old week
    has the same result as that week had.
    """
    where = f"{rule.table}.{rule.timestamp}"
    if coverage.nulls:
        return Finding(
            FreshnessState.UNKNOWN,
            f"{where} is NULL in {coverage.nulls} rows, so their interval is unknown; "
            "give them a time or delete them, then clear this task",
        )
    if coverage.future:
        return Finding(
            FreshnessState.UNKNOWN,
            f"{where} is later than now in {coverage.future} rows, so the newest row says nothing; "
            "correct the clock or time zone of their source, then clear this task",
        )
    if coverage.last is None or not coverage.rows:
        if coverage.later:
            return Finding(
                FreshnessState.EMPTY,
                f"{rule.table} has no row in {interval}, though {coverage.later} rows after it; "
                "load the missing interval, then clear this task",
            )
        return _stale(rule, interval, now, f"{rule.table} has no row in {interval} yet")
    gap = interval.end - coverage.last
    newest = f"the newest row is of {coverage.last:%Y-%m-%d %H:%M} UTC"
    if gap > rule.error_after:
        return _stale(
            rule,
            interval,
            now,
            f"{rule.table} does not cover {interval}: {newest}, {_hours(gap)} before its end",
        )
    if coverage.rows < rule.min_rows:
        return _stale(
            rule,
            interval,
            now,
            f"{rule.table} has {coverage.rows} rows in {interval}, fewer than min_rows "
            f"{rule.min_rows}",
        )
    if gap > rule.warn_after:
        return Finding(
            FreshnessState.WARN,
            f"{rule.table} covers {interval} late: {newest}, {_hours(gap)} before its end, "
            f"more than warn_after {_hours(rule.warn_after)}; training goes on with "
            f"{coverage.rows} rows",
        )
    return Finding(
        FreshnessState.FRESH, f"{rule.table} covers {interval} with {coverage.rows} rows, {newest}"
    )


def _stale(rule: Rule, interval: Interval, now: datetime, fact: str) -> Finding:
    deadline = interval.end + rule.timeout
    if now < deadline:
        return Finding(
            FreshnessState.STALE, f"{fact}; waiting until {deadline:%Y-%m-%d %H:%M} UTC", deadline
        )
    return Finding(
        FreshnessState.STALE,
        f"{fact}, and the wait for it ended {deadline:%Y-%m-%d %H:%M} UTC; load the rows, then "
        "clear this task",
    )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
