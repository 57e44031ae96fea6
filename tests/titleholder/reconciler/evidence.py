"""What a rollout left: told by the server, and judged by its record of every live split."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from tests.faults import unsound
from tests.titleholder.reconciler.conftest import Scene
from tests.titleholder.reconciler.manual_edits import FOREIGN
from titleholder.events.event import NO_CHANGE_ACTIONS, Event, champion_at, history

CHANGE = "last-event"


def left_by(scene: Scene) -> dict[str, Any]:
    """All there is in the scene's place, without what differs from run to run; and its events."""

    def get(what: str, name: str) -> list[dict[str, Any]]:
        answer = scene.vertex.http.get(f"/v1/{name}")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json().get(what, [])
        return found

    models = get("models", f"{scene.parent}/models")
    operations = get("operations", f"{scene.parent}/operations")
    return {
        "endpoints": [_endpoint(one) for one in get("endpoints", f"{scene.parent}/endpoints")],
        "versions": sorted(
            (_last(model["name"]), one["versionId"], *sorted(one.get("versionAliases", [])))
            for model in models
            for one in get("models", f"{model['name']}:listVersions")
        ),
        "operations": Counter(_last(one["metadata"]["@type"]) for one in operations),
        "events": Counter((event.action, repr(event.after)) for event in all_events(scene)),
    }


def all_events(scene: Scene) -> list[Event]:
    """Every event of the scene, oldest first."""
    return history(scene.notebook.events.values())


def _endpoint(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": _last(one["name"]),
        "split": one.get("trafficSplit", {}),
        "labels": {k: v for k, v in one.get("labels", {}).items() if k != CHANGE},
        "deployed": sorted(
            (seat["id"], seat["displayName"], _last(seat["model"]), seat["modelVersionId"])
            for seat in one.get("deployedModels", [])
        ),
    }


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def broken(traffic: Iterable[dict[str, Any]], most: int) -> list[str]:
    """What was ever wrong with what was live: DESIGN section 6, and more than `most` models."""
    entries = list(traffic)
    wrong = unsound(entries)
    crowned = False
    seen: set[str] = set()
    for entry in entries:
        champion = entry["labels"].get("champion")
        crowned |= champion is not None
        seen |= {*entry["deployed"]}
        # One that a person undeployed before is not there, and gets none.
        there = champion in seen or champion is None
        if crowned and there and entry["traffic_split"].get(champion, 0) == 0:
            wrong.append(f"the champion {champion} has no traffic: {entry['traffic_split']}")
        if len({*entry["deployed"]} - {*FOREIGN}) > most:
            wrong.append(f"{len(entry['deployed'])} models are deployed: {entry['deployed']}")
    return wrong


def unexplained(scene: Scene, traffic: Iterable[dict[str, Any]], known: set[str]) -> list[str]:
    """Changes without their one event, and where the chain of events does not lead to the end;
    `known` are the events of the time before the record of `traffic`."""
    entries = list(traffic)
    written = {e["labels"][CHANGE] for e in entries if CHANGE in e["labels"]}
    changes = [event for event in all_events(scene) if event.action not in NO_CHANGE_ACTIONS]
    told = {event.id for event in changes}
    wrong = [f"{change} has no event" for change in written - told]
    wrong += [f"{event} is of no change" for event in told - written - known]
    if not changes or not entries:
        return wrong
    for one, following in pairwise(changes):
        if not following.reconstructed and one.after[:2] != following.before[:2]:
            wrong.append(f"{following.id} does not follow on {one.id}")
    labels, split = entries[-1]["labels"], entries[-1]["traffic_split"]
    end = (labels.get("champion"), labels.get("challenger"), split)
    if changes[-1].after != end:
        wrong.append(f"the last event leaves {changes[-1].after}, the endpoint is {end}")
    made = champion_at(changes, scene.vertex.clock() + timedelta(days=1))
    if made is None or made.champion_after != labels.get("champion"):
        wrong.append(f"the events say that {made} made the champion, who is {end[0]}")
    return wrong
