"""When a recorded decision is outdated."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from titleholder.analysis.outdated_verdict import RecordedDecision, outdated_reason
from titleholder.data_intervals import period_at
from titleholder.events.event import Event
from titleholder.rollout.view import View

NOW = datetime(2026, 11, 20, 5, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECISION = RecordedDecision("2", NOW - HOUR, "m1__rollout/monday", "deploy_challenger-1", "policy")
VIEW = View("m1", "e", labels={"last-event": "deploy_challenger-1"}, created=NOW - 9 * DAY)


def verdict(hours_ago: float, **changes: Any) -> Event:
    """A verdict event, by default of the next run."""
    defaults = {
        "id": f"evaluated-{hours_ago * 10:.0f}",
        "time": NOW - hours_ago * HOUR,
        "model": "m1",
        "endpoint": "e",
        "action": "evaluated",
        "reason": "hold: not decided yet",
        "challenger_after": "2",
        "run": "m1__rollout/tuesday",
    }
    return Event(**{**defaults, **changes})


OWN = verdict(1, run=DECISION.run)
SET_TRAFFIC = verdict(0.5, id="set_traffic-2", action="set_traffic", run=DECISION.run)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"now": DECISION.at + DAY},
        {"events": [OWN, verdict(2), verdict(1)]},
        # Of another challenger, another endpoint, or an endpoint that was deleted since.
        {"events": [OWN, verdict(0.5, challenger_after="3")]},
        {"events": [OWN, verdict(0.5, endpoint="another")]},
        {"events": [OWN, verdict(0.5)], "view": replace(VIEW, created=NOW)},
        # An event that is no verdict and changes nothing.
        {"events": [OWN, verdict(0.5, action="blocked")]},
        # The event of the same verdict was recorded later.
        {"events": [verdict(0.9, run=DECISION.run)]},
        # An earlier attempt of the same run wrote, and was interrupted.
        {
            "events": [OWN, SET_TRAFFIC],
            "view": replace(VIEW, labels={"last-event": "set_traffic-2"}),
        },
        {"decision": replace(DECISION, last_event=""), "view": replace(VIEW, labels={})},
    ],
)
def test_a_valid_decision(changes: dict[str, Any]) -> None:
    assert reason_for(**changes) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"now": DECISION.at + DAY + timedelta(seconds=1)},
            "it is more than 1 d old, after which the next one is due",
        ),
        (
            {"events": [OWN, verdict(0.5)]},
            "there is a newer one of 2026-11-20 05:00 UTC, hold: not decided yet",
        ),
        (
            {"policy": "another"},
            "the sections rollout and duel of the model's file have changed since",
        ),
        (
            {"view": replace(VIEW, labels={"last-event": "set_traffic-9"})},
            "the endpoint was changed since (set_traffic-9)",
        ),
        (
            {"view": replace(VIEW, labels={})},
            "the endpoint was changed since (its labels were removed)",
        ),
        (
            {
                "view": replace(VIEW, labels={"last-event": "set_traffic-2"}),
                "events": [OWN, replace(SET_TRAFFIC, run="command line 2026")],
            },
            "the endpoint was changed since (set_traffic-2)",
        ),
        (
            # The run of a reconstructed event is not known.
            {
                "view": replace(VIEW, labels={"last-event": "set_traffic-2"}),
                "events": [OWN, replace(SET_TRAFFIC, run="", reconstructed=True)],
            },
            "the endpoint was changed since (set_traffic-2)",
        ),
        ({"view": replace(VIEW, endpoint=None, labels={})}, "the endpoint was changed since"),
    ],
)
def test_an_outdated_decision(changes: dict[str, Any], reason: str) -> None:
    assert reason_for(**changes).startswith(reason)


def reason_for(
    decision: RecordedDecision = DECISION,
    view: View = VIEW,
    events: tuple[Event, ...] = (OWN,),
    policy: str = "policy",
    now: datetime = NOW,
) -> str:
    return outdated_reason(decision, view, events, policy, DAY, now)


@pytest.mark.parametrize(
    ("cron", "days"),
    [("0 5 * * *", 1), ("0 5 * * 1-5", 3), ("0 5 1 * *", 30), ("0 */6 * * *", 0.25)],
)
def test_a_period_is_from_one_fire_time_to_the_next(cron: str, days: float) -> None:
    # 20 November 2026 is a Friday.
    assert period_at(cron, NOW) == days * DAY
    assert period_at(cron, NOW.replace(hour=6, minute=0)) == days * DAY
