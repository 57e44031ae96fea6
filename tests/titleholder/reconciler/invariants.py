"""The end state once every actor has ended, and the invariants that must hold until then."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tests.faults import unsound
from tests.titleholder.reconciler.actor_scheduler import ActorScheduler
from tests.titleholder.reconciler.conftest import id_of_week, ids_of_week
from tests.titleholder.reconciler.manual_edits import SETUP_EVENT, UNMANAGED
from tests.titleholder.reconciler.split_rules import (
    drift_of,
    event_mismatches,
    older_models_with_traffic,
    overwritten_edits,
    undeployed_champions,
    writes,
)
from titleholder.config.rollout import Rollout
from titleholder.events.event import NO_CHANGE_ACTIONS
from titleholder.rollout.intents import Adopt, Intent, Restore, UpdateResources
from titleholder.rollout.plan import plan


def settle(scheduler: ActorScheduler, adopts: bool) -> None:
    """Run every actor to its end, and resolve drift. Then a newer week converges, and the weeks
    before it change nothing when they run again: they are superseded, or had converged. At last
    all models get the machine settings of the file."""
    scheduler.finish(*scheduler.alive)
    scheduler.m1.vertex.clock.advance(60)  # Operations of manual edits end, too.
    newest = max(scheduler.weeks, default=1) + 1
    last = scheduler.run_week(newest)
    refused = [str(one.refusal) for one in scheduler.actors if one.refusal and "week" in one.name]
    if any(one.name.startswith("set_traffic") for one in scheduler.actors):
        # set_traffic brings back a challenger that a run has just removed: the run gives way.
        refused = [one for one in refused if not one.startswith("another caller undid this: ")]
    assert scheduler.manual_edits.edits or not refused, refused
    if last.refusal is not None:
        assert scheduler.manual_edits.edits, f"without a manual edit: {last.refusal}"
        _resolve_drift(scheduler, adopts)
        last = scheduler.run_week(newest)
    assert last.result is not None, str(last.refusal)
    for week in sorted(scheduler.weeks - scheduler.done):
        again = scheduler.run_week(week)
        assert again.result is not None, str(again.refusal)
        assert not again.result.plan.steps
    _check_converged(scheduler, newest)
    update = scheduler.start("update_resources", "update_resources", UpdateResources())
    scheduler.finish(update)
    assert update.result is not None, str(update.refusal)
    config = scheduler.m1.config(scheduler.machines, **scheduler.rollout)
    view = replace(scheduler.m1.view(), configured=config.endpoint)
    assert plan(view, UpdateResources()).steps == ()
    managed = [one for one in view.deployed_models if one.id not in UNMANAGED]
    assert {one.resources for one in managed} <= {config.endpoint.resources}


def _resolve_drift(scheduler: ActorScheduler, adopts: bool) -> None:
    choices: list[tuple[str, Intent]] = [("adopt", Adopt()), ("restore", Restore())]
    refused = []
    for title, intent in choices if adopts else choices[::-1]:
        actor = scheduler.start(title, title, intent)
        scheduler.finish(actor)
        if actor.result is not None:
            return
        refused.append(str(actor.refusal))
    scheduler.manual_edits.clean_up()
    actor = scheduler.start("adopt", "adopt", Adopt())
    scheduler.finish(actor)
    assert actor.result is not None, [*refused, str(actor.refusal)]


def _check_converged(scheduler: ActorScheduler, newest: int) -> None:
    m1, edits = scheduler.m1, scheduler.manual_edits
    view, newest_id = m1.view(), id_of_week(newest)
    rollout = Rollout(**scheduler.rollout)  # type: ignore[arg-type]
    assert plan(view, m1.candidate(newest, **scheduler.rollout), rollout).steps == ()
    champion = view.labels["champion"]
    alone = champion == newest_id
    assert view.split == ({newest_id: 100} if alone else {champion: 90, newest_id: 10})
    assert {deployed.id for deployed in view.deployed_models} == {champion, newest_id}
    alias = "champion" if alone else "challenger"
    assert view.version(alias) == view.version_for_deployment(newest_id)
    registered = Counter(version.reference for version in view.versions)
    runs = {m1.candidate(week).version.alias for week in {*scheduler.weeks, *edits.weeks}}
    assert not registered - Counter(runs)
    assert runs - {*registered} <= edits.deleted


def broken_invariants(scheduler: ActorScheduler) -> list[str]:
    """Every violation of an invariant, at any time."""
    traffic = scheduler.traffic[scheduler.manual_edits.setup_states :]
    events = scheduler.m1.events_table.events
    problems = unsound(traffic)
    problems += overwritten_edits(traffic, events) + event_mismatches(traffic, events)
    problems += undeployed_champions(traffic, scheduler.manual_edits.undeployed)
    weeks = {*scheduler.weeks, *scheduler.manual_edits.weeks}
    problems += older_models_with_traffic(
        traffic, {one: week for week in weeks for one in ids_of_week(week)}
    )
    problems += _crowding(scheduler, traffic) + _event_problems(scheduler, traffic)
    problems += _endpoints_without_traffic(scheduler, traffic)
    for entry in traffic:
        if not scheduler.manual_edits.edits and (differences := drift_of(entry)):
            problems.append(f"drift without a manual edit: {differences}")
    return problems


def _crowding(scheduler: ActorScheduler, traffic: list[dict[str, Any]]) -> list[str]:
    # A model that gets other machines is deployed twice meanwhile.
    updates = sum(actor.name.startswith("update_resources") for actor in scheduler.actors)
    most = (3 if scheduler.rollout["replacement"] == "surge" else 2) + min(updates, 1)
    return [
        f"{entry['deployed']} are deployed"
        for entry in traffic
        if len(set(entry["deployed"]) - {*UNMANAGED, *scheduler.stale_deployments}) > most
    ]


def _endpoints_without_traffic(
    scheduler: ActorScheduler, traffic: list[dict[str, Any]]
) -> list[str]:
    """An endpoint without traffic is accepted only where a manual edit undeployed the champion, or
    any model while there was none, and so gave all traffic to a model whose undeployment was
    running."""
    problems = []
    for found, left in pairwise(traffic):
        if found["traffic_split"] and not left["traffic_split"]:
            removed = set(found["deployed"]) - set(left["deployed"])
            champion = found["labels"].get("champion")
            undeployed = scheduler.manual_edits.undeployed
            by_hand = champion in undeployed if champion else bool(undeployed)
            if not (removed <= scheduler.stale_undeployments and by_hand):
                problems.append(f"no model has traffic once {sorted(removed)} is undeployed")
    return problems


def _event_problems(scheduler: ActorScheduler, traffic: list[dict[str, Any]]) -> list[str]:
    """Changes without an event, and events without a change."""
    changes = {left["labels"]["last-event"] for _, left in writes(traffic)}
    unreadable = scheduler.manual_edits.unreadable_events
    # Adopting an endpoint without a model removes all labels, that of the event among them.
    event_ids = {
        e.id
        for e in scheduler.m1.events_table.events.values()
        if e.action not in NO_CHANGE_ACTIONS and e.after != (None, None, {})
    }
    return [f"no event: {one}" for one in changes - event_ids - unreadable] + [
        f"no change: {one}" for one in event_ids - changes - {SETUP_EVENT}
    ]
