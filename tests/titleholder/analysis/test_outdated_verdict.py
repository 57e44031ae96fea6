"""When what a verdict decided may not be carried out any more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from titleholder.analysis.outdated_verdict import RecordedDecision, outdated_reason
from titleholder.events.event import Event
from titleholder.intervals import period_at
from titleholder.rollout.view import View

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECIDED = RecordedDecision("2", NOW - HOUR, "m1__rollout/monday", "deploy_challenger-1", "policy")
VIEW = View("m1", "e", labels={"last-event": "deploy_challenger-1"}, created=NOW - 9 * DAY)


def verdict(hours_ago: float, **changes: Any) -> Event:
    """Of the next run, unless told otherwise."""
    plain = {
        "id": f"judged-{hours_ago * 10:.0f}",
        "time": NOW - hours_ago * HOUR,
        "model": "m1",
        "endpoint": "e",
        "action": "evaluated",
        "reason": "hold: not decided yet",
        "challenger_after": "2",
        "run": "m1__rollout/tuesday",
    }
    return Event(**{**plain, **changes})


OWN = verdict(1, run=DECIDED.run)
SHARE = verdict(0.5, id="set_traffic-2", action="set_traffic", run=DECIDED.run)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"now": DECIDED.at + DAY},
        {"events": [OWN, verdict(2), verdict(1)]},
        # Of another challenger, another endpoint, or one that was deleted since.
        {"events": [OWN, verdict(0.5, challenger_after="3")]},
        {"events": [OWN, verdict(0.5, endpoint="another")]},
        {"events": [OWN, verdict(0.5)], "view": replace(VIEW, created=NOW)},
        # What changes nothing, and is no verdict.
        {"events": [OWN, verdict(0.5, action="blocked")]},
        # The record of the same verdict came a moment late.
        {"events": [verdict(0.9, run=DECIDED.run)]},
        # An earlier attempt of the same run has written, and died before it was done.
        {"events": [OWN, SHARE], "view": replace(VIEW, labels={"last-event": "set_traffic-2"})},
        {"decided": replace(DECIDED, last_event=""), "view": replace(VIEW, labels={})},
    ],
)
def test_the_newest_word_may_be_carried_out(changes: dict[str, Any]) -> None:
    assert why(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"now": DECIDED.at + DAY + timedelta(seconds=1)},
            "it is more than 1 d old, after which the next one is due",
        ),
        (
            {"events": [OWN, verdict(0.5)]},
            "there is a newer one of 2026-11-20 05:00 UTC, hold: not decided yet",
        ),
        (
            {"policy": "another"},
            "the sections rollout and duel of the model's file are others now",
        ),
        (
            {"view": replace(VIEW, labels={"last-event": "set_traffic-9"})},
            "the endpoint was changed since (share-9)",
        ),
        (
            {"view": replace(VIEW, labels={})},
            "the endpoint was changed since (its labels were taken away)",
        ),
        (
            {
                "view": replace(VIEW, labels={"last-event": "set_traffic-2"}),
                "events": [OWN, replace(SHARE, run="command line 2026")],
            },
            "the endpoint was changed since (share-2)",
        ),
        (
            # Whose it was is not known.
            {
                "view": replace(VIEW, labels={"last-event": "set_traffic-2"}),
                "events": [OWN, replace(SHARE, run="", reconstructed=True)],
            },
            "the endpoint was changed since (share-2)",
        ),
        ({"view": replace(VIEW, endpoint=None, labels={})}, "the endpoint was changed since"),
    ],
)
def test_an_outdated_one_may_not(changes: dict[str, Any], says: str) -> None:
    assert why(**changes).startswith(says)


def why(
    decided: RecordedDecision = DECIDED,
    view: View = VIEW,
    events: tuple[Event, ...] = (OWN,),
    policy: str = "policy",
    now: datetime = NOW,
) -> str:
    return outdated_reason(decided, view, events, policy, DAY, now)


@pytest.mark.parametrize(
    ("cron", "days"),
    [("0 5 * * *", 1), ("0 5 * * 1-5", 3), ("0 5 1 * *", 30), ("0 */6 * * *", 0.25)],
)
def test_a_period_is_from_one_fire_time_to_the_next(cron: str, days: float) -> None:
    # 20 November 2026 is a Friday.
    assert period_at(cron, NOW) == days * DAY
    assert period_at(cron, NOW.replace(hour=6, minute=0)) == days * DAY
