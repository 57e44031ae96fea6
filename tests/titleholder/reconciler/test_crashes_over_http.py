"""The crash matrix over HTTP: connections really break, and processes really get SIGKILL."""

from collections.abc import Callable

import pytest

from tests.titleholder.reconciler.fault_matrix import all_cases, check, one_case_for_each_state
from tests.titleholder.reconciler.kill_process_pool import KillPool
from tests.titleholder.reconciler.prepared_scenario import PreparedScenario
from tests.titleholder.reconciler.scenarios import SCENARIOS
from tests.titleholder.reconciler.scenarios_over_http import _prepared as _prepared
from tests.titleholder.reconciler.scenarios_over_http import _server as _server
from tests.titleholder.reconciler.scenarios_over_http import kills as kills
from tests.titleholder.reconciler.scenarios_over_http import prepare as prepare

Prepare = Callable[[str], PreparedScenario]
Record = Callable[[str, object], None]
# Together they make every call that changes something.
EVERY_WRITE = ("first", "replace-surge", "promote-keep-none", "update-replicas", "update-machines")


@pytest.mark.parametrize("scenario_name", EVERY_WRITE)
def test_the_attempt_after_a_fault_of_any_write_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kills: KillPool, record_property: Record
) -> None:
    prepared = prepare(scenario_name)
    cases = [case for case in one_case_for_each_state(scenario_name, prepared) if case.write]
    check(cases, prepared, kills, record_property)


@pytest.mark.long
@pytest.mark.parametrize("scenario_name", SCENARIOS)
def test_the_attempt_after_every_kind_of_fault_ends_as_a_run_without_faults(
    scenario_name: str, prepare: Prepare, kills: KillPool, record_property: Record
) -> None:
    """Every kind of fault at every call."""
    prepared = prepare(scenario_name)
    check(all_cases(prepared), prepared, kills, record_property)
