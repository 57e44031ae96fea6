"""What a schedule does at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud.aiplatform_v1.types import Schedule

from sandbox.vertex.schedules import timetable
from sandbox.vertex.schedules.timetable import MOST_MISSED, Action

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def schedule(**fields: Any) -> Any:
    values = {
        "cron": "0 * * * *",
        "state": Schedule.State.ACTIVE,
        "start_time": START,
        "next_run_time": START + HOUR,
        **fields,
    }
    return Schedule(**values)


LIMITED = {"max_concurrent_active_run_count": 2}
BACKFILL = {"catch_up": True, "last_resume_time": START + 2 * HOUR}


@pytest.mark.parametrize(
    ("fields", "hours", "active", "expected"),
    [
        ({}, 0.9, 0, Action.NONE),
        ({}, 1, 0, Action.START),
        ({}, 1, 99, Action.START),
        (LIMITED, 1, 1, Action.START),
        (LIMITED, 1, 2, Action.SKIP),
        (LIMITED | {"allow_queueing": True}, 1, 2, Action.WAIT),
        # Missed runs are not skipped, and later ones are.
        (LIMITED | BACKFILL, 5, 2, Action.WAIT),
        (LIMITED | BACKFILL | {"next_run_time": START + 3 * HOUR}, 5, 2, Action.SKIP),
        (LIMITED | BACKFILL | {"catch_up": False}, 5, 2, Action.SKIP),
        ({"max_run_count": 3, "started_run_count": 2}, 1, 0, Action.START),
        ({"max_run_count": 3, "started_run_count": 3}, 0, 0, Action.COMPLETE),
        # A run at the end, or queued before it, still starts.
        ({"end_time": START + HOUR}, 1, 0, Action.START),
        ({"end_time": START + HOUR}, 9, 0, Action.START),
        ({"end_time": START + HOUR, "next_run_time": None}, 0.9, 0, Action.NONE),
        ({"end_time": START + HOUR, "next_run_time": None}, 1, 0, Action.COMPLETE),
        ({"state": Schedule.State.PAUSED}, 9, 0, Action.NONE),
        ({"state": Schedule.State.PAUSED, "end_time": START + HOUR}, 1, 0, Action.COMPLETE),
        ({"state": Schedule.State.COMPLETED}, 9, 0, Action.NONE),
    ],
)
def test_action(fields: dict[str, Any], hours: float, active: int, expected: Action) -> None:
    found = schedule(**fields)
    now = START + hours * HOUR
    assert timetable.action(found, now, active) == expected
    if expected != Action.NONE:
        # Otherwise there is no call that would ask.
        reached = timetable.attention(found)
        assert expected == Action.COMPLETE or (reached and reached <= now)


def test_the_next_run_is_between_start_and_end() -> None:
    found = schedule(start_time=START + 5 * HOUR, end_time=START + 7 * HOUR)
    after, times = START, []
    while True:
        timetable.move_on(found, after)
        if not found.next_run_time:
            break
        after = found.next_run_time
        times.append((after - START) / HOUR)
    assert times == [6, 7]
    assert timetable.attention(found) == found.end_time
    timetable.complete(found)
    assert timetable.attention(found) is None


@pytest.mark.parametrize("cron", ["* * * * *", "0 * * * *", "0 9-17 * * 1-5", "0 0 1 * *"])
@pytest.mark.parametrize("days", [0, 1, 4, 365, 365 * 30])
def test_of_many_due_runs_the_newest_are_kept(cron: str, days: int) -> None:
    found = schedule(cron=cron)
    timetable.move_on(found, START)
    first = found.next_run_time
    now = first + timedelta(days=days)
    timetable.leave_out_oldest(found, now)
    kept = 0
    due = found.next_run_time
    while found.next_run_time <= now:
        kept += 1
        timetable.move_on(found, found.next_run_time)
    assert 1 <= kept <= MOST_MISSED
    assert kept == MOST_MISSED or due == first
