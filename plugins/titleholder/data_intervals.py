"""Data intervals: half-open spans of time, and the last complete one of a cron schedule."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Interval:
    """[start, end), both aware and in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """The length of the interval."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def last_complete(cron: str, at: datetime) -> Interval:
    """The newest interval between two fire times of `cron` that had ended by `at`.

    Airflow's CronDataIntervalTimetable gives a manual run the same interval; a run triggered
    without a logical date has none in its context.
    """
    from croniter import croniter

    # get_prev is exclusive: a run exactly at a fire time sees the interval that ends there.
    fires = croniter(cron, at.astimezone(UTC) + timedelta(microseconds=1))
    end: datetime = fires.get_prev(datetime)
    return Interval(fires.get_prev(datetime), end)


def period_at(cron: str, at: datetime) -> timedelta:
    """The time between the last fire time of `cron` at or before `at` and the next one."""
    start = last_complete(cron, at).end
    return next_fire(cron, start) - start


def period_until(cron: str, end: datetime) -> Interval:
    """The span of time that ends at `end` and is as long as the period of `cron` around it; at a
    fire time the interval of `cron` that ends there."""
    end = end.astimezone(UTC)
    complete = last_complete(cron, end)
    if complete.end == end:
        return complete
    return Interval(end - period_at(cron, end), end)


def next_fire(cron: str, at: datetime) -> datetime:
    """The first fire time of `cron` after `at`, in UTC."""
    from croniter import croniter

    found: datetime = croniter(cron, at.astimezone(UTC)).get_next(datetime)
    return found


def fires_between(cron: str, start: datetime, end: datetime) -> list[datetime]:
    """The fire times of `cron` after `start` and until `end`, in UTC."""
    from croniter import croniter

    later = croniter(cron, start.astimezone(UTC)).all_next(datetime)
    return list(itertools.takewhile(lambda fire: fire <= end, later))
