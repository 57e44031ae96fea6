"""The crash matrix: after any fault at any call, another attempt ends as a run without faults.

Every call to Google in every scenario fails, fails after its effect, loses its answer, or is the
point where the process is killed: one of these always, the others in the long tests. The server's
record of every split that was ever live is checked, not only the end.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.titleholder.reconciler.fault_matrix import (
    FaultCase,
    calls_after_refusal,
    fault_cases,
    in_turn,
    problems_after,
)
from tests.titleholder.reconciler.kill_process_pool import KillPool
from tests.titleholder.reconciler.prepared_scenario import PreparedScenario
from tests.titleholder.reconciler.prepared_scenario import _prepared as _prepared
from tests.titleholder.reconciler.prepared_scenario import _server as _server
from tests.titleholder.reconciler.prepared_scenario import prepare as prepare
from tests.titleholder.reconciler.scenarios import SCENARIOS

KINDS = ("fails before", "fails after", "answer lost", "killed before", "killed after")
Prepare = Callable[[str], PreparedScenario]
Record = Callable[[str, object], None]


@pytest.fixture(scope="session")
def kill_pool() -> Iterator[KillPool]:
    """Runs rollouts in processes that are killed."""
    pool = KillPool()
    try:
        yield pool
    finally:
        pool.close()


@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_any_fault_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kill_pool: KillPool, record_property: Record
) -> None:
    """Another attempt starts from every state that a fault may leave.

    Attempts that end at two consecutive reads, without a write, an event or time in between, leave
    the same state. A killed process cannot have sent anything more; a refused one must not have.
    """
    prepared = prepare(scenario_name)
    every = [one for kind in KINDS for one in fault_cases(kind, prepared.calls)]
    fresh = _tested_always(every, scenario_name)
    refused = [
        case for case in every if not case.fresh and case.kind == "fails before" and case.nth == 1
    ]
    problems = [one for case in fresh for one in problems_after(case, prepared, kill_pool)]
    problems += [one for case in refused for one in calls_after_refusal(case, prepared, kill_pool)]
    _record(record_property, prepared, fresh + refused)
    assert not problems, "\n".join(problems)


@pytest.mark.long
@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_every_other_fault_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kill_pool: KillPool, record_property: Record
) -> None:
    """The kinds of fault whose turn it is not above, and faults at every read."""
    prepared = prepare(scenario_name)
    every = [one for kind in KINDS for one in fault_cases(kind, prepared.calls)]
    always = _tested_always(every, scenario_name)
    others = [case for case in every if case not in always]
    refused = [case for case in others if not case.fresh and case.kind == "fails before"]
    problems = [one for case in others for one in problems_after(case, prepared, kill_pool)]
    problems += [one for case in refused for one in calls_after_refusal(case, prepared, kill_pool)]
    _record(record_property, prepared, others)
    assert not problems, "\n".join(problems)


def _tested_always(cases: list[FaultCase], scenario_name: str) -> list[FaultCase]:
    """One fault at each call that has a state of its own before it."""
    fresh = (case for case in cases if case.fresh)
    return list(in_turn(fresh, [*SCENARIOS].index(scenario_name)))


def _record(record: Record, prepared: PreparedScenario, tested: list[FaultCase]) -> None:
    record("crashes", {"scenarios": 1, "calls": len(prepared.calls)})
    record("crashes", {kind: sum(one.kind == kind for one in tested) for kind in KINDS})
