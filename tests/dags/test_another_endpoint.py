"""Events of another endpoint do not count for a challenger, even with the same events table,
deployed model ids and resource name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model
from tests.dags.contested import DUEL, deploy_both, events_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
FIVE_DAYS_AGO, HALF_A_DAY_AGO = NOW - 5 * DAY, NOW - DAY / 2


def in_another_region(
    made: Model, google: Google, clock: SandboxClock, patch: pytest.MonkeyPatch
) -> None:
    """The same weeks are deployed in two regions with one events table, which lacks the events of
    this region."""
    with patch.context() as there:
        there.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
        deploy_both(made, google, clock)
    clock.move(HALF_A_DAY_AGO)
    deploy_both(made, google, clock, events="titleholder.elsewhere")


def deleted_and_created_again(
    made: Model, google: Google, clock: SandboxClock, patch: pytest.MonkeyPatch
) -> None:
    """The endpoint is deleted and created again by hand, with the same models and split."""
    deploy_both(made, google, clock)
    deleted, client = google.endpoint(made.name), google.endpoints
    clock.move(HALF_A_DAY_AGO)
    client.update_endpoint(
        endpoint=v1.Endpoint(name=deleted.name), update_mask=FieldMask(paths=["traffic_split"])
    )
    for deployed in deleted.deployed_models:
        client.undeploy_model(endpoint=deleted.name, deployed_model_id=deployed.id).result(60)
    client.delete_endpoint(name=deleted.name).result(60)
    client.create_endpoint(
        parent=google.parent,
        endpoint=v1.Endpoint(display_name=made.name),
        endpoint_id=made.name,
    ).result(60)
    for deployed in deleted.deployed_models:
        role = "champion" if deployed.id == deleted.labels["champion"] else "challenger"
        again = v1.DeployedModel(
            id=deployed.id,
            model=f"{deployed.model}@{deployed.model_version_id}",
            display_name=f"{made.name}-{role}-model",
            dedicated_resources=deployed.dedicated_resources,
        )
        split = {"0": 100} if deployed == deleted.deployed_models[0] else None
        client.deploy_model(
            endpoint=deleted.name, deployed_model=again, traffic_split=split
        ).result(60)
    client.update_endpoint(
        endpoint=v1.Endpoint(name=deleted.name, traffic_split=dict(deleted.traffic_split)),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    assert google.endpoint(made.name).name == deleted.name


@pytest.mark.parametrize(
    "other", [pytest.param(in_another_region, marks=pytest.mark.long), deleted_and_created_again]
)
def test_events_of_another_endpoint_do_not_count(
    model: Callable[..., Model],
    google: Google,
    clock: SandboxClock,
    monkeypatch: pytest.MonkeyPatch,
    other: Callable[..., Any],
) -> None:
    made = model(duel=DUEL | {"feature_columns": ["better"], "min_duration": "1d"})
    clock.move(FIVE_DAYS_AGO)
    other(made, google, clock, monkeypatch)
    split = dict(google.endpoint(made.name).traffic_split)
    assert sorted(split.values()) == [10, 90]

    def decided(at: datetime) -> str:
        clock.move(at)
        result = made.run(at, dag="rollout", clock=clock)
        assert result.state == "success", result.errors
        return str(result.returned["decide"]["reason"])

    assert decided(NOW).startswith("good so far, but live for less than 1 d")
    assert dict(google.endpoint(made.name).traffic_split) == split
    evidence = events_of(made)[-1].evidence
    since = datetime.fromisoformat(evidence["since"])
    assert HALF_A_DAY_AGO <= since < HALF_A_DAY_AGO + HOUR
    assert evidence["verdict"]["analysis_count"] == 1

    assert decided(NOW + DAY).startswith("the challenger is better")
    assert sorted(google.endpoint(made.name).traffic_split.values()) == [100]
