"""Two callers on one endpoint while an operation runs or fails."""

import pytest

from tests.faults import FaultKinds
from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week
from tests.titleholder.reconciler.scenarios_in_memory import (
    _use_the_local_server as _use_the_local_server,
)
from tests.titleholder.reconciler.scenarios_in_memory import _vertex as _vertex
from tests.titleholder.reconciler.scenarios_in_memory import faults as faults
from tests.titleholder.reconciler.scenarios_in_memory import m1 as m1
from titleholder.errors import RetryableError
from titleholder.reconciler.engine import PendingOperation
from titleholder.rollout.intents import Promote, RollBack, UndoPromotion

A, B = id_of_week(0), id_of_week(1)


@pytest.fixture
def challenged(m1: ModelUnderTest) -> ModelUnderTest:
    m1.run(m1.candidate(0))
    m1.run(m1.candidate(1))
    return m1


def test_undoing_a_promotion_does_not_wait_for_a_deployment(
    challenged: ModelUnderTest, faults: FaultKinds
) -> None:
    challenged.run(Promote(B))
    challenged.run(UndoPromotion(A))
    faults.delay_operation("deploy_model", 600)
    waiting = challenged.engine(replacement="surge").run(challenged.candidate(2))
    assert isinstance(waiting, PendingOperation)
    # The previous champion is still deployed: one write brings it back meanwhile.
    challenged.engine().run(UndoPromotion(B))
    assert challenged.now[0] == {B: 100}


def test_another_attempt_undeploys_after_a_failed_undeployment(
    challenged: ModelUnderTest, faults: FaultKinds
) -> None:
    faults.fail_operation("undeploy_model", "FAILED_PRECONDITION")
    with pytest.raises(RetryableError, match="could not undeploy m1@2"):
        challenged.run(RollBack(B))
    challenged.run(RollBack(B))
    assert [one.id for one in challenged.view().deployed_models] == [A]
