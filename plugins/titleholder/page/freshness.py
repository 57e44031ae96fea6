"""How fresh the source was for the newest interval, as the events tell it. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.events.event import Event
from titleholder.intervals import Interval, last_complete


@dataclass(frozen=True)
class SourceWeek:
    """The newest interval whose run came to the endpoint: its freshness (`outcome`, "" when that
    was not recorded), why, and the dag run. `overdue` says that a newer one has ended, else ""."""

    interval: Interval | None
    outcome: str
    reason: str
    run: str
    overdue: str


def newest_week(schedule: str, events: Sequence[Event], now: datetime) -> SourceWeek:
    """By the events of one model, oldest first; `schedule` is the cron of its weekly DAG."""
    told = [event for event in events if event.interval_start and event.interval_end]
    newest = max((e.interval_end for e in told if e.interval_end), default=None)
    due = last_complete(schedule, now)
    overdue = ""
    if newest is None or newest < due.end:
        overdue = (
            f"The interval {due} has ended and nothing has come of it so far: its run waits for "
            "the source, trains, failed, or stayed under the gate."
        )
    # A later telling of the same interval may lack the evidence.
    last = [e for e in told if e.interval_end == newest]
    event = next((e for e in reversed(last) if isinstance(e.evidence.get("freshness"), dict)), None)
    event = event or (last[-1] if last else None)
    if event is None or event.interval_start is None or event.interval_end is None:
        return SourceWeek(None, "", "", "", overdue)
    fresh = event.evidence.get("freshness")
    found = fresh if isinstance(fresh, dict) else {}
    return SourceWeek(
        Interval(event.interval_start, event.interval_end),
        str(found.get("outcome") or ""),
        str(found.get("reason") or ""),
        event.run,
        overdue,
    )
