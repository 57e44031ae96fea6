"""The state after a rollout as the server reports it, and checks of its record of all splits."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from tests.faults import unsound
from tests.titleholder.reconciler.conftest import ModelUnderTest
from tests.titleholder.reconciler.manual_edits import UNMANAGED
from titleholder.events.event import NO_CHANGE_ACTIONS, Event, champion_at, history

LAST_EVENT = "last-event"


def final_state(m1: ModelUnderTest) -> dict[str, Any]:
    """Everything in the location of `m1`, without what differs between runs; and its events."""
    endpoints, models = m1.vertex.endpoints, m1.vertex.models
    operations = endpoints.list_operations({"name": m1.parent}).operations
    return {
        "endpoints": [_endpoint(one) for one in endpoints.list_endpoints(parent=m1.parent)],
        "versions": sorted(
            (_last(model.name), one.version_id, *sorted(one.version_aliases))
            for model in models.list_models(parent=m1.parent)
            for one in models.list_model_versions(name=model.name)
        ),
        "operations": Counter(_last(one.metadata.type_url) for one in operations),
        "events": Counter(
            (event.action, *event.after[:2], *sorted((event.after[2] or {}).items()))
            for event in all_events(m1)
        ),
    }


def all_events(m1: ModelUnderTest) -> list[Event]:
    """Every event of `m1`, oldest first."""
    return history(m1.events_table.events.values())


def _endpoint(one: Any) -> dict[str, Any]:
    return {
        "name": _last(one.name),
        "split": dict(one.traffic_split),
        "labels": {k: v for k, v in one.labels.items() if k != LAST_EVENT},
        "deployed": sorted(
            (
                deployed.id,
                deployed.display_name,
                _last(deployed.model),
                deployed.model_version_id,
                deployed.dedicated_resources.machine_spec.machine_type,
                deployed.dedicated_resources.min_replica_count,
            )
            for deployed in one.deployed_models
        ),
    }


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def traffic_problems(traffic: Iterable[dict[str, Any]], most: int) -> list[str]:
    """Unsound splits, a champion without traffic, and more than `most` models, at any time."""
    entries = list(traffic)
    problems = unsound(entries)
    has_champion = False
    seen: set[str] = set()
    for entry in entries:
        champion = entry["labels"].get("champion")
        has_champion |= champion is not None
        seen |= {*entry["deployed"]}
        # A champion that was undeployed by hand before has none.
        there = champion in seen or champion is None
        if has_champion and there and entry["traffic_split"].get(champion, 0) == 0:
            problems.append(f"the champion {champion} has no traffic: {entry['traffic_split']}")
        if len({*entry["deployed"]} - {*UNMANAGED}) > most:
            problems.append(f"{len(entry['deployed'])} models are deployed: {entry['deployed']}")
    return problems


def event_problems(
    m1: ModelUnderTest, traffic: Iterable[dict[str, Any]], known: set[str]
) -> list[str]:
    """Changes without exactly one event, and gaps in the chain of events up to the last state;
    `known` are the events from before the record of `traffic`."""
    entries = list(traffic)
    written = {e["labels"][LAST_EVENT] for e in entries if LAST_EVENT in e["labels"]}
    changes = [event for event in all_events(m1) if event.action not in NO_CHANGE_ACTIONS]
    event_ids = {event.id for event in changes}
    problems = [f"{change} has no event" for change in written - event_ids]
    problems += [f"{event} belongs to no change" for event in event_ids - written - known]
    if not changes or not entries:
        return problems
    for one, following in pairwise(changes):
        if not following.reconstructed and one.after[:2] != following.before[:2]:
            problems.append(f"{following.id} does not follow on {one.id}")
    labels, split = entries[-1]["labels"], entries[-1]["traffic_split"]
    end = (labels.get("champion"), labels.get("challenger"), split)
    if changes[-1].after != end:
        problems.append(f"the last event leaves {changes[-1].after}, the endpoint is {end}")
    made = champion_at(changes, m1.vertex.clock() + timedelta(days=1))
    champion = m1.view().deployed_model(end[0])
    # A version that was deployed again has another id.
    known = {end[0], champion.model if champion is not None else None}
    if made is None or not known & {
        made.champion_after,
        made.version_text(made.champion_after or ""),
    }:
        problems.append(f"the events say that {made} made the champion, which is {end[0]}")
    return problems
