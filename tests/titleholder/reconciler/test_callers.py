"""Two callers on one endpoint, at the worst moment."""

from typing import Any

import pytest

from tests.faults import Faults
from tests.titleholder.reconciler.conftest import Scene, name
from titleholder.errors import RetryableError
from titleholder.reconciler.engine import PendingOperation
from titleholder.rollout.intents import Promote, RollBack, UndoPromotion

A, B = name(0), name(1)


@pytest.fixture
def seated(scene: Scene) -> Scene:
    scene.play(scene.wish(0))
    scene.play(scene.wish(1))
    return scene


def begun(scene: Scene, intent: Any, **rollout: Any) -> PendingOperation:
    """The intent as far as an operation that takes long."""
    result = scene.engine(**rollout).run(intent)
    assert isinstance(result, PendingOperation)
    return result


def test_going_back_does_not_wait_for_a_deployment(seated: Scene, faults: Faults) -> None:
    seated.play(Promote(B))
    seated.play(UndoPromotion(A))
    faults.delay_operation("deploy_model", 600)
    begun(seated, seated.wish(2), replacement="surge")
    # The warm previous champion is no operation's: one write brings it back meanwhile.
    seated.engine().run(UndoPromotion(B))
    assert seated.now[0] == {B: 100}


def test_an_undeployment_that_fails_is_worth_another_attempt(seated: Scene, faults: Faults) -> None:
    faults.fail_operation("undeploy_model", "FAILED_PRECONDITION")
    with pytest.raises(RetryableError, match="could not undeploy m1@2"):
        seated.play(RollBack(B))
    seated.play(RollBack(B))
    assert [seat.id for seat in seated.view().deployed_models] == [A]
