"""Two callers on one endpoint, at the worst moment."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults import Faults
from tests.rollouts.conftest import Notebook, Scene, name
from titleholder.errors import Refusal, TryAgain
from titleholder.events import Event
from titleholder.reconcile import Waiting
from titleholder.rollout.intents import Abort, Promote, Reinstate, RollBack, SetShare
from titleholder.rollout.steps import Alias
from titleholder.vertex.endpoints import LookAgain

A, B = name(0), name(1)


@pytest.fixture
def seated(scene: Scene) -> Scene:
    scene.play(scene.wish(0))
    scene.play(scene.wish(1))
    return scene


@dataclass
class Contrary(Notebook):
    """Whenever an abort is on record, somebody gives the challenger its share back."""

    scene: Scene | None = None

    def append(self, events: list[Event]) -> None:
        super().append(events)
        if any(event.action == "abort" for event in events):
            assert self.scene is not None
            other = Scene(self.scene.vertex, self.scene.artifact, location=self.scene.location)
            other.play(SetShare(B, 20))


def test_two_who_undo_each_others_writes_are_told_so(seated: Scene) -> None:
    seated.notebook = Contrary(scene=seated)
    with pytest.raises(Refusal, match=r"somebody else undid this: abort: 100 % to"):
        seated.play(Abort(B))
    assert seated.now[0] == {A: 80, B: 20}


def test_an_alias_that_another_took_away_is_looked_at_again(seated: Scene) -> None:
    endpoints = seated.engine()._endpoints
    view = endpoints.observe()
    away = Alias("challenger", seated.wish(1).version.alias, remove=True)
    endpoints.apply(away, view)
    with pytest.raises(LookAgain):
        endpoints.apply(away, view)


def begun(scene: Scene, intent: Any, **rollout: Any) -> Waiting:
    """The intent as far as an operation that takes long."""
    result = scene.engine(**rollout).run(intent)
    assert isinstance(result, Waiting)
    return result


def test_going_back_does_not_wait_for_a_deployment(seated: Scene, faults: Faults) -> None:
    seated.play(Promote(B))
    seated.play(Reinstate(A))
    faults.delay_operation("deploy_model", 600)
    begun(seated, seated.wish(2), replacement="surge")
    # The warm previous champion is no operation's: one write brings it back meanwhile.
    seated.engine().run(Reinstate(B))
    assert seated.now[0] == {B: 100}


def test_nobody_who_may_be_leaving_is_given_traffic(seated: Scene, faults: Faults) -> None:
    seated.play(Abort(B))
    faults.delay_operation("undeploy_model", 600)
    begun(seated, RollBack(B))
    waiting = begun(seated, SetShare(B, 20))
    assert "/operations/" in waiting.operation
    assert seated.now[0] == {A: 100}
    seated.vertex.clock.advance(700)
    with pytest.raises(Refusal, match=f"{B} is not the challenger"):
        seated.play(SetShare(B, 20))


def test_an_undeployment_that_fails_is_worth_another_attempt(seated: Scene, faults: Faults) -> None:
    faults.fail_operation("undeploy_model", "FAILED_PRECONDITION")
    with pytest.raises(TryAgain, match=f"could not undeploy {B}"):
        seated.play(RollBack(B))
    seated.play(RollBack(B))
    assert [seat.id for seat in seated.view().seats] == [A]
