"""Alerts for changes to an endpoint, as tables."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from titleholder.alerts.alert import AlertKind
from titleholder.alerts.from_event import alert_for_event
from titleholder.events.event import Event

FIRST, SECOND = "2990322000", "2991330000"
OTHER = "2990322001"  # the other id of the first one's training run
MACHINES = "linnerud@1 gets other machine settings: min_replicas 2 instead of 1"
ENDPOINT = "projects/p1/locations/us-central1/endpoints/linnerud"
ALONE, PAIR = {FIRST: 100}, {FIRST: 90, SECOND: 10}
CHAMPION = {"champion_before": FIRST, "champion_after": FIRST}
BOTH = {**CHAMPION, "challenger_before": SECOND, "challenger_after": SECOND}


def event(action: str, **fields: Any) -> Event:
    return Event(
        id="e1",
        time=datetime(2026, 11, 23, 5, tzinfo=UTC),
        model="linnerud",
        action=action,
        reason=MACHINES if action == "update_resources" else "",
        endpoint=ENDPOINT,
        versions={FIRST: "linnerud@1", OTHER: "linnerud@1", SECOND: "linnerud@2"},
        data_interval_end={FIRST: "2026-11-09T03:00:00Z", SECOND: "2026-11-16T03:00:00Z"},
        **fields,
    )


@pytest.mark.parametrize(
    ("action", "fields", "kind", "summary", "traffic", "next_step"),
    [
        (
            "first_champion",
            {"champion_after": FIRST, "split_after": ALONE},
            AlertKind.FIRST_CHAMPION,
            "linnerud@1 (data until 2026-11-09 03:00 UTC) is the first champion.",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
        (
            "deploy_challenger",
            {**CHAMPION, "challenger_after": SECOND, "split_after": PAIR},
            AlertKind.CHALLENGER_DEPLOYED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is challenger.",
            "90 % to the champion linnerud@1, 10 % to the challenger linnerud@2.",
            "Nothing: linnerud__rollout evaluates it.",
        ),
        (
            "set_traffic",
            {**BOTH, "split_before": PAIR, "split_after": {FIRST: 60, SECOND: 40}},
            AlertKind.TRAFFIC_CHANGED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) went from 10 % to 40 % of the traffic.",
            "60 % to the champion linnerud@1, 40 % to the challenger linnerud@2.",
            "Nothing. To take its traffic at once, trigger linnerud__rollout with the intent "
            "abort.",
        ),
        (
            "update_resources",
            {
                "champion_before": FIRST,
                "champion_after": OTHER,
                "split_before": ALONE,
                "split_after": {OTHER: 100},
            },
            AlertKind.MACHINES_CHANGED,
            "linnerud@1 gets other machine settings: min_replicas 2 instead of 1.",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
        (
            "promote",
            {
                "champion_before": FIRST,
                "challenger_before": SECOND,
                "champion_after": SECOND,
                "split_after": {SECOND: 100},
            },
            AlertKind.PROMOTED,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is champion, linnerud@1 (data until "
            "2026-11-09 03:00 UTC) is not any more.",
            "100 % to the champion linnerud@2.",
            "Nothing. To go back, trigger linnerud__rollout with the intent undo_promotion.",
        ),
        (
            "rollback",
            {
                **CHAMPION,
                "challenger_before": SECOND,
                "split_before": PAIR,
                "split_after": ALONE,
            },
            AlertKind.ROLLED_BACK,
            "linnerud@2 (data until 2026-11-16 03:00 UTC) is not challenger any more.",
            "100 % to the champion linnerud@1.",
            "Nothing: the next weekly model is the next challenger.",
        ),
        (
            "abort",
            {
                **CHAMPION,
                "challenger_before": SECOND,
                "split_before": PAIR,
                "split_after": ALONE,
            },
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
                **CHAMPION,
                "challenger_before": SECOND,
                "split_before": {FIRST: 50, SECOND: 30, "7": 20},
                "split_after": {FIRST: 80, "7": 20},
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
            {**BOTH, "split_before": {FIRST: 70, SECOND: 10, "7": 20}, "split_after": PAIR},
            AlertKind.ROLLED_BACK,
            "id 7 has no traffic any more.",
            "90 % to the champion linnerud@1, 10 % to the challenger linnerud@2.",
            "Nothing: the next weekly model is the next challenger.",
        ),
        (
            "undo_promotion",
            {"champion_before": SECOND, "champion_after": FIRST, "split_after": ALONE},
            AlertKind.PROMOTION_UNDONE,
            "linnerud@1 (data until 2026-11-09 03:00 UTC) is champion again instead "
            "of linnerud@2 (data until 2026-11-16 03:00 UTC).",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
        (
            "adopt",
            {"champion_after": FIRST, "split_after": ALONE},
            AlertKind.DRIFT_RESOLVED,
            "the endpoint was recorded as it was found, with linnerud@1 (data until "
            "2026-11-09 03:00 UTC) as champion.",
            "100 % to the champion linnerud@1.",
            "Nothing now.",
        ),
    ],
)
def test_alert_for_a_change(
    action: str, fields: dict[str, Any], kind: AlertKind, summary: str, traffic: str, next_step: str
) -> None:
    alert = alert_for_event(event(action, **fields), has_duel=True)
    assert alert is not None
    assert (alert.kind, alert.summary, alert.traffic, alert.next_step) == (
        kind,
        summary,
        traffic,
        next_step,
    )
    pages = {link.name: link.url for link in alert.links}
    assert pages["Endpoint"].endswith("/us-central1/endpoints/linnerud?project=p1")


@pytest.mark.parametrize(
    "action",
    ["remove_challenger", "blocked", "superseded", "challenger_busy", "evaluated", "somethingnew"],
)
def test_other_events_have_no_alert(action: str) -> None:
    assert alert_for_event(event(action, **CHAMPION), has_duel=True) is None


def test_a_reconstructed_event_has_no_alert() -> None:
    deployed = event("deploy_challenger", **CHAMPION, challenger_after=SECOND, split_after=PAIR)
    assert alert_for_event(replace(deployed, reconstructed=True), has_duel=True) is None


def test_actor_reason_and_links() -> None:
    deployed = event(
        "promote",
        champion_before=FIRST,
        champion_after=SECOND,
        split_after={SECOND: 100},
        actor="ada",
        evidence={
            "reason": "the challenger is better",
            "job": "projects/p1/locations/us-central1/pipelineJobs/linnerud-duel",
            "report": "gs://b/duel/report",
        },
    )
    alert = alert_for_event(deployed, has_duel=True)
    assert alert is not None
    assert alert.summary.endswith("is not any more (the challenger is better). Requested by ada.")
    assert [link.name for link in alert.links] == [
        "Endpoint",
        "Model linnerud@2",
        "Duel",
        "Report",
    ]


def test_a_replaced_challenger_and_a_model_without_a_duel() -> None:
    deployed = event(
        "deploy_challenger", **CHAMPION, challenger_before="9",
        challenger_after=SECOND, split_after=PAIR,
        interval_start=datetime(2026, 11, 9, 3, tzinfo=UTC),
        interval_end=datetime(2026, 11, 16, 3, tzinfo=UTC),
    )  # fmt: skip
    alert = alert_for_event(deployed, has_duel=False)
    assert alert is not None
    assert "is challenger, instead of id 9." in alert.summary
    assert alert.subject == "data of 2026-11-09 03:00 to 2026-11-16 03:00 UTC"
    assert alert.next_step == (
        "Compare it with the champion, then trigger linnerud__rollout with the intent promote or "
        "rollback."
    )
