"""Whether a table covers a run's interval: evidence in, one of five outcomes out. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from titleholder.intervals import Interval

# Clocks differ a little, and rows go on coming while the query runs.
FUTURE_TOLERANCE = timedelta(hours=1)


class Outcome(StrEnum):
    """What the evidence says, and what the task does about it."""

    FRESH = "fresh"  # train
    WARN = "warn"  # train, and flag it
    STALE = "stale"  # wait until the deadline, then fail
    EMPTY = "empty"  # fail: waiting will not help
    UNKNOWN = "unknown"  # fail closed: the evidence cannot be had or cannot be right


@dataclass(frozen=True)
class Rule:
    """The model's demands, from its YAML file."""

    table: str
    timestamp: str
    warn_after: timedelta
    error_after: timedelta
    wait: timedelta
    min_rows: int


@dataclass(frozen=True)
class Metadata:
    """What the free `tables.get` tells. `rows` is None for a view, which has no count."""

    rows: int | None
    modified: datetime | None
    streaming: bool


@dataclass(frozen=True)
class Coverage:
    """What one pruned query tells: rows inside the interval, rows in the interval after it, rows
    without a timestamp, rows more than FUTURE_TOLERANCE later than now; the last timestamp
    inside."""

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
    """The outcome, why, and until when a stale source is waited for (None: do not wait)."""

    outcome: Outcome
    sentence: str
    wait_until: datetime | None = None


def judge_metadata(rule: Rule, metadata: Metadata, interval: Interval, now: datetime) -> Finding:
    """What is known without paying for a query; FRESH only means that a query is worth it.

    A change after the interval does not prove that rows came, so metadata can only condemn.
    """
    if metadata.rows == 0 and not metadata.streaming:
        return Finding(
            Outcome.EMPTY,
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
    return Finding(Outcome.FRESH, f"{rule.table} may cover {interval}")


def judge(rule: Rule, coverage: Coverage, interval: Interval, now: datetime) -> Finding:
    """Whether the rows cover the interval: the newest one may lie `warn_after` before its end.

    The lateness is measured at the interval's end, never at `now`, so that a backfill of an old
    week is judged as that week was.
    """
    where = f"{rule.table}.{rule.timestamp}"
    if coverage.nulls:
        return Finding(
            Outcome.UNKNOWN,
            f"{where} is NULL in {coverage.nulls} rows, so nobody can say to which interval they "
            "belong; give them a time or delete them, then clear this task",
        )
    if coverage.future:
        return Finding(
            Outcome.UNKNOWN,
            f"{where} is later than now in {coverage.future} rows, so the newest row says nothing; "
            "mend the clock or time zone of whoever writes them, then clear this task",
        )
    if coverage.last is None or not coverage.rows:
        if coverage.later:
            return Finding(
                Outcome.EMPTY,
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
            Outcome.WARN,
            f"{rule.table} covers {interval} late: {newest}, {_hours(gap)} before its end, "
            f"more than warn_after {_hours(rule.warn_after)}; training goes on with "
            f"{coverage.rows} rows",
        )
    return Finding(
        Outcome.FRESH, f"{rule.table} covers {interval} with {coverage.rows} rows, {newest}"
    )


def _stale(rule: Rule, interval: Interval, now: datetime, fact: str) -> Finding:
    deadline = interval.end + rule.wait
    if now < deadline:
        return Finding(
            Outcome.STALE, f"{fact}; waiting until {deadline:%Y-%m-%d %H:%M} UTC", deadline
        )
    return Finding(
        Outcome.STALE,
        f"{fact}, and the wait for it ended {deadline:%Y-%m-%d %H:%M} UTC; load the rows, then "
        "clear this task",
    )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"
