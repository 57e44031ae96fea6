from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from titleholder.analysis.decision import analysis_count, decide, unchanged_since
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.rollout import TrafficStep
from titleholder.events.event import Event
from titleholder.rollout.intents import Promote, RollBack, SetTrafficPercentage

NOW = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
STEPS = [TrafficStep(traffic_percentage=5, bake=2 * DAY), TrafficStep(traffic_percentage=25)]


def said(outcome: Outcome) -> Verdict:
    return Verdict(outcome, "because", "", 100, 0.1, 0.0, 0.2, 0.0, 1.0, 1)


@pytest.mark.parametrize(
    ("outcome", "share", "live", "promotion", "wish", "asks"),
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
def test_what_follows(outcome, share, live, promotion, wish, asks) -> None:
    made = decide(said(outcome), STEPS, share, live, "2", promotion)
    assert (made.intent, made.needs_approval) == (wish, asks)
    assert made.reason.startswith("because")
    assert ("manual" in made.reason) == (promotion == "manual" and outcome is Outcome.PROMOTE)


@pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.INCONCLUSIVE])
def test_nothing_else_does_anything(outcome: Outcome) -> None:
    for share, live, promotion in product(
        (1, 5, 25, 99), (0, 1, 99), ("automatic", "approval", "manual")
    ):
        made = decide(said(outcome), STEPS, share, live * DAY, "2", promotion)
        assert (made.intent, made.needs_approval, made.reason) == (None, False, "because")


def event(days: int, action: str, challenger: str | None, share: int = 0, **more) -> Event:
    split = {"1": 100 - share} | ({challenger: share} if challenger and share else {})
    return Event(
        id=f"e{days}",
        time=NOW + days * DAY,
        model="m1",
        action=action,
        reason="",
        challenger_after=challenger,
        split_after=split,
        **more,
    )


def test_since_when_it_has_its_share() -> None:
    came = [event(0, "seat", "2", 5), event(1, "judged", "2", 5), event(2, "share", "2", 25)]
    assert unchanged_since(came, "2", 25) == NOW + 2 * DAY
    assert unchanged_since(came[:2], "2", 5) == NOW
    again = [*came, event(3, "share", "2", 5), event(4, "refused", None), event(5, "adopt", "2", 5)]
    assert unchanged_since(again, "2", 5) == NOW + 3 * DAY


def test_a_share_that_was_changed_by_hand_and_restored_begins_anew() -> None:
    by_hand = event(1, "restore", "2", 5, split_before={"1": 50, "2": 50})
    assert unchanged_since([event(0, "seat", "2", 5), by_hand], "2", 5) == NOW + DAY
    untouched = event(1, "adopt", "2", 5, split_before={"1": 95, "2": 5})
    assert unchanged_since([event(0, "seat", "2", 5), untouched], "2", 5) == NOW


def test_events_that_do_not_tell() -> None:
    assert unchanged_since([], "2", 5) is None
    assert unchanged_since([event(0, "seat", "2", 5)], "2", 10) is None, "the last change was lost"
    assert unchanged_since([event(0, "seat", "3", 5)], "2", 5) is None
    assert unchanged_since([event(0, "seat", "2", 5), event(1, "withdraw", None)], "2", 5) is None


def test_looks() -> None:
    seen = [
        event(0, "seat", "2", 5),
        event(1, "judged", "2", 5, evidence={"job": "a"}),
        event(2, "judged", "2", 5, evidence={"job": "b"}),
        event(3, "judged", "3", 5, evidence={"job": "c"}),
    ]
    assert analysis_count(seen, "2", "d") == 3
    assert analysis_count(seen, "2", "b") == 2, "a retry is the same look"
    assert analysis_count([], "2", "a") == 1
