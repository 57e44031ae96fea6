"""The crash matrix: after any fault at any call, another attempt ends as a run without faults.

Every call to Google in every scenario fails, fails after its effect, loses its answer, or is the
point where the process ends: one of these always, each of them in the long tests. The record of
every split that was ever live is checked, not only the end. test_crashes_over_http.py has the same
with a server and with processes that are killed.
"""

from collections.abc import Callable

import pytest

from tests.titleholder.reconciler.fault_matrix import all_cases, check, one_case_for_each_state
from tests.titleholder.reconciler.prepared_scenario import PreparedScenario
from tests.titleholder.reconciler.scenarios import SCENARIOS
from tests.titleholder.reconciler.scenarios_in_memory import InMemoryKills
from tests.titleholder.reconciler.scenarios_in_memory import (
    _use_the_local_server as _use_the_local_server,
)
from tests.titleholder.reconciler.scenarios_in_memory import _vertex as _vertex
from tests.titleholder.reconciler.scenarios_in_memory import kills as kills
from tests.titleholder.reconciler.scenarios_in_memory import prepare as prepare

Prepare = Callable[[str], PreparedScenario]
Record = Callable[[str, object], None]


@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_any_fault_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kills: InMemoryKills, record_property: Record
) -> None:
    """Another attempt starts from every state that a fault may leave."""
    prepared = prepare(scenario_name)
    cases = one_case_for_each_state(scenario_name, prepared)
    check(cases, prepared, kills, record_property)


@pytest.mark.long
@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_every_kind_of_fault_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kills: InMemoryKills, record_property: Record
) -> None:
    """Every kind of fault at every call."""
    prepared = prepare(scenario_name)
    check(all_cases(prepared), prepared, kills, record_property)
