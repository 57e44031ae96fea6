"""The crash matrix: after any fault at any call, another attempt ends as a run without faults.

In turn, every call to Google in every scenario fails, fails after its effect, loses its answer, or
is the point where the process is killed. The server's record of every split that was ever live is
checked, not only the end.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.titleholder.reconciler.fault_matrix import (
    FaultCase,
    calls_after_refusal,
    fault_cases,
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
    fresh = [case for case in every if case.fresh]
    refused = [case for case in every if not case.fresh and case.kind == "fails before"]
    problems = [one for case in fresh for one in problems_after(case, prepared, kill_pool)]
    problems += [one for case in refused for one in calls_after_refusal(case, prepared, kill_pool)]
    _record(record_property, prepared, fresh + refused)
    assert not problems, "\n".join(problems)


@pytest.mark.long
@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_a_fault_at_any_read_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kill_pool: KillPool, record_property: Record
) -> None:
    prepared = prepare(scenario_name)
    every = [case for kind in KINDS for case in fault_cases(kind, prepared.calls) if not case.fresh]
    problems = [one for case in every for one in problems_after(case, prepared, kill_pool)]
    _record(record_property, prepared, every)
    assert not problems, "\n".join(problems)


def _record(record: Record, prepared: PreparedScenario, tested: list[FaultCase]) -> None:
    record("crashes", {"scenarios": 1, "calls": len(prepared.calls)})
    record("crashes", {kind: sum(one.kind == kind for one in tested) for kind in KINDS})
