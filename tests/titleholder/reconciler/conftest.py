"""The rollout engine against a local Vertex AI with faults and a manual clock.

Google's own clients call it over HTTP; every test uses a location of its own.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from sandbox.state import PROJECT_NUMBER
from tests.faults import Faults
from tests.sandbox.conftest import CONSTANT, Storage, Vertex
from tests.sandbox.conftest import bucket as bucket
from titleholder.config.model import ModelConfig
from titleholder.data_intervals import Interval
from titleholder.events.event import Event
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.naming import TrainingRun, deployed_model_ids_of
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel
from titleholder.reconciler.engine import Converged, PendingOperation, Reconciler
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import DeployCandidate, Intent
from titleholder.rollout.view import View

WEEK = timedelta(days=7)
FIRST = datetime(2026, 9, 7, 3, tzinfo=UTC)
CONTAINER = ContainerSpec(image_uri=CONSTANT)
_LOCATIONS = itertools.count(1)


@dataclass
class FakeEventsTable:
    """An events table in memory: one event for each id, the full one if there is one."""

    table: str = "tests.events"
    events: dict[str, Event] = field(default_factory=dict)

    def append(self, events: list[Event]) -> None:
        for event in events:
            known = self.events.get(event.id)
            if known is None or (known.reconstructed and not event.reconstructed):
                self.events[event.id] = event


@dataclass(frozen=True)
class FakeEnvironment:
    """One location of the local Vertex AI."""

    location: str
    project: str = PROJECT_NUMBER
    credentials: Any = field(default_factory=AnonymousCredentials)


@dataclass
class ModelUnderTest:
    """The model `m1` with its endpoint, in a location of its own."""

    vertex: Vertex
    artifact: str
    events_table: FakeEventsTable = field(default_factory=FakeEventsTable)
    location: str = field(default_factory=lambda: f"place-{next(_LOCATIONS)}")

    @property
    def parent(self) -> str:
        return f"projects/{PROJECT_NUMBER}/locations/{self.location}"

    @property
    def endpoint(self) -> str:
        return f"{self.parent}/endpoints/m1"

    def config(self, machines: dict[str, Any] | None = None, **rollout: Any) -> ModelConfig:
        """Its file; `machines` are more keys of the section `endpoint`."""
        return ModelConfig.model_validate(
            {
                "model": "m1",
                "owner": "tests",
                "schedule": "0 3 * * 1",
                "start_date": datetime(2026, 1, 5).date(),
                "source": {"table": "tests.m", "timestamp": "at"},
                "pipeline": {"template": "m.yaml"},
                "gate": {"min_score": 50},
                "endpoint": {"display_name": "m1", "create": True, **(machines or {})},
                "rollout": rollout,
            }
        )

    def candidate(
        self, week: int, generation: int = 0, container: ContainerSpec = CONTAINER, **rollout: Any
    ) -> DeployCandidate:
        """The intent of the training run on that week."""
        end = FIRST + week * WEEK
        run = TrainingRun("m1", Interval(end - WEEK, end), generation)
        candidate = CandidateModel(self.artifact, container, "1.6.1", 90.0, "0" * 64)
        return deploy_candidate(self.config(**rollout), run, candidate, "fresh")

    def engine(self, pause: Callable[[float], None] | None = None, **rollout: Any) -> Reconciler:
        """The engine as a task uses it; a pause advances the server's clock."""
        config = self.config(**rollout)
        return Reconciler(
            Endpoints(FakeEnvironment(self.location), config),  # type: ignore[arg-type]
            self.events_table,  # type: ignore[arg-type]
            config.rollout,
            ChangeContext(run="tests", actor="tests"),
            self.vertex.clock,
            pause or self.vertex.clock.advance,
        )

    def run(self, intent: Intent, **rollout: Any) -> Converged:
        """Run the intent until it converges; after a deferral the clock advances ten seconds."""
        waiting: PendingOperation | None = None
        engine = self.engine(**rollout)
        for _ in range(500):  # Loading a model takes real time.
            result = engine.run(intent, waiting)
            if isinstance(result, Converged):
                return result
            waiting = result
            self.vertex.clock.advance(10)
        raise AssertionError(f"{intent} did not converge; it waits for {waiting}")

    def view(self) -> View:
        return Endpoints(FakeEnvironment(self.location), self.config()).observe()  # type: ignore[arg-type]

    @property
    def now(self) -> tuple[dict[str, int], dict[str, str]]:
        """Traffic split and roles of the endpoint."""
        view = self.view()
        roles = ("champion", "challenger", "previous-champion", "last-challenger")
        return view.split, {k: v for k, v in view.labels.items() if k in roles}


def id_of_week(week: int, generation: int = 0) -> str:
    """The deployed model id of the training run on that week."""
    end = FIRST + week * WEEK
    return TrainingRun("m1", Interval(end - WEEK, end), generation).deployed_model_id


def ids_of_week(week: int) -> tuple[str, ...]:
    """The primary and the alternate deployed model id of the training run on that week."""
    end = FIRST + week * WEEK
    return deployed_model_ids_of(TrainingRun("m1", Interval(end - WEEK, end), 0).name)


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Vertex]:
    home = tmp_path_factory.mktemp("rollouts")
    server = Vertex(home, bucket.host, faults=True, wait_for_containers=True)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def m1(_server: Vertex, bucket: Storage) -> ModelUnderTest:
    """A model in an empty location."""
    return ModelUnderTest(_server, bucket.put_constant(1))


@pytest.fixture
def faults(_server: Vertex) -> Iterator[Faults]:
    """Fault injection into that Vertex AI; cleared before and after each test."""
    injected = Faults(_server.url)
    injected.clear()
    try:
        yield injected
    finally:
        injected.close()


@pytest.fixture(autouse=True)
def _use_the_local_server(_server: Vertex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", _server.url)
