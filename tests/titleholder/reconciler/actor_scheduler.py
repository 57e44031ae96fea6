"""One endpoint with its actors and its console: who is started, let go, and ended."""

from typing import Any

from google.cloud.aiplatform_v1 import DeployModelRequest, UndeployModelRequest

from tests.titleholder.reconciler.actors import Actor, Died
from tests.titleholder.reconciler.conftest import Notebook, Place, Scene
from tests.titleholder.reconciler.direct import DirectVertex
from tests.titleholder.reconciler.manual_edits import Console
from titleholder.config.rollout import Rollout
from titleholder.errors import RetryableError
from titleholder.events.event import Event
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.reconciler.engine import Converged, PendingOperation, Reconciler
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import Intent

PAUSE, DEFERRED = 2.0, 10.0
PATIENT = 400  # Calls; whoever needs more of them to come to an end never will.


class Gated:
    """The events table of one actor: the call to it stops the actor, too, and can go wrong."""

    table = "tests.events"

    def __init__(self, actor: Actor, notebook: Notebook) -> None:
        self._actor, self._notebook = actor, notebook

    def append(self, events: list[Event]) -> None:
        order = self._actor.stop("record")
        if order == "lose":
            raise RetryableError("a test dropped the request")
        self._notebook.append(events)
        if order == "die after":
            raise Died("record")
        if order == "lose after":
            raise RetryableError("a test dropped the answer")


class Stage:
    """What a state machine acts on.

    `hasty` are the models deployed, `late` those undeployed by a plan that is older than what
    another one did: nothing at Vertex AI protects these two calls.
    """

    def __init__(self, vertex: DirectVertex, replacement: str, keep: bool) -> None:
        self.vertex = vertex
        self.scene = Scene(vertex, "gs://artifacts/any")  # type: ignore[arg-type]
        self.rollout = {"replacement": replacement, "keep_previous_champion": keep}
        self.console = Console(self.scene)
        self.actors: list[Actor] = []
        self.weeks: set[int] = set()
        self.hasty: set[str] = set()
        self.late: set[str] = set()

    @property
    def traffic(self) -> list[dict[str, Any]]:
        """Every split that was ever live, oldest first."""
        return self.vertex.traffic.list(self.scene.endpoint)

    @property
    def alive(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.alive]

    @property
    def done(self) -> set[int]:
        """The weeks whose run has come through."""
        ended = {actor.name for actor in self.actors if actor.result is not None}
        return {week for week in self.weeks if f"week {week}" in ended}

    def start(self, title: str, actor_is: str, intent: Intent) -> Actor:
        """`actor_is` is what its events say of it."""
        cause = ChangeContext(run=title, actor=actor_is)
        actor = Actor(title, lambda me: self._work(me, intent, cause))
        actor.writing = self._writing
        self.actors.append(actor)
        return actor

    def weekly(self, week: int) -> Actor | None:
        """The run of that week, or its next attempt; None while an attempt is alive."""
        title = f"week {week}"
        if any(actor.name == title for actor in self.alive):
            return None
        self.weeks.add(week)
        return self.start(title, "weekly", self.scene.wish(week, **self.rollout))

    def run(self, week: int) -> Actor:
        """The run of that week, from its beginning to its end."""
        actor = self.weekly(week)
        assert actor is not None
        self.finish(actor)
        return actor

    def finish(self, *actors: Actor) -> None:
        """Let them go in turn until each has come to its end."""
        for _ in range(PATIENT):
            if not any(actor.alive for actor in actors):
                return
            for actor in actors:
                if actor.at == "get_operation":
                    # It is asked for, so time passes: fewer calls until all are at their end.
                    self.scene.vertex.clock.advance(30)
                if actor.alive:
                    actor.step()
        where = [(actor.name, actor.at) for actor in actors if actor.alive]
        raise AssertionError(f"they come to no end: {where}")

    def end(self) -> None:
        """Nobody is left behind."""
        for actor in self.actors:
            actor.end()
        self.vertex.close()

    def _work(self, me: Actor, intent: Intent, cause: ChangeContext) -> Converged:
        waiting: PendingOperation | None = None
        clock = self.scene.vertex.clock

        def pause(_: float) -> None:
            me.stop("pause")
            clock.advance(PAUSE)

        while True:
            # Every attempt, and whoever wakes after a deferral, is a process of its own.
            engine = Reconciler(
                Endpoints(Place(self.scene.location), self.scene.config(**self.rollout)),  # type: ignore[arg-type]
                Gated(me, self.scene.notebook),  # type: ignore[arg-type]
                Rollout(**self.rollout),  # type: ignore[arg-type]
                cause,
                clock,
                pause,
            )
            try:
                result = engine.run(intent, waiting)
            except RetryableError:
                waiting = None
                me.stop("again")
                clock.advance(DEFERRED)
                continue
            if isinstance(result, Converged):
                return result
            waiting = result
            me.stop("deferred")
            clock.advance(DEFERRED)

    def _writing(self, actor: Actor, request: Any) -> None:
        if not isinstance(request, DeployModelRequest | UndeployModelRequest):
            return
        endpoint = self.console.look()
        if endpoint is None or endpoint.etag == actor.etag:
            return
        if isinstance(request, DeployModelRequest):
            self.hasty.add(request.deployed_model.id)
        else:
            self.late.add(request.deployed_model_id)
