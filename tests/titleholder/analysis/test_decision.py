from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from titleholder.analysis.decision import analysis_count, decide, unchanged_since
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.rollout import Rollout
from titleholder.events.event import Event
from titleholder.rollout.intents import Promote, RoleIntent, RollBack, SetTrafficPercentage

NOW = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
STEPS = [{"traffic_percentage": 5, "bake": 2 * DAY}, 25]


def rollout(promotion: str) -> Rollout:
    return Rollout.model_validate({"steps": STEPS, "promotion": promotion})


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(outcome, "because", "", 100, 0.1, 0.0, 0.2, 0.0, 1.0, 1)


@pytest.mark.parametrize(
    ("outcome", "percentage", "live", "promotion", "intent", "needs_approval"),
    [
        (Outcome.PROMOTE, 25, DAY, "automatic", Promote("2"), False),
        (Outcome.PROMOTE, 25, DAY, "approval", Promote("2"), True),
        (Outcome.PROMOTE, 25, DAY, "manual", None, False),
        (Outcome.PROMOTE, 5, 2 * DAY, "automatic", SetTrafficPercentage("2", 25), False),
        (Outcome.PROMOTE, 5, 2 * DAY, "approval", SetTrafficPercentage("2", 25), False),
        (Outcome.PROMOTE, 5, 2 * DAY, "manual", None, False),
        (Outcome.PROMOTE, 5, DAY, "automatic", None, False),
        (Outcome.ROLLBACK, 5, timedelta(0), "automatic", RollBack("2"), False),
        (Outcome.ROLLBACK, 25, DAY, "approval", RollBack("2"), False),
        (Outcome.ROLLBACK, 25, DAY, "manual", RollBack("2"), False),
    ],
)
def test_decisions(
    outcome: Outcome,
    percentage: int,
    live: timedelta,
    promotion: str,
    intent: RoleIntent | None,
    needs_approval: bool,
) -> None:
    decision = decide(verdict(outcome), rollout(promotion), percentage, live, "2")
    assert (decision.intent, decision.needs_approval) == (intent, needs_approval)
    assert decision.reason.startswith("because")
    assert ("manual" in decision.reason) == (promotion == "manual" and outcome is Outcome.PROMOTE)


@pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.INCONCLUSIVE])
def test_other_verdicts_change_nothing(outcome: Outcome) -> None:
    for percentage, live, promotion in product(
        (1, 5, 25, 99), (0, 1, 99), ("automatic", "approval", "manual")
    ):
        decision = decide(verdict(outcome), rollout(promotion), percentage, live * DAY, "2")
        assert (decision.intent, decision.needs_approval, decision.reason) == (
            None,
            False,
            "because",
        )


def event(
    days: int, action: str, challenger: str | None, percentage: int = 0, **fields: Any
) -> Event:
    split = {"1": 100 - percentage}
    if challenger and percentage:
        split[challenger] = percentage
    return Event(
        id=f"e{days}",
        time=NOW + days * DAY,
        model="m1",
        action=action,
        reason="",
        challenger_after=challenger,
        split_after=split,
        **fields,
    )


def test_the_time_since_the_percentage_was_set() -> None:
    events = [
        event(0, "deploy_challenger", "2", 5),
        event(1, "evaluated", "2", 5),
        event(2, "set_traffic", "2", 25),
    ]
    assert unchanged_since(events, "2", 25) == NOW + 2 * DAY
    assert unchanged_since(events[:2], "2", 5) == NOW
    again = [
        *events,
        event(3, "set_traffic", "2", 5),
        event(4, "blocked", None),
        event(5, "adopt", "2", 5),
    ]
    assert unchanged_since(again, "2", 5) == NOW + 3 * DAY


def test_the_time_starts_again_after_a_manual_change() -> None:
    restored = event(1, "restore", "2", 5, split_before={"1": 50, "2": 50})
    assert unchanged_since([event(0, "deploy_challenger", "2", 5), restored], "2", 5) == NOW + DAY
    adopted = event(1, "adopt", "2", 5, split_before={"1": 95, "2": 5})
    assert unchanged_since([event(0, "deploy_challenger", "2", 5), adopted], "2", 5) == NOW


def test_events_that_do_not_show_the_time() -> None:
    assert unchanged_since([], "2", 5) is None
    assert unchanged_since([event(0, "deploy_challenger", "2", 5)], "2", 10) is None, (
        "the last change was lost"
    )
    assert unchanged_since([event(0, "deploy_challenger", "3", 5)], "2", 5) is None
    assert (
        unchanged_since(
            [event(0, "deploy_challenger", "2", 5), event(1, "remove_challenger", None)], "2", 5
        )
        is None
    )


def test_analysis_count() -> None:
    events = [
        event(0, "deploy_challenger", "2", 5),
        event(1, "evaluated", "2", 5, evidence={"job": "a"}),
        event(2, "evaluated", "2", 5, evidence={"job": "b"}),
        event(3, "evaluated", "3", 5, evidence={"job": "c"}),
    ]
    assert analysis_count(events, "2", "d") == 3
    assert analysis_count(events, "2", "b") == 2, "a retry is the same look"
    assert analysis_count([], "2", "a") == 1
