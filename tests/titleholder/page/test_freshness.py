"""The freshness of the newest week, and whether a newer one is missing."""

from datetime import UTC, datetime, timedelta

from tests.titleholder.page.model_sections import NOW, event
from titleholder.events.event import Event
from titleholder.page.freshness import newest_week

MONDAY = datetime(2026, 11, 23, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
CRON = "0 3 * * 1"


def seated(end: datetime, days_ago: float = 2, **evidence: object) -> Event:
    ends = {"interval_start": end - WEEK, "interval_end": end}
    return event(
        days_ago, "deploy_challenger", run="linnerud__train/r", evidence=dict(evidence), **ends
    )


def test_the_newest_week_that_came() -> None:
    fresh = {"outcome": "fresh", "reason": "covers it"}
    found = newest_week(
        CRON, [seated(MONDAY - WEEK, 9), seated(MONDAY, freshness=fresh), seated(MONDAY, 1)], NOW
    )
    assert (found.outcome, found.reason, found.run) == ("fresh", "covers it", "linnerud__train/r")
    assert found.interval is not None
    assert found.interval.end == MONDAY
    assert found.overdue == ""


def test_a_newer_week_is_missing() -> None:
    found = newest_week(CRON, [seated(MONDAY - WEEK, 9)], NOW)
    assert found.outcome == ""
    assert "2026-11-16 03:00 to 2026-11-23 03:00 UTC has ended and nothing has" in found.overdue


def test_nothing_has_happened() -> None:
    found = newest_week(CRON, [event(1, "evaluated")], NOW)
    assert found.interval is None
    assert found.overdue
