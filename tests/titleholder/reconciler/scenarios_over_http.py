"""Fixtures for scenarios against a local Vertex AI over HTTP, with processes that are killed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.vertex import app
from tests.faults import Faults
from tests.sandbox.conftest import Storage, Vertex
from tests.titleholder.reconciler.conftest import FakeEventsTable, ModelUnderTest
from tests.titleholder.reconciler.in_memory_vertex import NoContainers
from tests.titleholder.reconciler.kill_process_pool import KillPool
from tests.titleholder.reconciler.prepared_scenario import DURATIONS, PreparedScenario
from tests.titleholder.reconciler.scenarios import SCENARIOS


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Vertex]:
    """The server of conftest without containers, which no scenario calls."""
    home: Path = tmp_path_factory.mktemp("scenarios")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Serving", NoContainers)
        server = Vertex(
            home, bucket.host, durations=DURATIONS, faults=True, wait_for_containers=True
        )
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def _prepared() -> dict[str, PreparedScenario]:
    return {}


@pytest.fixture
def prepare(
    _prepared: dict[str, PreparedScenario], m1: ModelUnderTest, faults: Faults
) -> Callable[[str], PreparedScenario]:
    """Returns the scenario of that name, prepared once per module."""

    def prepare(scenario_name: str) -> PreparedScenario:
        if scenario_name not in _prepared:
            start = replace(m1, events_table=FakeEventsTable())
            _prepared[scenario_name] = PreparedScenario(SCENARIOS[scenario_name], faults, start)
        _prepared[scenario_name].faults = faults
        return _prepared[scenario_name]

    return prepare


@pytest.fixture(scope="session")
def kills() -> Iterator[KillPool]:
    """Runs rollouts in processes that are killed."""
    pool = KillPool()
    try:
        yield pool
    finally:
        pool.close()
