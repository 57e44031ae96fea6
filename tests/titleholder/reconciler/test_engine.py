"""Whole rollouts, one intent after the other, on the local Vertex AI."""

import pytest
from google.protobuf import json_format

from tests.faults import Faults, unsound
from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week
from titleholder.events.event import Action
from titleholder.pipelines.container import container_spec
from titleholder.rollout.intents import (
    Abort,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

A, B, C = (id_of_week(week) for week in range(3))


@pytest.mark.parametrize("replacement", ["recreate", "surge"])
def test_a_sequence_of_all_intents(m1: ModelUnderTest, faults: Faults, replacement: str) -> None:
    def run(intent):
        return m1.run(intent, replacement=replacement)

    assert run(m1.candidate(0)).plan.summary == "m1@1 is champion with 100 % of the traffic"
    assert m1.now == ({A: 100}, {"champion": A})
    run(m1.candidate(1))
    assert m1.now == ({A: 90, B: 10}, {"champion": A, "challenger": B})
    run(SetTrafficPercentage(B, 50))
    run(Promote(B))
    assert m1.now == ({B: 100}, {"champion": B, "previous-champion": A})
    assert m1.view().deployed_model(A) is not None
    run(UndoPromotion(A))
    assert m1.now == ({A: 100}, {"champion": A, "previous-champion": B})
    run(UndoPromotion(B))
    run(m1.candidate(2))
    assert m1.view().deployed_model(A) is None
    run(Abort(C))
    assert m1.now[0] == {B: 100}
    run(SetTrafficPercentage(C, 10))
    run(RollBack(C))
    view = m1.view()
    assert [one.id for one in view.deployed_models] == [B]
    assert len(view.versions) == 3
    assert view.version("champion") == view.version_for_deployment(B)
    assert view.version("challenger") is None
    assert run(m1.candidate(2)).plan.outcome == "had_a_role"
    assert not unsound(faults.traffic(endpoint=m1.endpoint))
    actions = [event.action for event in m1.events_table.events.values()]
    assert actions == [
        *("first_champion", "deploy_challenger", "set_traffic", "promote", "undo_promotion"),
        *("undo_promotion", "deploy_challenger", "abort", "set_traffic", "rollback"),
    ]
    assert not any(event.reconstructed for event in m1.events_table.events.values())


def test_the_registry_receives_the_whole_container_spec(m1: ModelUnderTest) -> None:
    m1.run(m1.candidate(1))
    image = "us-central1-docker.pkg.dev/p/models/server:1"
    found = {"imageUri": image, "args": ["--fast"], "ports": [{"containerPort": 9000}]}
    older = m1.candidate(0, container=container_spec(found))
    assert m1.run(older).plan.outcome == Action.SUPERSEDED
    version = m1.view().version(older.version.alias)
    assert version is not None
    assert version.image == image
    stored = m1.vertex.models.get_model(name=f"{m1.parent}/models/m1@{version.number}")
    assert json_format.MessageToDict(stored._pb.container_spec) == {
        **found,
        "env": [{"name": "MODEL_SHA256", "value": "0" * 64}],
    }
