"""Actors, faults and manual edits on one endpoint, as a state machine that hypothesis drives."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.titleholder.reconciler.actor_scheduler import ActorScheduler
from tests.titleholder.reconciler.actors import Actor
from tests.titleholder.reconciler.fake_channel import FakeChannel
from tests.titleholder.reconciler.in_memory_vertex import InMemoryVertex
from tests.titleholder.reconciler.invariants import broken_invariants, settle
from tests.titleholder.reconciler.manual_edits import STARTING_STATES
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
    UpdateResources,
)

MAX_ACTORS = 3
INTENTS: dict[str, tuple[str, Callable[[str], Intent]]] = {
    # The intents of an operator, with the role of their target at that time.
    "promote": ("challenger", Promote),
    "rollback": ("challenger", RollBack),
    "abort": ("challenger", Abort),
    "set_traffic": ("challenger", lambda one: SetTrafficPercentage(one, 50)),
    "set_traffic again": ("last-challenger", lambda one: SetTrafficPercentage(one, 20)),
    "undo_promotion": ("previous-champion", UndoPromotion),
    "update_resources": ("champion", lambda one: UpdateResources()),
    "adopt": ("champion", lambda one: Adopt()),
    "restore": ("champion", lambda one: Restore()),
}
EDITS = (
    *("set_split", "move_traffic", "remove_label", "undeploy", "undeploy_champion"),
    *("add_unmanaged", "delete_version"),
)
MACHINES: tuple[dict[str, Any], ...] = (
    {},
    {"min_replicas": 2},
    {"machine_type": "n1-standard-8"},
    {"machine_type": "n1-standard-8", "max_replicas": 3},
)
picks = st.integers(0, 5)


class Examples:
    """Counts the examples; each has a local Vertex AI of its own."""

    def __init__(self) -> None:
        self.channel = FakeChannel()
        self.finished = 0

    def new_vertex(self) -> InMemoryVertex:
        """An empty local Vertex AI."""
        return InMemoryVertex(self.channel)


class Rollouts(RuleBasedStateMachine):
    """Each rule is one action; afterwards everything must settle and every invariant hold."""

    examples: Examples

    @initialize(
        starting_state=st.sampled_from(["nothing", *STARTING_STATES]),
        replacement=st.sampled_from(["recreate", "surge"]),
        keep=st.sampled_from([True, True, False]),
        week=st.integers(1, 3),
    )
    def set_up(self, starting_state: str, replacement: str, keep: bool, week: int) -> None:
        self.scheduler = ActorScheduler(self.examples.new_vertex(), replacement, keep)
        if starting_state != "nothing":
            self.scheduler.manual_edits.set_up(starting_state)
        self.scheduler.start_week(week)

    def actor(self, pick: int) -> Actor:
        alive = self.scheduler.alive
        return alive[pick % len(alive)]

    @precondition(lambda self: self.scheduler.alive)
    @rule(pick=picks, calls=st.integers(1, 15))
    def actor_steps(self, pick: int, calls: int) -> None:
        actor = self.actor(pick)
        for _ in range(calls):
            if not actor.alive:
                return
            actor.step()

    @precondition(lambda self: self.scheduler.alive)
    @rule(pick=picks, order=st.sampled_from(["die", "die after", "lose", "lose after"]))
    def actor_fails(self, pick: int, order: Any) -> None:
        self.actor(pick).step(order)

    @precondition(lambda self: len(self.scheduler.alive) < MAX_ACTORS)
    @rule(week=st.integers(0, 3))
    def weekly_run(self, week: int) -> None:
        self.scheduler.start_week(week)

    @precondition(lambda self: len(self.scheduler.alive) < MAX_ACTORS)
    @rule(intent_name=st.sampled_from([*INTENTS]))
    def operator(self, intent_name: str) -> None:
        endpoint = self.scheduler.manual_edits.endpoint()
        role, intent = INTENTS[intent_name]
        target = endpoint.labels.get(role) if endpoint is not None else None
        if target is not None:
            title = intent_name.partition(" ")[0]
            self.scheduler.start(f"{title} {len(self.scheduler.actors)}", title, intent(target))

    @precondition(lambda self: len(self.scheduler.alive) < MAX_ACTORS)
    @rule(intent=st.sampled_from([Abort, RollBack]), pick=picks)
    def emergency(self, intent: Any, pick: int) -> None:
        """Take the traffic from any model."""
        endpoint = self.scheduler.manual_edits.endpoint()
        if endpoint is not None and endpoint.deployed_models:
            ids = [one.id for one in endpoint.deployed_models]
            title = "abort" if intent is Abort else "rollback"
            target = intent(ids[pick % len(ids)])
            self.scheduler.start(f"{title} {len(self.scheduler.actors)}", title, target)

    @rule(kind=st.sampled_from(EDITS), pick=picks)
    def edited_by_hand(self, kind: str, pick: int) -> None:
        self.scheduler.manual_edits.edit(kind, pick)

    @rule(machines=st.sampled_from(MACHINES))
    def file_edited(self, machines: dict[str, Any]) -> None:
        """Another version of the model's file has other machine settings."""
        self.scheduler.machines = machines

    @rule(seconds=st.sampled_from([3, 30]))
    def time_passes(self, seconds: float) -> None:
        self.scheduler.m1.vertex.clock.advance(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        try:
            settle(self.scheduler, adopts=self.scheduler.manual_edits.edits % 2 == 0)
            broken = broken_invariants(self.scheduler)
            assert not broken, broken
        finally:
            self.scheduler.end()
            self.examples.finished += 1
