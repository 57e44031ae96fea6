"""When a schedule starts its next run, and when it ends. No I/O, no clock.

Source: google/cloud/aiplatform/v1/schedule.proto and schedule_service.proto. `next_run_time` is the
only memory: while it is in the past, runs are behind schedule (queued, or missed in a pause).
"""

from datetime import datetime, timedelta
from enum import Enum
from itertools import takewhile
from typing import Any, Final

from google.cloud.aiplatform_v1.types import Schedule

from sandbox.vertex.schedules import cron

MOST_MISSED: Final = 100
"""The number of due runs that a schedule keeps; of more, the oldest are left out."""
_State: Any = Schedule.State


class Action(Enum):
    """What a schedule does at a time."""

    NONE = "nothing is due"
    START = "start the run of next_run_time"
    SKIP = "leave out the runs that are due"
    WAIT = "keep the runs that are due until a job ends"
    COMPLETE = "end"


def action(schedule: Any, now: datetime, active: int) -> Action:
    """What the schedule does now; `active` is the number of its jobs that have not ended."""
    if schedule.state == _State.COMPLETED:
        return Action.NONE
    if schedule.max_run_count and schedule.started_run_count >= schedule.max_run_count:
        return Action.COMPLETE
    due = schedule.next_run_time
    if schedule.state == _State.PAUSED or not due or due > now:
        # Runs that are queued at the end still start: next_run_time is before the end.
        ended = bool(schedule.end_time) and now >= schedule.end_time
        return Action.COMPLETE if ended else Action.NONE
    limit = schedule.max_concurrent_active_run_count
    if not limit or active < limit:
        return Action.START
    return Action.WAIT if schedule.allow_queueing or _is_backfill(schedule, due) else Action.SKIP


def attention(schedule: Any) -> datetime | None:
    """The time of the next `action` that is not NONE; None if there is none."""
    if schedule.state == _State.COMPLETED:
        return None
    times = [schedule.end_time]
    if schedule.state == _State.ACTIVE:
        times.append(schedule.next_run_time)
    return min((time for time in times if time), default=None)


def move_on(schedule: Any, after: datetime) -> None:
    """Set `next_run_time` to the first run later than `after`, or unset it if there is none.

    A run is later than `start_time` ("after which the first run can be scheduled"), and not later
    than `end_time` ("after which no new runs").
    """
    after = max(after, schedule.start_time)
    following = next(cron.parse(schedule.cron).after(after), None)
    if following and schedule.end_time and following > schedule.end_time:
        following = None
    schedule.next_run_time = following


def complete(schedule: Any) -> None:
    """End the schedule."""
    schedule.state = _State.COMPLETED
    schedule.next_run_time = None


def leave_out_oldest(schedule: Any, now: datetime) -> bool:
    """Move `next_run_time` so that at most MOST_MISSED runs are due; whether it was moved."""
    due = schedule.next_run_time
    times = cron.parse(schedule.cron)
    end = min(now, schedule.end_time) if schedule.end_time else now
    span = timedelta(minutes=MOST_MISSED)
    while True:
        # A window that ends now: every time since `due` would be far too many.
        start = max(due, end - span)
        recent = list(takewhile(lambda time: time <= end, times.after(start)))
        if len(recent) >= MOST_MISSED:
            schedule.next_run_time = recent[-MOST_MISSED]
            return True
        if start == due:
            return False
        span *= 2


def _is_backfill(schedule: Any, due: datetime) -> bool:
    resumed = schedule.last_resume_time
    return bool(schedule.catch_up and resumed and due <= resumed)
