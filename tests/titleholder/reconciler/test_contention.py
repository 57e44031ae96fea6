"""Changes by another caller between two calls of an actor, one case at a time."""

import re
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.titleholder.reconciler.conftest import FakeEnvironment, ModelUnderTest, id_of_week
from tests.titleholder.reconciler.scenarios import A, B, set_split_by_hand
from tests.titleholder.reconciler.scenarios_over_http import _server as _server
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.reconciler.engine import Converged
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.intents import Abort, RollBack, SetTrafficPercentage
from titleholder.rollout.plan import plan
from titleholder.rollout.steps import Deploy

MASK = {"paths": ["traffic_split"]}
READ = r"GET .*/endpoints/m1$"
WRITE = r"PATCH .*/endpoints/m1$"
Overtake = Callable[[str, Callable[[], object]], None]


@pytest.fixture
def overtake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overtake]:
    """Calls a function before the next call that matches; its own calls do not match again."""
    send = requests.Session.send
    pending: list[tuple[str, Callable[[], object]]] = []

    def send_after(session: requests.Session, request: requests.PreparedRequest, **more: object):
        call = f"{request.method} {request.path_url.partition('?')[0]}"
        if pending and re.fullmatch(pending[0][0], call):
            pending.pop(0)[1]()
        return send(session, request, **more)

    monkeypatch.setattr(requests.Session, "send", send_after)
    yield lambda call, do: pending.append((call, do))
    assert not pending


@pytest.fixture
def challenged(m1: ModelUnderTest) -> ModelUnderTest:
    """A is champion, B challenger."""
    for week in range(2):
        m1.run(m1.candidate(week))
    return m1


def _deploy(m1: ModelUnderTest, week: int) -> None:
    """Run the steps of that week's training run until its model is deployed, without a role."""
    endpoints = Endpoints(FakeEnvironment(m1.location), m1.config())  # type: ignore[arg-type]
    while True:
        view = m1.view()
        step = plan(view, m1.candidate(week)).steps[0]
        operation = endpoints.apply(step, view)
        m1.vertex.clock.advance(60)
        m1.vertex.endpoints.wait_operation({"name": operation})
        if isinstance(step, Deploy):
            return


@pytest.mark.parametrize("call", [r"GET .*/models/m1:listVersions", r"GET .*/endpoints", READ])
def test_every_deployed_model_in_a_view_is_registered_in_it(
    m1: ModelUnderTest, overtake: Overtake, call: str
) -> None:
    """Otherwise a model that a run deployed meanwhile would look like one deployed by hand."""
    m1.run(m1.candidate(0))
    overtake(call, lambda: _deploy(m1, 1))
    view = m1.view()
    without_role = [one.id for one in view.deployed_models if one.id != A]
    assert [one.id for one in resolve_roles(view).orphans] == without_role
    assert plan(view, m1.candidate(2)).steps


def _once(do: Callable[[], object], m1: ModelUnderTest) -> Callable[[float], None]:
    """A pause that calls `do` the first time."""
    pending = [do]

    def pause(seconds: float) -> None:
        if pending:
            pending.pop()()
        m1.vertex.clock.advance(seconds)

    return pause


def test_a_model_that_receives_traffic_during_its_undeployment_stays(
    challenged: ModelUnderTest,
) -> None:
    """Another caller, with an older view, gave it traffic."""
    write = challenged.vertex.endpoints.update_endpoint
    content = {"name": challenged.endpoint, "traffic_split": {A: 80, B: 20}}
    pause = _once(lambda: write(endpoint=content, update_mask=MASK), challenged)
    with pytest.raises(RetryableError, match=r"could not undeploy m1@2: .*now goes 80 % to m1@1"):
        challenged.engine(pause).run(RollBack(B))


def test_a_model_that_is_being_undeployed_receives_no_traffic(challenged: ModelUnderTest) -> None:
    challenged.run(Abort(B))

    def set_traffic() -> None:
        with pytest.raises(ManualActionRequired, match="m1@2 is not the challenger"):
            challenged.run(SetTrafficPercentage(B, 20))

    assert isinstance(challenged.engine(_once(set_traffic, challenged)).run(RollBack(B)), Converged)
    assert [one.id for one in challenged.view().deployed_models] == [A]


def test_a_caller_does_not_repeat_a_change_that_another_caller_undid(
    challenged: ModelUnderTest, overtake: Overtake
) -> None:
    """It raises, and the other caller's change stays."""
    overtake(WRITE, lambda: None)
    overtake(READ, lambda: challenged.run(SetTrafficPercentage(B, 50)))
    with pytest.raises(
        ManualActionRequired, match="another caller undid this: abort: 100 % to m1@1"
    ):
        challenged.run(Abort(B))
    assert challenged.now[0] == {A: 50, B: 50}


def test_a_run_may_remove_two_challengers_in_succession(
    challenged: ModelUnderTest, overtake: Overtake
) -> None:
    """Both steps read the same, but no caller undid the first."""
    overtake(r"POST .*:deployModel", lambda: challenged.run(challenged.candidate(2)))
    challenged.run(challenged.candidate(3))
    assert challenged.now[0] == {A: 90, id_of_week(3): 10}


def test_an_alias_that_another_actor_removed_first_is_accepted(
    challenged: ModelUnderTest, overtake: Overtake
) -> None:
    overtake(r"POST .*:mergeVersionAliases", lambda: challenged.run(Abort(B)))
    assert isinstance(challenged.run(Abort(B)), Converged)
    assert challenged.view().version("challenger") is None


def test_a_rollback_continues_after_a_manual_change_of_the_split(
    challenged: ModelUnderTest, overtake: Overtake
) -> None:
    """The manual change came after the view, as after the decision of a daily run."""
    overtake(WRITE, lambda: set_split_by_hand(challenged, {A: 50, B: 50}))
    challenged.run(RollBack(B))
    assert challenged.now == ({A: 100}, {"champion": A, "last-challenger": B})
    assert [one.id for one in challenged.view().deployed_models] == [A]
    *_, last = challenged.events_table.events.values()
    assert last.action == "rollback"
    assert last.split_before == {A: 50, B: 50}
    assert "the split is 50 % to m1@1 and 50 % to m1@2 instead of 90 %" in last.reason
