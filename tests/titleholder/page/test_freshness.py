"""The freshness of the newest interval, and whether a newer one is missing."""

from datetime import UTC, datetime, timedelta

from tests.titleholder.page.model_sections import NOW, event
from titleholder.data_intervals import Interval
from titleholder.events.event import Event
from titleholder.page.freshness import newest_freshness

MONDAY = datetime(2026, 11, 23, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
CRON = "0 3 * * 1"


def deployed(end: datetime, days_ago: float = 2, **evidence: object) -> Event:
    ends = {"interval_start": end - WEEK, "interval_end": end}
    return event(
        days_ago, "deploy_challenger", run="linnerud__train/r", evidence=dict(evidence), **ends
    )


def test_the_newest_interval_with_an_event() -> None:
    fresh = {"outcome": "fresh", "reason": "covers it"}
    found = newest_freshness(
        CRON,
        [deployed(MONDAY - WEEK, 9), deployed(MONDAY, freshness=fresh), deployed(MONDAY, 1)],
        NOW,
    )
    assert (found.outcome, found.reason, found.run) == ("fresh", "covers it", "linnerud__train/r")
    assert found.interval is not None
    assert found.interval.end == MONDAY
    assert found.overdue is None


def test_a_newer_interval_is_overdue() -> None:
    found = newest_freshness(CRON, [deployed(MONDAY - WEEK, 9)], NOW)
    assert found.outcome == ""
    assert found.overdue == Interval(MONDAY - WEEK, MONDAY)


def test_there_is_no_interval_without_events() -> None:
    found = newest_freshness(CRON, [event(1, "evaluated")], NOW)
    assert found.interval is None
    assert found.overdue is not None
