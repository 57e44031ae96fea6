"""The check before roles or split are changed: when it is called, and the state if it raises."""

from collections.abc import Callable

import pytest

from tests.titleholder.reconciler.conftest import WEEK, ModelUnderTest, id_of_week
from tests.titleholder.reconciler.in_memory_faults import InMemoryFaults
from tests.titleholder.reconciler.scenarios_in_memory import (
    _use_the_local_server as _use_the_local_server,
)
from tests.titleholder.reconciler.scenarios_in_memory import _vertex as _vertex
from tests.titleholder.reconciler.scenarios_in_memory import faults as faults
from tests.titleholder.reconciler.scenarios_in_memory import m1 as m1
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.reconciler.engine import Converged
from titleholder.rollout.intents import Promote, SetTrafficPercentage, UndoPromotion
from titleholder.rollout.view import View

A, B, C = (id_of_week(week) for week in range(3))


class Check:
    """Collects the endpoint's last action at each call; `then` is called at the first."""

    def __init__(self, then: Callable[[], object] | None = None) -> None:
        self.last_actions: list[str] = []
        self._then = then

    def __call__(self, view: View) -> None:
        self.last_actions.append(view.labels.get("last-event", "").partition("-")[0])
        if self._then is not None:
            then, self._then = self._then, None
            then()


def refuse() -> None:
    raise ManualActionRequired("the verdict is outdated; nothing is changed")


@pytest.fixture
def challenged(m1: ModelUnderTest) -> ModelUnderTest:
    """A champion and a challenger; the times of endpoint and models are those of their changes."""
    start = m1.vertex.clock()
    m1.run(m1.candidate(0))
    m1.vertex.clock.advance(WEEK.total_seconds())
    m1.run(m1.candidate(1))
    view = m1.view()
    assert view.created is not None
    assert view.updated is not None
    champion, challenger = (view.deployed_model(one).deployed_at for one in (A, B))  # type: ignore[union-attr]
    assert champion is not None
    assert challenger is not None
    assert start <= view.created < champion < start + WEEK <= challenger <= view.updated
    return m1


def test_the_check_is_called_before_the_write_and_not_after_it(challenged: ModelUnderTest) -> None:
    check = Check()
    assert isinstance(challenged.engine().run(Promote(B), check=check), Converged)
    assert check.last_actions == ["deploy_challenger"]
    assert challenged.now[0] == {B: 100}
    # A repeated intent changes nothing, so there is no check: a repeated run succeeds.
    assert isinstance(challenged.engine().run(Promote(B), check=refuse_view), Converged)


def refuse_view(_: View) -> None:
    refuse()


@pytest.mark.parametrize("intent", [Promote(B), SetTrafficPercentage(B, 50)], ids=str)
def test_a_check_that_raises_leaves_the_endpoint_unchanged(
    challenged: ModelUnderTest, faults: InMemoryFaults, intent: Promote | SetTrafficPercentage
) -> None:
    before = challenged.view()
    for action, kind in ((refuse, ManualActionRequired), (fail, RetryableError)):
        faults.clear()
        with pytest.raises(kind):
            challenged.engine().run(intent, check=Check(action))
        writes = [c for c in faults.calls() if not c["method"].startswith(("get_", "list_"))]
        assert writes == []
    assert challenged.view() == before


def fail() -> None:
    raise RetryableError("BigQuery does not answer, so traffic is not changed")


def test_the_check_comes_before_the_previous_champion_is_undeployed(
    challenged: ModelUnderTest,
) -> None:
    """A promotion undeploys a deployed previous champion first: not if the promotion fails."""
    challenged.run(Promote(B))
    challenged.run(UndoPromotion(A))
    challenged.vertex.endpoints.update_endpoint(
        endpoint={
            "name": challenged.endpoint,
            "labels": {
                **dict(challenged.view().labels),
                **{"champion": A, "challenger": B, "challenger-percentage": "10"},
            },
            "traffic_split": {A: 90, B: 10},
        },
        update_mask={"paths": ["labels", "traffic_split"]},
    )
    deployed = [one.id for one in challenged.view().deployed_models]
    with pytest.raises(ManualActionRequired):
        challenged.engine().run(Promote(B), check=Check(refuse))
    assert [one.id for one in challenged.view().deployed_models] == deployed


def test_the_check_is_called_again_after_a_concurrent_change(challenged: ModelUnderTest) -> None:
    """The write is refused by its etag, and the state is another one now."""
    check = Check(lambda: challenged.run(SetTrafficPercentage(B, 50)))
    challenged.engine().run(Promote(B), check=check)
    assert check.last_actions == ["deploy_challenger", "set_traffic"]


def test_the_check_is_not_called_again_after_a_write_of_the_same_caller(
    m1: ModelUnderTest, faults: InMemoryFaults
) -> None:
    """An endpoint that no rollout has written to is adopted first, in a write of its own, whose
    answer may be lost."""
    vertex = m1.vertex
    vertex.parent = m1.parent
    vertex.upload(m1.artifact, model_id="m1")
    vertex.upload(m1.artifact, parent_model=f"{m1.parent}/models/m1")
    endpoint = vertex.endpoint("m1", display_name="m1").name
    for number, (one, role) in enumerate(((A, "champion"), (B, "challenger")), 1):
        model = f"{m1.parent}/models/m1@{number}"
        split = {"0": 100} if number == 1 else {"0": 10, A: 90}
        title = f"m1-{role}-model"
        vertex.finish(vertex.deploy(endpoint, model, split, id=one, display_name=title))
    faults.drop("update_endpoint", when="after")
    check = Check()
    m1.engine().run(Promote(B), check=check)
    assert check.last_actions == [""]
    assert m1.now[0] == {B: 100}


@pytest.mark.parametrize("fault", ["lost before", "lost after", "fails before", "fails after"])
def test_a_checked_promotion_converges_after_any_fault_of_its_write(
    challenged: ModelUnderTest, faults: InMemoryFaults, fault: str
) -> None:
    how, when = fault.split()
    if how == "lost":
        faults.drop("update_endpoint", when=when)
    else:
        faults.answer("update_endpoint", "UNAVAILABLE", when=when)
    check = Check()
    for _ in range(2):  # The run, and another attempt.
        assert isinstance(challenged.engine().run(Promote(B), check=check), Converged)
    assert challenged.now[0] == {B: 100}
    assert check.last_actions == ["deploy_challenger"] * (2 if when == "before" else 1)
    promotions = [e for e in challenged.events_table.events.values() if e.action == "promote"]
    assert len(promotions) == 1
