"""Whole rollouts, one intent after the other, on the local Vertex AI."""

import pytest

from tests.faults import Faults, unsound
from tests.titleholder.reconciler.conftest import Scene, name
from titleholder.rollout.intents import (
    Abort,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

A, B, C = (name(week) for week in range(3))


@pytest.mark.parametrize("replacement", ["recreate", "surge"])
def test_a_whole_life(scene: Scene, faults: Faults, replacement: str) -> None:
    def play(intent):
        return scene.play(intent, replacement=replacement)

    assert play(scene.wish(0)).plan.summary == "m1@1 is champion with 100 % of the requests"
    assert scene.now == ({A: 100}, {"champion": A})
    play(scene.wish(1))
    assert scene.now == ({A: 90, B: 10}, {"champion": A, "challenger": B})
    play(SetTrafficPercentage(B, 50))
    play(Promote(B))
    assert scene.now == ({B: 100}, {"champion": B, "previous-champion": A})
    assert scene.view().deployed_model(A) is not None
    play(UndoPromotion(A))
    assert scene.now == ({A: 100}, {"champion": A, "previous-champion": B})
    play(UndoPromotion(B))
    play(scene.wish(2))
    assert scene.view().deployed_model(A) is None
    play(Abort(C))
    assert scene.now[0] == {B: 100}
    play(SetTrafficPercentage(C, 10))
    play(RollBack(C))
    view = scene.view()
    assert [seat.id for seat in view.deployed_models] == [B]
    assert len(view.versions) == 3
    assert view.version("champion") == view.version_for_deployment(B)
    assert view.version("challenger") is None
    assert play(scene.wish(2)).plan.outcome == "withdrawn"
    assert not unsound(faults.traffic(endpoint=scene.endpoint))
    actions = [event.action for event in scene.notebook.events.values()]
    assert actions == [
        *("crown", "seat", "share", "promote", "reinstate", "reinstate", "seat", "abort"),
        *("share", "rollback"),
    ]
    assert not any(event.reconstructed for event in scene.notebook.events.values())
