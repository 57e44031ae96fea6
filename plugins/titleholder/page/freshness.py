"""The freshness of the newest data interval, from the events. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.data_intervals import Interval, last_complete
from titleholder.events.event import Event


@dataclass(frozen=True)
class IntervalFreshness:
    """The newest interval that has an event: its freshness (`outcome`, "" if it was not recorded),
    the reason, and the dag run. `overdue` is a newer interval that has ended, if any."""

    interval: Interval | None
    outcome: str
    reason: str
    run: str
    overdue: Interval | None


def newest_freshness(schedule: str, events: Sequence[Event], now: datetime) -> IntervalFreshness:
    """By the events of one model, oldest first; `schedule` is the cron of its weekly DAG."""
    intervals = [
        (Interval(event.interval_start, event.interval_end), event)
        for event in events
        if event.interval_start and event.interval_end
    ]
    newest = max((interval.end for interval, _ in intervals), default=None)
    due = last_complete(schedule, now)
    overdue = due if newest is None or newest < due.end else None
    candidates = [one for one in intervals if one[0].end == newest]
    # A later event of the same interval may lack the evidence.
    complete = [one for one in candidates if isinstance(one[1].evidence.get("freshness"), dict)]
    if not candidates:
        return IntervalFreshness(None, "", "", "", overdue)
    interval, event = (complete or candidates)[-1]
    freshness = event.evidence["freshness"] if complete else {}
    return IntervalFreshness(
        interval,
        str(freshness.get("outcome") or ""),
        str(freshness.get("reason") or ""),
        event.run,
        overdue,
    )
