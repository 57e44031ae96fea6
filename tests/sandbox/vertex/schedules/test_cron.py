"""The times of cron expressions, and which expressions are refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.schedules.cron import parse

MATCHES: dict[str, Callable[[datetime], bool]] = {
    "*/13 * * * *": lambda time: time.minute % 13 == 0,
    "0 */5 * * *": lambda time: time.minute == 0 and time.hour % 5 == 0,
    "59 1-2 * * 0": lambda time: time.minute == 59 and time.hour in (1, 2) and time.weekday() == 6,
    "0 0 1,31 */2 *": lambda time: (
        (time.minute, time.hour) == (0, 0) and time.day in (1, 31) and time.month % 2 == 1
    ),
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def times(text: str, after: str, count: int) -> list[str]:
    found = islice(parse(text).after(at(after)), count)
    return [f"{time:%m-%dT%H:%M}" for time in found]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 3 * * 1", "01-05T03:00", ["01-12T03:00", "01-19T03:00"]),
        ("*/20 3,5 * JAN-mar mon-FRI", "01-09T05:30", ["01-09T05:40", "01-12T03:00"]),
        ("TZ=Europe/Zurich 0 3 * * *", "01-05T00:00", ["01-05T02:00", "01-06T02:00"]),
        ("CRON_TZ=America/New_York 1 * * * *", "01-05T00:01", ["01-05T01:01", "01-05T02:01"]),
        # Day of month or of week, as every cron does if both are given.
        ("0 0 13 * 5", "02-07T00:00", ["02-13T00:00", "02-20T00:00"]),
        # The clocks of New York go forward at 02:00 on March 8, and back at 02:00 on November 1.
        ("TZ=America/New_York 30 2 * * *", "03-07T00:00", ["03-07T07:30", "03-09T06:30"]),
        ("TZ=America/New_York 30 1 * * *", "10-31T12:00", ["11-01T05:30", "11-01T06:30"]),
        (
            *("TZ=America/New_York */30 1 * * *", "11-01T05:30"),
            ["11-01T06:00", "11-01T06:30", "11-02T06:00"],
        ),
        ("TZ=America/New_York 0 * * * *", "11-01T05:00", ["11-01T06:00", "11-01T07:00"]),
        ("TZ=Australia/Lord_Howe 45 1 * * *", "04-04T14:00", ["04-04T14:45", "04-04T15:15"]),
    ],
)
def test_times(text: str, after: str, expected: list[str]) -> None:
    assert times(text, after, len(expected)) == expected


@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    fields=st.sampled_from(sorted(MATCHES)),
    minutes=st.integers(0, 400 * 24 * 60),
)
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
def test_the_times_are_all_minutes_whose_local_time_matches(
    zone: str, fields: str, minutes: int
) -> None:
    cron = parse(f"TZ={zone} {fields}")
    start = at("01-01T00:00") + timedelta(minutes=minutes)
    end = start + timedelta(hours=30)
    expected = [
        time
        for time in (start + timedelta(minutes=n) for n in range(1, 30 * 60 + 1))
        if MATCHES[fields](time.astimezone(cron.zone))
    ]
    assert list(takewhile(lambda time: time <= end, cron.after(start))) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a cron"),
        ("0 3 * *", "not a cron"),
        ("0 0 3 * * *", "not a cron"),
        ("@daily", "not a cron"),
        ("H 3 * * *", "not a cron"),
        ("0 3 L * *", "not a cron"),
        ("0 3 * * 1#2", "not a cron"),
        ("61 3 * * *", "not a cron"),
        ("0 3 * * foo", "not a cron"),
        ("5-1/0 3 * * *", "not a cron"),
        ("0 0 30 2 *", "never comes"),
        ("TZ=Mars/Base 0 3 * * *", "time zone"),
        ("TZ=../../etc/passwd 0 3 * * *", "time zone"),
        ("TZ=America 0 3 * * *", "time zone"),
        ("TZ= 0 3 * * *", "not a cron"),
        ("ZONE=UTC 0 3 * * *", "not a cron"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        parse(text)


def test_the_calendar_ends() -> None:
    last = datetime(9999, 12, 30, tzinfo=UTC)
    assert len(list(parse("0 12 * * *").after(last))) <= 2
