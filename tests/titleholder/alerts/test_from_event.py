"""What people are told of a change to the endpoint, as tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from titleholder.alerts.alert import AlertKind
from titleholder.alerts.from_event import alert_for_event
from titleholder.events.event import Event

OLD, NEW = "2990322000", "2991330000"
ENDPOINT = "projects/p1/locations/us-central1/endpoints/linnerud"
ALONE, TWO = {OLD: 100}, {OLD: 90, NEW: 10}
MOVE = {"champion_before": OLD, "champion_after": OLD}
BOTH = {**MOVE, "challenger_before": NEW, "challenger_after": NEW}


def event(action: str, **given: Any) -> Event:
    return Event(
        id="e1",
        time=datetime(2026, 11, 23, 5, tzinfo=UTC),
        model="linnerud",
        action=action,
        reason="",
        endpoint=ENDPOINT,
        versions={OLD: "linnerud@1", NEW: "linnerud@2"},
        data_interval_end={OLD: "2026-11-09T03:00:00Z", NEW: "2026-11-16T03:00:00Z"},
        **given,
    )


@pytest.mark.parametrize(
    ("action", "given", "kind", "what", "traffic", "todo"),
    [
        (
            "first_champion",
            {"champion_after": OLD, "split_after": ALONE},
            AlertKind.FIRST_CHAMPION,
            "linnerud@1 (data until 2026-11-09 03:00 UTC) is the first champion.",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
        (
            "deploy_challenger",
            {**MOVE, "challenger_after": NEW, "split_after": TWO},
            AlertKind.CHALLENGER_DEPLOYED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is challenger.",
            "90 % to the champion linnerud@1, 10 % to the challenger linnerud@2.",
            "Nothing: linnerud__rollout evaluates it.",
        ),
        (
            "set_traffic",
            {**BOTH, "split_before": TWO, "split_after": {OLD: 60, NEW: 40}},
            AlertKind.TRAFFIC_CHANGED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) went from 10 % to 40 % of the traffic.",
            "60 % to the champion linnerud@1, 40 % to the challenger linnerud@2.",
            "Nothing. To take its traffic at once, trigger linnerud__rollout with the intent "
            "abort.",
        ),
        (
            "promote",
            {
                "champion_before": OLD,
                "challenger_before": NEW,
                "champion_after": NEW,
                "split_after": {NEW: 100},
            },
            AlertKind.PROMOTED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is champion, linnerud@1 (data until "
            "2026-11-09 03:00 UTC) is not any more.",
            "100 % to the champion linnerud@2.",
            "Nothing. To go back, trigger linnerud__rollout with the intent undo_promotion.",
        ),
        (
            "rollback",
            {**MOVE, "challenger_before": NEW, "split_before": TWO, "split_after": ALONE},
            AlertKind.ROLLED_BACK,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is not challenger any more.",
            "100 % to the champion linnerud@1.",
            "Nothing: the next weekly model is the next challenger.",
        ),
        (
            "abort",
            {**MOVE, "challenger_before": NEW, "split_before": TWO, "split_after": ALONE},
            AlertKind.ROLLED_BACK,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is not challenger any more, and "
            "stays deployed without traffic.",
            "100 % to the champion linnerud@1.",
            "Trigger linnerud__rollout with the intent set_traffic to give it traffic again, "
            "or rollback to undeploy it.",
        ),
        (
            "abort",
            {
                **MOVE,
                "challenger_before": NEW,
                "split_before": {OLD: 50, NEW: 30, "7": 20},
                "split_after": {OLD: 80, "7": 20},
                "evidence": {"still_differs": ["the split is off", "7 was deployed"]},
            },
            AlertKind.ROLLED_BACK,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is not challenger any more, and "
            "stays deployed without traffic.",
            "80 % to the champion linnerud@1, 20 % to a model without role, id 7.",
            "The endpoint was changed by hand and still differs from the record (the split is off; "
            "7 was deployed): trigger linnerud__rollout with the intent adopt or restore.",
        ),
        (
            "rollback",
            {**BOTH, "split_before": {OLD: 70, NEW: 10, "7": 20}, "split_after": TWO},
            AlertKind.ROLLED_BACK,
            "id 7 has no traffic any more.",
            "90 % to the champion linnerud@1, 10 % to the challenger linnerud@2.",
            "Nothing: the next weekly model is the next challenger.",
        ),
        (
            "undo_promotion",
            {"champion_before": NEW, "champion_after": OLD, "split_after": ALONE},
            AlertKind.PROMOTION_UNDONE,
            "linnerud@1 (data until 2026-11-09 03:00 UTC) is champion again instead "
            "of linnerud@2 (data until 2026-11-16 03:00 UTC).",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
        (
            "adopt",
            {"champion_after": OLD, "split_after": ALONE},
            AlertKind.DRIFT_RESOLVED,
            "the endpoint was recorded as it was found, with linnerud@1 (data until "
            "2026-11-09 03:00 UTC) as champion.",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
    ],
)
def test_told(
    action: str, given: dict[str, Any], kind: AlertKind, what: str, traffic: str, todo: str
) -> None:
    alert = alert_for_event(event(action, **given), has_duel=True)
    assert alert is not None
    assert (alert.kind, alert.summary, alert.traffic, alert.next_step) == (
        kind,
        what,
        traffic,
        todo,
    )
    pages = {link.name: link.url for link in alert.links}
    assert pages["Endpoint"].endswith("/us-central1/endpoints/linnerud?project=p1")


@pytest.mark.parametrize(
    "action", ["remove_challenger", "blocked", "superseded", "challenger_busy", "evaluated", "somethingnew"]
)
def test_nothing_to_tell(action: str) -> None:
    assert alert_for_event(event(action, **MOVE), has_duel=True) is None


def test_what_a_later_actor_read_off_the_endpoint_is_not_told_again() -> None:
    seated = event("deploy_challenger", **MOVE, challenger_after=NEW, split_after=TWO)
    assert alert_for_event(replace(seated, reconstructed=True), has_duel=True) is None


def test_who_asked_why_and_where_to_look() -> None:
    seated = event(
        "promote",
        champion_before=OLD,
        champion_after=NEW,
        split_after={NEW: 100},
        actor="ada",
        evidence={
            "reason": "the challenger is better",
            "job": "projects/p1/locations/us-central1/pipelineJobs/linnerud-duel",
            "report": "gs://b/duel/report",
        },
    )
    alert = alert_for_event(seated, has_duel=True)
    assert alert is not None
    assert alert.summary.endswith("is not any more (the challenger is better). Requested by ada.")
    assert [link.name for link in alert.links] == [
        "Endpoint",
        "Model linnerud@2",
        "Duel",
        "Report",
    ]


def test_the_place_of_another_and_nobody_who_judges() -> None:
    seated = event(
        "deploy_challenger", **MOVE, challenger_before="9", challenger_after=NEW, split_after=TWO,
        interval_start=datetime(2026, 11, 9, 3, tzinfo=UTC),
        interval_end=datetime(2026, 11, 16, 3, tzinfo=UTC),
    )  # fmt: skip
    alert = alert_for_event(seated, has_duel=False)
    assert alert is not None
    assert "is challenger, instead of id 9." in alert.summary
    assert alert.subject == "data of 2026-11-09 03:00 to 2026-11-16 03:00 UTC"
    assert alert.next_step == (
        "Compare it with the champion, then trigger linnerud__rollout with the intent promote or "
        "rollback."
    )
