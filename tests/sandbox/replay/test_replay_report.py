"""The table at the end of `make run WEEKS=8`, from events as a rollout writes them."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.replay.replay import Week
from sandbox.replay.replay_report import print_replay, replay_rows
from sandbox.terminal import Terminal
from titleholder.events.event import Action, Event

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
MONDAY = datetime(2026, 10, 5, 3, tzinfo=UTC)
IDS = [f"29852820{week}0" for week in range(6)]
VERSIONS = {name: f"linnerud@{number}" for number, name in enumerate(IDS, start=1)}


def event(action: Action, time: datetime, before: Any, after: Any, **more: Any) -> Event:
    """`before` and `after` are the numbers of champion and challenger."""
    names = [None if number is None else IDS[number] for number in (*before, *after)]
    return Event(
        id=f"{action}-{time:%Y%m%d%H%M}",
        time=time,
        model="linnerud",
        action=action,
        reason="for a test",
        champion_before=names[0],
        challenger_before=names[1],
        champion_after=names[2],
        challenger_after=names[3],
        versions=VERSIONS,
        **more,
    )


def weekly(action: Action, week: int, before: Any, after: Any) -> Event:
    end = MONDAY + week * WEEK
    return event(
        action, end + timedelta(minutes=week), before, after, interval_start=end - WEEK,
        interval_end=end,
    )  # fmt: skip


def evaluated(week: int, days: int, pair: Any, n: float, estimate: Any, ends: Any) -> Event:
    verdict = {"n": n, "estimate": estimate, "low": ends[0], "high": ends[1]}
    time = MONDAY + week * WEEK + days * DAY
    return event(Action.EVALUATED, time, pair, pair, evidence={"verdict": verdict})


def after(week: int, days: int) -> datetime:
    return MONDAY + week * WEEK + days * DAY + timedelta(minutes=1)


EVENTS = [
    weekly(Action.FIRST_CHAMPION, 0, (None, None), (0, None)),
    weekly(Action.DEPLOY_CHALLENGER, 1, (0, None), (0, 1)),
    evaluated(1, 1, (0, 1), 238, 0.3, (None, None)),
    evaluated(1, 2, (0, 1), 524, 0.15, (0.09, 0.21)),
    event(Action.PROMOTE, after(1, 2), (0, 1), (1, None)),
    weekly(Action.DEPLOY_CHALLENGER, 2, (1, None), (1, 2)),
    evaluated(2, 3, (1, 2), 809, -0.05, (-0.08, -0.02)),
    event(Action.ROLLBACK, after(2, 3), (1, 2), (1, None)),
    weekly(Action.DEPLOY_CHALLENGER, 3, (1, None), (1, 3)),
    evaluated(3, 1, (1, 3), 238, "NaN", (None, None)),
    weekly(Action.REMOVE_CHALLENGER, 4, (1, 3), (1, None)),
    weekly(Action.DEPLOY_CHALLENGER, 4, (1, None), (1, 4)),
    weekly(Action.SUPERSEDED, 5, (1, 4), (1, 4)),
]


def test_each_week_has_a_row() -> None:
    weeks = [Week(MONDAY + number * WEEK, 10.0 + number) for number in range(7)]
    for row, expected in zip(
        replay_rows(weeks, EVENTS),
        (
            "2026-10-05 | linnerud@1 | - | first champion | Mon 2026-10-05 | - | - | - | 10 s",
            "2026-10-12 | linnerud@1 | linnerud@2 | promoted | Wed 2026-10-14 | 2.0 d | 524 | "
            "0.150 (0.090 to 0.210) | 11 s",
            "2026-10-19 | linnerud@2 | linnerud@3 | rolled back | Thu 2026-10-22 | 3.0 d | 809 | "
            "-0.050 (-0.080 to -0.020) | 12 s",
            "2026-10-26 | linnerud@2 | linnerud@4 | replaced | Mon 2026-11-02 | 7.0 d | 238 | - | "
            "13 s",
            "2026-11-02 | linnerud@2 | linnerud@5 | not evaluated yet | - | - | - | - | 14 s",
            "2026-11-09 | - | - | superseded | - | - | - | - | 15 s",
            "2026-11-16 | - | - | nothing | - | - | - | - | 16 s",
        ),
        strict=True,
    ):
        assert [cell.strip() for cell in row] == expected.split(" | ")


def test_a_challenger_that_is_still_deployed() -> None:
    (row,) = replay_rows([Week(MONDAY + 3 * WEEK, 1)], EVENTS[:10])
    assert row[:5] == ("2026-10-26", "linnerud@2", "linnerud@4", "on hold", "-")


def test_the_table_without_a_terminal_has_one_line_per_week() -> None:
    text = io.StringIO()
    weeks = [Week(MONDAY + number * WEEK, 10.0) for number in range(3)]
    print_replay(Terminal(text), weeks, EVENTS)
    head, *lines = text.getvalue().splitlines()
    assert re.split(r"  +", head.strip()) == [
        *("week until", "champion", "challenger", "outcome", "on", "after", "rows", "ahead by"),
        "took",
    ]
    assert [line.split()[0] for line in lines[:3]] == ["2026-10-05", "2026-10-12", "2026-10-19"]
    assert lines[3].startswith("ahead by: ")
