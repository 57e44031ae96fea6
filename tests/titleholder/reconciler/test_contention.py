"""What somebody else does between two calls of an actor, one case at a time."""

import re
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.titleholder.reconciler.conftest import Place, Scene, name
from tests.titleholder.reconciler.scenarios import A, B, shift
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.reconciler.engine import Converged
from titleholder.rollout.intents import Abort, RollBack, SetTrafficPercentage
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import resolve_roles
from titleholder.rollout.steps import Deploy

MASK = {"paths": ["traffic_split"]}
READ = r"GET .*/endpoints/m1$"
WRITE = r"PATCH .*/endpoints/m1$"
Overtake = Callable[[str, Callable[[], object]], None]


@pytest.fixture
def overtake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overtake]:
    """Have something done before the next call that matches; what it calls itself is not met."""
    send = requests.Session.send
    ahead: list[tuple[str, Callable[[], object]]] = []

    def sent(session: requests.Session, request: requests.PreparedRequest, **more: object):
        call = f"{request.method} {request.path_url.partition('?')[0]}"
        if ahead and re.fullmatch(ahead[0][0], call):
            ahead.pop(0)[1]()
        return send(session, request, **more)

    monkeypatch.setattr(requests.Session, "send", sent)
    yield lambda call, do: ahead.append((call, do))
    assert not ahead


@pytest.fixture
def challenged(scene: Scene) -> Scene:
    """A is champion, B challenger."""
    for week in range(2):
        scene.play(scene.wish(week))
    return scene


def _deploy(scene: Scene, week: int) -> None:
    """As far as the week's run comes before it gives its model a role."""
    endpoints = Endpoints(Place(scene.location), scene.config())  # type: ignore[arg-type]
    while True:
        view = scene.view()
        step = plan(view, scene.wish(week)).steps[0]
        operation = endpoints.apply(step, view)
        scene.vertex.clock.advance(60)
        scene.vertex.endpoints.wait_operation({"name": operation})
        if isinstance(step, Deploy):
            return


@pytest.mark.parametrize("call", [r"GET .*/models/m1:listVersions", r"GET .*/endpoints", READ])
def test_whatever_is_seen_deployed_is_seen_registered(
    scene: Scene, overtake: Overtake, call: str
) -> None:
    """Else a model of ours that came meanwhile looks like one that somebody deployed by hand."""
    scene.play(scene.wish(0))
    overtake(call, lambda: _deploy(scene, 1))
    found = scene.view()
    assert [seat.id for seat in resolve_roles(found).orphans] == [
        s.id for s in found.deployed_models if s.id != A
    ]
    assert plan(found, scene.wish(2)).steps


def _once(do: Callable[[], object], scene: Scene) -> Callable[[float], None]:
    """A pause in which something is done, the first time."""
    left = [do]

    def pause(seconds: float) -> None:
        if left:
            left.pop()()
        scene.vertex.clock.advance(seconds)

    return pause


def test_a_model_that_got_traffic_while_it_was_to_leave_is_looked_at_anew(
    challenged: Scene,
) -> None:
    """Somebody gave it some who had looked before."""
    write = challenged.vertex.endpoints.update_endpoint
    content = {"name": challenged.endpoint, "traffic_split": {A: 80, B: 20}}
    pause = _once(lambda: write(endpoint=content, update_mask=MASK), challenged)
    with pytest.raises(RetryableError, match=r"could not undeploy m1@2: .*now goes 80 % to m1@1"):
        challenged.engine(pause).run(RollBack(B))


def test_a_model_that_is_leaving_gets_no_traffic(challenged: Scene) -> None:
    challenged.play(Abort(B))

    def share() -> None:
        with pytest.raises(ManualActionRequired, match="m1@2 is not the challenger"):
            challenged.play(SetTrafficPercentage(B, 20))

    assert isinstance(challenged.engine(_once(share, challenged)).run(RollBack(B)), Converged)
    assert [seat.id for seat in challenged.view().deployed_models] == [A]


def test_two_who_want_the_contrary_do_not_fight(challenged: Scene, overtake: Overtake) -> None:
    """The one who finds a change undone is told, and the other one's stands."""
    overtake(WRITE, lambda: None)
    overtake(READ, lambda: challenged.play(SetTrafficPercentage(B, 50)))
    with pytest.raises(
        ManualActionRequired, match="somebody else undid this: abort: 100 % to m1@1"
    ):
        challenged.play(Abort(B))
    assert challenged.now[0] == {A: 50, B: 50}


def test_a_run_withdraws_one_challenger_after_the_other(
    challenged: Scene, overtake: Overtake
) -> None:
    """Both in the same words, but nobody undid the first."""
    overtake(r"POST .*:deployModel", lambda: challenged.play(challenged.wish(2)))
    challenged.play(challenged.wish(3))
    assert challenged.now[0] == {A: 90, name(3): 10}


def test_an_alias_that_another_actor_took_away_first_is_as_wanted(
    challenged: Scene, overtake: Overtake
) -> None:
    overtake(r"POST .*:mergeVersionAliases", lambda: challenged.play(Abort(B)))
    assert isinstance(challenged.play(Abort(B)), Converged)
    assert challenged.view().version("challenger") is None


def test_a_rollback_goes_on_where_the_split_was_changed_by_hand_after_the_look(
    challenged: Scene, overtake: Overtake
) -> None:
    """Such as that of the daily run, which decided before."""

    overtake(WRITE, lambda: shift(challenged, {A: 50, B: 50}))
    challenged.play(RollBack(B))
    assert challenged.now == ({A: 100}, {"champion": A, "last-challenger": B})
    assert [seat.id for seat in challenged.view().deployed_models] == [A]
    *_, last = challenged.notebook.events.values()
    assert last.action == "rollback"
    assert last.split_before == {A: 50, B: 50}
    assert "the split is 50 % to m1@1 and 50 % to m1@2 instead of 90 %" in last.reason
