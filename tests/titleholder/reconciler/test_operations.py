"""Operations that fail, that take hours, or that never end."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.titleholder.reconciler.conftest import ModelUnderTest
from tests.titleholder.reconciler.prepared_scenario import PreparedScenario
from tests.titleholder.reconciler.scenarios import B
from tests.titleholder.reconciler.scenarios_in_memory import (
    _use_the_local_server as _use_the_local_server,
)
from tests.titleholder.reconciler.scenarios_in_memory import _vertex as _vertex
from tests.titleholder.reconciler.scenarios_in_memory import prepare as prepare
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.reconciler.engine import Converged, PendingOperation
from titleholder.rollout.intents import Abort

# The operations that the scenarios start.
STARTED = [
    ("first", "create_endpoint"),
    ("first", "upload_model"),
    ("first", "deploy_model"),
    ("replace", "undeploy_model"),
    ("replace", "upload_model"),
    ("replace", "deploy_model"),
    ("replace-surge", "deploy_model"),
    ("replace-surge", "undeploy_model"),
    ("replace-previous-champion", "undeploy_model"),
    ("promote-keep-none", "undeploy_model"),
    ("roll-back", "undeploy_model"),
    ("undo-promotion-undeployed", "undeploy_model"),
    ("undo-promotion-undeployed", "deploy_model"),
    ("restore-undeployed", "deploy_model"),
    ("unmanaged", "deploy_model"),
]


Prepare = Callable[[str], PreparedScenario]


@pytest.mark.parametrize(("scenario_name", "method"), STARTED)
@pytest.mark.parametrize(
    ("status", "error", "when"),
    [
        ("UNAVAILABLE", RetryableError, "before"),
        ("PERMISSION_DENIED", ManualActionRequired, "after"),
        pytest.param("UNAVAILABLE", RetryableError, "after", marks=pytest.mark.long),
        pytest.param("PERMISSION_DENIED", ManualActionRequired, "before", marks=pytest.mark.long),
    ],
)
def test_an_operation_fails(
    prepare: Prepare,
    scenario_name: str,
    method: str,
    status: str,
    error: type[Exception],
    when: str,
) -> None:
    prepared = prepare(scenario_name)
    m1 = prepared.copy()
    prepared.faults.fail_operation(method, status, when=when, message="No more machines.")
    with pytest.raises(error, match=r"No more machines.*live traffic now goes") as raised:
        prepared.run(m1)
    assert f"{m1.location}/" in str(raised.value)  # the operation's name
    prepared.run(m1)
    assert not prepared.problems(m1, failed=when == "before")


@pytest.mark.parametrize(("scenario_name", "method"), STARTED)
@pytest.mark.parametrize("keeps_waiting", [True, False])
def test_an_operation_takes_hours(
    prepare: Prepare, scenario_name: str, method: str, keeps_waiting: bool
) -> None:
    prepared = prepare(scenario_name)
    m1 = prepared.copy()
    prepared.faults.delay_operation(method, 2 * 60 * 60)
    polls: Counter[str] = Counter()
    waiting = None
    while not isinstance(result := _attempt(prepared, m1, waiting), Converged):
        assert f"{m1.location}/" in result.operation
        polls[result.operation] += 1
        waiting = result if keeps_waiting else None
        if polls[result.operation] <= 3:  # Then it is due; loading takes real time.
            m1.vertex.clock.advance(50 * 60)
    assert max(polls.values()) >= 3
    assert not prepared.problems(m1)


@pytest.mark.parametrize(("scenario_name", "method"), STARTED)
@pytest.mark.parametrize("started_here", [True, False])
def test_an_operation_never_ends(
    prepare: Prepare, scenario_name: str, method: str, started_here: bool
) -> None:
    prepared = prepare(scenario_name)
    m1 = prepared.copy()
    prepared.faults.delay_operation(method, 10**9)
    waiting = _start_operation(prepared, m1, method)
    if not started_here:  # Another attempt, without the PendingOperation, takes over.
        waiting = _attempt(prepared, m1, None)
    assert isinstance(waiting, PendingOperation)
    assert bool(waiting.step) is started_here
    for _ in range(3):
        m1.vertex.clock.advance(59 * 60)
        assert _attempt(prepared, m1, waiting) == waiting
    m1.vertex.clock.advance(5 * 60)
    with pytest.raises(ManualActionRequired, match="has not ended in 3:00:00; cancel it") as raised:
        _attempt(prepared, m1, waiting)
    assert waiting.operation in str(raised.value)
    m1.vertex.endpoints.cancel_operation({"name": waiting.operation})
    prepared.run(m1)
    assert not prepared.problems(m1, failed=1)


def test_an_abort_does_not_wait_for_a_deployment(prepare: Prepare) -> None:
    prepared = prepare("replace-surge")
    m1 = prepared.copy()
    prepared.faults.delay_operation("deploy_model", 2 * 60 * 60)
    _start_operation(prepared, m1, "deploy_model")
    before = m1.vertex.clock()
    m1.run(Abort(B))
    assert B not in m1.view().split
    assert m1.vertex.clock() == before


def _attempt(
    prepared: PreparedScenario, m1: ModelUnderTest, waiting: PendingOperation | None
) -> Converged | PendingOperation:
    """One attempt, with fewer polls while it waits in place."""
    clock = m1.vertex.clock
    engine = m1.engine(lambda seconds: clock.advance(10 * seconds), **prepared.scenario.rollout)
    return engine.run(prepared.scenario.intent(m1), waiting)


def _start_operation(
    prepared: PreparedScenario, m1: ModelUnderTest, method: str
) -> PendingOperation:
    """Attempts until `method` has started an operation; its PendingOperation."""
    waiting: Converged | PendingOperation | None = None
    for _ in range(1_000):  # Loading a model takes real time.
        waiting = _attempt(prepared, m1, waiting)
        assert isinstance(waiting, PendingOperation)
        if method.partition("_")[0].replace("upload", "register") in waiting.step:
            return waiting
        m1.vertex.clock.advance(1)
    raise AssertionError(f"no operation of {method}, but {waiting}")
