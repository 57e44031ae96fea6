"""The rollout engine against a local Vertex AI with faults and a clock to turn.

Google's own clients speak to it over HTTP; every test has a location of its own.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from sandbox.vertex.app import PROJECT_NUMBER
from tests.faults import Faults
from tests.sandbox.conftest import IMAGE, Storage, Vertex
from tests.sandbox.conftest import bucket as bucket
from titleholder.config.model import ModelConfig
from titleholder.events.event import Event
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.intervals import Interval
from titleholder.naming import TrainingRun
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.contract import CandidateModel
from titleholder.reconciler.engine import Converged, PendingOperation, Reconciler
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import DeployCandidate, Intent
from titleholder.rollout.view import View

WEEK = timedelta(days=7)
FIRST = datetime(2026, 9, 7, 3, tzinfo=UTC)
_LOCATIONS = itertools.count(1)


@dataclass
class Notebook:
    """Events as the table keeps them: each id once, a full one rather than a reconstructed one."""

    table: str = "tests.events"
    events: dict[str, Event] = field(default_factory=dict)

    def append(self, events: list[Event]) -> None:
        for event in events:
            known = self.events.get(event.id)
            if known is None or (known.reconstructed and not event.reconstructed):
                self.events[event.id] = event


@dataclass(frozen=True)
class Place:
    """An environment in one location of the local Vertex AI."""

    location: str
    project: str = PROJECT_NUMBER
    credentials: Any = field(default_factory=AnonymousCredentials)


@dataclass
class Scene:
    """One model `m1` and its endpoint, in a location of their own."""

    vertex: Vertex
    artifact: str
    notebook: Notebook = field(default_factory=Notebook)
    location: str = field(default_factory=lambda: f"scene-{next(_LOCATIONS)}")

    @property
    def parent(self) -> str:
        return f"projects/{PROJECT_NUMBER}/locations/{self.location}"

    @property
    def endpoint(self) -> str:
        return f"{self.parent}/endpoints/m1"

    def config(self, **rollout: Any) -> ModelConfig:
        return ModelConfig.model_validate(
            {
                "model": "m1",
                "owner": "tests",
                "schedule": "0 3 * * 1",
                "start_date": datetime(2026, 1, 5).date(),
                "source": {"table": "tests.m", "timestamp": "at"},
                "pipeline": {"template": "m.yaml"},
                "gate": {"min_score": 50},
                "endpoint": {"display_name": "m1", "create": True},
                "rollout": rollout,
            }
        )

    def wish(self, week: int, generation: int = 0, **rollout: Any) -> DeployCandidate:
        """The weekly run's intent over the `week`-th week."""
        end = FIRST + week * WEEK
        run = TrainingRun("m1", Interval(end - WEEK, end), generation)
        candidate = CandidateModel(self.artifact, IMAGE, "1.6.1", 90.0, "0" * 64)
        return deploy_candidate(self.config(**rollout), run, candidate, "fresh")

    def engine(self, pause: Callable[[float], None] | None = None, **rollout: Any) -> Reconciler:
        """The engine as a task has it; a pause turns the server's clock."""
        config = self.config(**rollout)
        return Reconciler(
            Endpoints(Place(self.location), config),  # type: ignore[arg-type]
            self.notebook,  # type: ignore[arg-type]
            config.rollout,
            ChangeContext(run="tests", actor="tests"),
            self.vertex.clock,
            pause or self.vertex.clock.advance,
        )

    def play(self, intent: Intent, **rollout: Any) -> Converged:
        """The intent, to its end: a task that defers is resumed when the clock has moved on."""
        waiting: PendingOperation | None = None
        engine = self.engine(**rollout)
        for _ in range(500):  # What is loaded takes real time.
            result = engine.run(intent, waiting)
            if isinstance(result, Converged):
                return result
            waiting = result
            self.vertex.clock.advance(10)
        raise AssertionError(f"{intent} came to no end, waiting for {waiting}")

    def view(self) -> View:
        return Endpoints(Place(self.location), self.config()).observe()  # type: ignore[arg-type]

    @property
    def now(self) -> tuple[dict[str, int], dict[str, str]]:
        """Split and roles of the endpoint."""
        view = self.view()
        roles = ("champion", "challenger", "previous-champion", "last-challenger")
        return view.split, {k: v for k, v in view.labels.items() if k in roles}


def name(week: int, generation: int = 0) -> str:
    """The deployed model id of that week's run."""
    end = FIRST + week * WEEK
    return TrainingRun("m1", Interval(end - WEEK, end), generation).deployed_model_id


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Vertex]:
    server = Vertex(tmp_path_factory.mktemp("rollouts"), bucket.host, faults=True)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def scene(_server: Vertex, bucket: Storage) -> Scene:
    """An empty place."""
    return Scene(_server, bucket.put_constant(1))


@pytest.fixture
def faults(_server: Vertex) -> Iterator[Faults]:
    """Faults in that Vertex AI, none at first and none left behind."""
    found = Faults(_server.url)
    found.clear()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(autouse=True)
def _led_to_the_sandbox(_server: Vertex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", _server.url)
