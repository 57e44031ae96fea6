"""Fixtures for tests against a local Vertex AI in memory, whose calls cost a tenth."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.vertex.operations import lifecycle
from tests.titleholder.reconciler.actors import Died
from tests.titleholder.reconciler.conftest import ModelUnderTest
from tests.titleholder.reconciler.fake_channel import FakeChannel
from tests.titleholder.reconciler.in_memory_faults import InMemoryFaults
from tests.titleholder.reconciler.in_memory_vertex import Inline, InMemoryVertex
from tests.titleholder.reconciler.kill_process_pool import KillPoint
from tests.titleholder.reconciler.prepared_scenario import DURATIONS, PreparedScenario
from tests.titleholder.reconciler.scenarios import SCENARIOS
from titleholder.gcp.vertex import endpoints
from titleholder.rollout.intents import Intent


class InMemoryKills:
    """Runs rollouts that end at a call as a killed process does: no `except Exception` sees it."""

    def run(
        self, m1: ModelUnderTest, intent: Intent, rollout: dict[str, Any], kill_point: KillPoint
    ) -> int:
        """`m1.run`, which ends there; minus SIGKILL, or 0 where it did not."""
        faults, calls = m1.vertex.faults, 0

        def kill(method: str, when: str) -> None:
            nonlocal calls
            counts = not kill_point.writes or not method.startswith(("get_", "list_"))
            calls += counts and when == "before"
            here = calls == kill_point.nth and counts
            if here and when == ("after" if kill_point.after else "before"):
                raise Died(method)

        before, faults.kill = faults.kill, kill
        try:
            m1.run(intent, **rollout)
        except Died:
            return -signal.SIGKILL
        finally:
            faults.kill = before
        return 0


@pytest.fixture(scope="session")
def _vertex() -> Iterator[InMemoryVertex]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lifecycle, "ThreadPoolExecutor", Inline)
        vertex = InMemoryVertex(FakeChannel(), DURATIONS)
    yield vertex
    vertex.close()


@pytest.fixture(autouse=True)
def _use_the_local_server(_vertex: InMemoryVertex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces that of conftest, which starts a server."""
    monkeypatch.setattr(endpoints, "make_client", lambda kind, _: _vertex.channel.client(kind))


@pytest.fixture
def m1(_vertex: InMemoryVertex) -> ModelUnderTest:
    """A model in an empty location."""
    return ModelUnderTest(_vertex, "gs://artifacts/any")


@pytest.fixture
def faults(_vertex: InMemoryVertex) -> Iterator[InMemoryFaults]:
    """Its faults; cleared before and after each test."""
    _vertex.faults.clear()
    yield _vertex.faults
    _vertex.faults.clear()


@pytest.fixture(scope="session")
def prepare(_vertex: InMemoryVertex) -> Callable[[str], PreparedScenario]:
    """Returns the scenario of that name, prepared once."""
    prepared: dict[str, PreparedScenario] = {}

    def prepare(scenario_name: str) -> PreparedScenario:
        if scenario_name not in prepared:
            start = ModelUnderTest(_vertex, "gs://artifacts/any")
            prepared[scenario_name] = PreparedScenario(
                SCENARIOS[scenario_name], _vertex.faults, start
            )
        _vertex.faults.clear()
        return prepared[scenario_name]

    return prepare


@pytest.fixture
def kills() -> InMemoryKills:
    """Runs rollouts that end at a call as a killed process does."""
    return InMemoryKills()
