"""Data intervals: half-open spans of time, and the last complete one of a cron schedule."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Interval:
    """[start, end), both aware and in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def last_complete(cron: str, at: datetime) -> Interval:
    """The newest interval between two fire times of `cron` that had ended by `at`.

    The same that Airflow's CronDataIntervalTimetable gives a manual run; a run triggered without
    a logical date has no interval in its context.
    """
    from croniter import croniter

    # get_prev is exclusive: a run exactly at a fire time sees the interval that ends there.
    fires = croniter(cron, at.astimezone(UTC) + timedelta(microseconds=1))
    end: datetime = fires.get_prev(datetime)
    return Interval(fires.get_prev(datetime), end)


def period_at(cron: str, at: datetime) -> timedelta:
    """How long it is from the last fire time of `cron` that was not after `at` to the next."""
    from croniter import croniter

    begun = last_complete(cron, at).end
    end: datetime = croniter(cron, begun).get_next(datetime)
    return end - begun
