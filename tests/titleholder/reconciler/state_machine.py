"""Who may do what to one endpoint, and when: a state machine for hypothesis to drive."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.titleholder.reconciler.actor_scheduler import Stage
from tests.titleholder.reconciler.actors import Actor
from tests.titleholder.reconciler.channel import Channel
from tests.titleholder.reconciler.direct import DirectVertex
from tests.titleholder.reconciler.invariants import settle, wrongs
from tests.titleholder.reconciler.manual_edits import BEGINNINGS
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)

AT_ONCE = 3
WISHES: dict[str, tuple[str, Callable[[str], Intent]]] = {
    # What an operator wants, and about whom: the role that the model has when they say so.
    "promote": ("challenger", Promote),
    "rollback": ("challenger", RollBack),
    "abort": ("challenger", Abort),
    "share": ("challenger", lambda one: SetTrafficPercentage(one, 50)),
    "share again": ("last-challenger", lambda one: SetTrafficPercentage(one, 20)),
    "reinstate": ("previous-champion", UndoPromotion),
    "adopt": ("champion", lambda one: Adopt()),
    "restore": ("champion", lambda one: Restore()),
}
EDITS = ("share", "move", "unlabel", "undeploy", "depose", "deploy_foreign", "delete")
which = st.integers(0, 5)


class Theatre:
    """Where many examples are played, each in an empty place."""

    def __init__(self) -> None:
        self.channel = Channel()
        self.played = 0

    def place(self) -> DirectVertex:
        """An empty one."""
        return DirectVertex(self.channel)


class Rollouts(RuleBasedStateMachine):
    """Every rule is somebody who does something; they go on for as long as hypothesis lets them."""

    theatre: Theatre

    @initialize(
        beginning=st.sampled_from(["nothing", *BEGINNINGS]),
        replacement=st.sampled_from(["recreate", "surge"]),
        keep=st.sampled_from([True, True, False]),
        week=st.integers(1, 3),
    )
    def begin(self, beginning: str, replacement: str, keep: bool, week: int) -> None:
        self.stage = Stage(self.theatre.place(), replacement, keep)
        if beginning != "nothing":
            self.stage.console.begin(beginning)
        self.stage.weekly(week)

    def actor(self, pick: int) -> Actor:
        alive = self.stage.alive
        return alive[pick % len(alive)]

    @precondition(lambda self: self.stage.alive)
    @rule(pick=which, calls=st.integers(1, 15))
    def goes_on(self, pick: int, calls: int) -> None:
        actor = self.actor(pick)
        for _ in range(calls):
            if not actor.alive:
                return
            actor.step()

    @precondition(lambda self: self.stage.alive)
    @rule(pick=which, order=st.sampled_from(["die", "die after", "lose", "lose after"]))
    def fails(self, pick: int, order: Any) -> None:
        self.actor(pick).step(order)

    @precondition(lambda self: len(self.stage.alive) < AT_ONCE)
    @rule(week=st.integers(0, 3))
    def weekly_run(self, week: int) -> None:
        self.stage.weekly(week)

    @precondition(lambda self: len(self.stage.alive) < AT_ONCE)
    @rule(wish=st.sampled_from([*WISHES]))
    def operator(self, wish: str) -> None:
        endpoint = self.stage.console.look()
        role, intent = WISHES[wish]
        about = endpoint.labels.get(role) if endpoint is not None else None
        if about is not None:
            title = wish.partition(" ")[0]
            self.stage.start(f"{title} {len(self.stage.actors)}", title, intent(about))

    @precondition(lambda self: len(self.stage.alive) < AT_ONCE)
    @rule(intent=st.sampled_from([Abort, RollBack]), pick=which)
    def emergency(self, intent: Any, pick: int) -> None:
        """One model is to lose its traffic, whatever it is."""
        endpoint = self.stage.console.look()
        if endpoint is not None and endpoint.deployed_models:
            ids = [one.id for one in endpoint.deployed_models]
            title = "abort" if intent is Abort else "rollback"
            about = intent(ids[pick % len(ids)])
            self.stage.start(f"{title} {len(self.stage.actors)}", title, about)

    @rule(kind=st.sampled_from(EDITS), pick=which)
    def edited_by_hand(self, kind: str, pick: int) -> None:
        self.stage.console.edit(kind, pick)

    @rule(seconds=st.sampled_from([3, 30]))
    def time_passes(self, seconds: float) -> None:
        self.stage.scene.vertex.clock.advance(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        try:
            settle(self.stage, adopts=self.stage.console.edits % 2 == 0)
            found = wrongs(self.stage)
            assert not found, found
        finally:
            self.stage.end()
            self.theatre.played += 1
