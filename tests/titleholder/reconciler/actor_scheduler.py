"""One endpoint with its actors and its manual edits: starts, steps and ends the actors."""

from typing import Any

from google.cloud.aiplatform_v1 import DeployModelRequest, UndeployModelRequest

from tests.titleholder.reconciler.actors import Actor, Died
from tests.titleholder.reconciler.conftest import FakeEnvironment, FakeEventsTable, ModelUnderTest
from tests.titleholder.reconciler.in_memory_vertex import InMemoryVertex
from tests.titleholder.reconciler.manual_edits import ManualEdits
from titleholder.config.rollout import Rollout
from titleholder.errors import RetryableError
from titleholder.events.event import Event
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.reconciler.engine import Converged, PendingOperation, Reconciler
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import Intent

PAUSE, DEFERRED = 2.0, 10.0
MAX_CALLS = 400  # An actor that needs more calls to end never will.


class PausingEventsTable:
    """The events table of one actor: a call to it stops the actor, too, and can fail."""

    table = "tests.events"

    def __init__(self, actor: Actor, events_table: FakeEventsTable) -> None:
        self._actor, self._events_table = actor, events_table

    def append(self, events: list[Event]) -> None:
        order = self._actor.stop("record")
        if order == "lose":
            raise RetryableError("a test dropped the request")
        self._events_table.append(events)
        if order == "die after":
            raise Died("record")
        if order == "lose after":
            raise RetryableError("a test dropped the answer")


class ActorScheduler:
    """The system under test of the state machine. `machines` are the machine settings in the
    model's file now.

    `stale_deployments` are the models deployed, and `stale_undeployments` those undeployed, by a
    plan that is older than another actor's change: nothing at Vertex AI protects these two calls.
    """

    def __init__(self, vertex: InMemoryVertex, replacement: str, keep: bool) -> None:
        self.vertex = vertex
        self.m1 = ModelUnderTest(vertex, "gs://artifacts/any")  # type: ignore[arg-type]
        self.rollout = {"replacement": replacement, "keep_previous_champion": keep}
        self.machines: dict[str, Any] = {}
        self.manual_edits = ManualEdits(self.m1)
        self.actors: list[Actor] = []
        self.weeks: set[int] = set()
        self.stale_deployments: set[str] = set()
        self.stale_undeployments: set[str] = set()

    @property
    def traffic(self) -> list[dict[str, Any]]:
        """Every split that was ever live, oldest first."""
        return self.vertex.traffic.list(self.m1.endpoint)

    @property
    def alive(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.alive]

    @property
    def done(self) -> set[int]:
        """The weeks whose training run has converged."""
        ended = {actor.name for actor in self.actors if actor.result is not None}
        return {week for week in self.weeks if f"week {week}" in ended}

    def start(self, title: str, recorded_as: str, intent: Intent) -> Actor:
        """Start an actor; `recorded_as` is the actor in its events."""
        cause = ChangeContext(run=title, actor=recorded_as)
        actor = Actor(title, lambda actor: self._work(actor, intent, cause))
        actor.before_write = self._before_write
        self.actors.append(actor)
        return actor

    def start_week(self, week: int) -> Actor | None:
        """Start the training run of that week, or its next attempt; None while one is alive."""
        title = f"week {week}"
        if any(actor.name == title for actor in self.alive):
            return None
        self.weeks.add(week)
        return self.start(title, "weekly", self.m1.candidate(week, **self.rollout))

    def run_week(self, week: int) -> Actor:
        """Run the training run of that week to its end."""
        actor = self.start_week(week)
        assert actor is not None
        self.finish(actor)
        return actor

    def finish(self, *actors: Actor) -> None:
        """Step the actors in turn until each has ended."""
        for _ in range(MAX_CALLS):
            if not any(actor.alive for actor in actors):
                return
            for actor in actors:
                if actor.at == "get_operation":
                    # Time passes between polls: fewer calls until all have ended.
                    self.m1.vertex.clock.advance(30)
                if actor.alive:
                    actor.step()
        where = [(actor.name, actor.at) for actor in actors if actor.alive]
        raise AssertionError(f"these actors do not end: {where}")

    def end(self) -> None:
        """End all actors and the local Vertex AI."""
        for actor in self.actors:
            actor.end()
        self.vertex.close()

    def _work(self, actor: Actor, intent: Intent, cause: ChangeContext) -> Converged:
        waiting: PendingOperation | None = None
        clock = self.m1.vertex.clock

        def pause(_: float) -> None:
            actor.stop("pause")
            clock.advance(PAUSE)

        while True:
            # Every attempt, and every resumed deferral, is a process of its own.
            config = self.m1.config(self.machines, **self.rollout)
            engine = Reconciler(
                Endpoints(FakeEnvironment(self.m1.location), config),  # type: ignore[arg-type]
                PausingEventsTable(actor, self.m1.events_table),  # type: ignore[arg-type]
                Rollout(**self.rollout),  # type: ignore[arg-type]
                cause,
                clock,
                pause,
            )
            try:
                result = engine.run(intent, waiting)
            except RetryableError:
                waiting = None
                actor.stop("again")
                clock.advance(DEFERRED)
                continue
            if isinstance(result, Converged):
                return result
            waiting = result
            actor.stop("deferred")
            clock.advance(DEFERRED)

    def _before_write(self, actor: Actor, request: Any) -> None:
        if not isinstance(request, DeployModelRequest | UndeployModelRequest):
            return
        endpoint = self.manual_edits.endpoint()
        if endpoint is None or endpoint.etag == actor.etag:
            return
        if isinstance(request, DeployModelRequest):
            self.stale_deployments.add(request.deployed_model.id)
        else:
            self.stale_undeployments.add(request.deployed_model_id)
