"""How it ends once everybody may go on, and what must have held until then."""

from collections import Counter
from itertools import pairwise
from typing import Any

from tests.faults import unsound
from tests.titleholder.reconciler.actor_scheduler import Stage
from tests.titleholder.reconciler.conftest import name
from tests.titleholder.reconciler.manual_edits import BEGUN, FOREIGN
from tests.titleholder.reconciler.splits import (
    backfilled,
    by_hand,
    deposed,
    lost,
    overwritten,
    writes,
)
from titleholder.config.rollout import Rollout
from titleholder.events.event import NO_CHANGE_ACTIONS
from titleholder.rollout.intents import Adopt, Intent, Restore
from titleholder.rollout.plan import plan


def settle(stage: Stage, adopts: bool) -> None:
    """Everybody comes to an end; a person decides about what was done by hand; then a run of a
    newer week comes through, and those before it are superseded, or done, when they run again."""
    stage.finish(*stage.alive)
    stage.scene.vertex.clock.advance(60)  # What a person began is over, too.
    newest = max(stage.weeks, default=1) + 1
    last = stage.run(newest)
    refused = [str(one.refusal) for one in stage.actors if one.refusal and "week" in one.name]
    if any(one.name.startswith("share") for one in stage.actors):
        # A share brings back the challenger that a run has just withdrawn: the run gives way.
        refused = [one for one in refused if not one.startswith("somebody else undid this: ")]
    assert stage.console.edits or not refused, refused
    if last.refusal is not None:
        assert stage.console.edits, f"nobody changed anything by hand: {last.refusal}"
        _decide(stage, adopts)
        last = stage.run(newest)
    assert last.result is not None, str(last.refusal)
    for week in sorted(stage.weeks - stage.done):
        again = stage.run(week)
        assert again.result is not None, str(again.refusal)
        assert not again.result.plan.steps
    _as_wanted(stage, newest)


def _decide(stage: Stage, adopts: bool) -> None:
    choices: list[tuple[str, Intent]] = [("adopt", Adopt()), ("restore", Restore())]
    told = []
    for title, intent in choices if adopts else choices[::-1]:
        actor = stage.start(title, title, intent)
        stage.finish(actor)
        if actor.result is not None:
            return
        told.append(str(actor.refusal))
    stage.console.tidy()
    actor = stage.start("adopt", "adopt", Adopt())
    stage.finish(actor)
    assert actor.result is not None, [*told, str(actor.refusal)]


def _as_wanted(stage: Stage, newest: int) -> None:
    view, me = stage.scene.view(), name(newest)
    policy = Rollout(**stage.rollout)  # type: ignore[arg-type]
    wish = stage.scene.wish(newest, **stage.rollout)
    assert plan(view, wish, policy).steps == ()
    champion = view.labels["champion"]
    assert view.split == ({me: 100} if champion == me else {champion: 90, me: 10})
    assert {seat.id for seat in view.deployed_models} == {champion, me}
    assert view.version(
        "challenger" if champion != me else "champion"
    ) == view.version_for_deployment(me)
    made = Counter(v.reference for v in view.versions)
    runs = {stage.scene.wish(week).version.alias for week in {*stage.weeks, *stage.console.weeks}}
    assert not made - Counter(runs)
    assert runs - {*made} <= stage.console.deleted


def wrongs(stage: Stage) -> list[str]:
    """Every promise that was broken at some time."""
    traffic = stage.traffic[stage.console.begun :]
    events = stage.scene.notebook.events
    wrong = unsound(traffic)
    wrong += overwritten(traffic, events) + lost(traffic, events)
    wrong += deposed(traffic, stage.console.undeployed)
    weeks = {*stage.weeks, *stage.console.weeks}
    wrong += backfilled(traffic, {name(week): week for week in weeks})
    wrong += _crowded(stage, traffic) + _untold(stage, traffic) + _silent(stage, traffic)
    for entry in traffic:
        if not stage.console.edits and (found := by_hand(entry)):
            wrong.append(f"nobody changed anything by hand: {found}")
    return wrong


def _crowded(stage: Stage, traffic: list[dict[str, Any]]) -> list[str]:
    most = 3 if stage.rollout["replacement"] == "surge" else 2
    return [
        f"{entry['deployed']} are deployed"
        for entry in traffic
        if len(set(entry["deployed"]) - {*FOREIGN, *stage.hasty}) > most
    ]


def _silent(stage: Stage, traffic: list[dict[str, Any]]) -> list[str]:
    """Nobody is left to answer: to be excused only where a person undeployed the champion and gave
    all requests to a model whose undeployment was under way."""
    wrong = []
    for found, left in pairwise(traffic):
        if found["traffic_split"] and not left["traffic_split"]:
            gone = set(found["deployed"]) - set(left["deployed"])
            champion = found["labels"].get("champion")
            if not (gone <= stage.late and champion in stage.console.undeployed):
                wrong.append(f"nobody answers once {sorted(gone)} is gone")
    return wrong


def _untold(stage: Stage, traffic: list[dict[str, Any]]) -> list[str]:
    """Changes without an event, and events without a change."""
    changes = {left["labels"]["last-event"] for _, left in writes(traffic)}
    # Whoever adopts an endpoint without a model takes all labels off it, that name among them.
    told = {
        e.id
        for e in stage.scene.notebook.events.values()
        if e.action not in NO_CHANGE_ACTIONS and e.after != (None, None, {})
    }
    return [f"no event: {one}" for one in changes - told - stage.console.unlabelled] + [
        f"no change: {one}" for one in told - changes - {BEGUN}
    ]
