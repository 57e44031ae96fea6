"""What happened at another endpoint is no time of this one's challenger, whatever they share: the
events table, the models' ids, and the endpoint's very name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model
from tests.dags.contested import DUEL, events_of, seat_both

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
LONG_AGO, LATELY = NOW - 5 * DAY, NOW - DAY / 2


def in_another_region(
    made: Model, google: Google, clock: SandboxClock, patch: pytest.MonkeyPatch
) -> None:
    """The same weeks were seated in two regions, which share a table. Here BigQuery was away."""
    with patch.context() as there:
        there.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
        seat_both(made, google, clock)
    clock.move(LATELY)
    seat_both(made, google, clock, events="titleholder.elsewhere")


def deleted_and_made_again(
    made: Model, google: Google, clock: SandboxClock, patch: pytest.MonkeyPatch
) -> None:
    """By a person, with the models and the split that were there."""
    seat_both(made, google, clock)
    old, client = google.endpoint(made.name), google.endpoints
    clock.move(LATELY)
    client.update_endpoint(
        endpoint=v1.Endpoint(name=old.name), update_mask=FieldMask(paths=["traffic_split"])
    )
    for deployed in old.deployed_models:
        client.undeploy_model(endpoint=old.name, deployed_model_id=deployed.id).result(60)
    client.delete_endpoint(name=old.name).result(60)
    client.create_endpoint(
        parent=google.parent,
        endpoint=v1.Endpoint(display_name=made.name),
        endpoint_id=made.name,
    ).result(60)
    for deployed in old.deployed_models:
        role = "champion" if deployed.id == old.labels["champion"] else "challenger"
        again = v1.DeployedModel(
            id=deployed.id,
            model=f"{deployed.model}@{deployed.model_version_id}",
            display_name=f"{made.name}-{role}-model",
            dedicated_resources=deployed.dedicated_resources,
        )
        split = {"0": 100} if deployed == old.deployed_models[0] else None
        client.deploy_model(endpoint=old.name, deployed_model=again, traffic_split=split).result(60)
    client.update_endpoint(
        endpoint=v1.Endpoint(name=old.name, traffic_split=dict(old.traffic_split)),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    assert google.endpoint(made.name).name == old.name


@pytest.mark.parametrize("other", [in_another_region, deleted_and_made_again])
def test_its_events_do_not_count(
    model: Callable[..., Model],
    google: Google,
    clock: SandboxClock,
    monkeypatch: pytest.MonkeyPatch,
    other: Callable[..., Any],
) -> None:
    made = model(duel=DUEL | {"target": "better", "min_duration": "1d"})
    clock.move(LONG_AGO)
    other(made, google, clock, monkeypatch)
    split = dict(google.endpoint(made.name).traffic_split)
    assert sorted(split.values()) == [10, 90]

    def judged(at: datetime) -> str:
        clock.move(at)
        played = made.play(at, dag="rollout", clock=clock)
        assert played.state == "success", played.errors
        return str(played.returned["decide"]["reason"])

    assert judged(NOW).startswith("good so far, but live for less than 1 d")
    assert dict(google.endpoint(made.name).traffic_split) == split
    evidence = events_of(made)[-1].evidence
    since = datetime.fromisoformat(evidence["since"])
    assert LATELY <= since < LATELY + HOUR
    assert evidence["verdict"]["analysis_count"] == 1

    assert judged(NOW + DAY).startswith("the challenger is better")
    assert sorted(google.endpoint(made.name).traffic_split.values()) == [100]
