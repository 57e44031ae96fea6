"""Rules for every split that was ever live, checked against the server's record of the splits.

They do not use the engine's own functions, so that an error would have to be in both.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any

from tests.titleholder.reconciler.manual_edits import UNMANAGED
from titleholder.events.event import Event

ROLES = ("champion", "challenger", "previous-champion", "last-challenger")


def drift_of(entry: Mapping[str, Any]) -> list[str] | None:
    """How this state differs from the record in its own labels; None when they record nothing."""
    labels, split, deployed = entry["labels"], entry["traffic_split"], entry["deployed"]
    if "champion" not in labels or "last-event" not in labels:
        return None
    champion, challenger = labels["champion"], labels.get("challenger")
    percentage = int(labels.get("challenger-percentage", 0)) if challenger else 0
    wanted = {champion: 100 - percentage}
    wanted |= {challenger: percentage} if challenger and percentage else {}
    live = {one: percentage for one, percentage in split.items() if percentage}
    problems = [] if live == wanted else [f"{live} instead of {wanted}"]
    roles = [one for one in (champion, challenger) if one]
    problems += [f"{one} is not deployed" for one in roles if one not in deployed]
    unmanaged = {*UNMANAGED} - {labels.get(role) for role in ROLES}
    return problems + [f"{one} is unmanaged" for one in deployed if one in unmanaged]


def writes(traffic: Iterable[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """The states before and after every write of a rollout."""
    return [
        (found, left)
        for found, left in pairwise(traffic)
        if left["labels"].get("last-event", "") not in ("", found["labels"].get("last-event"))
    ]


def overwritten_edits(
    traffic: Iterable[Mapping[str, Any]], events: Mapping[str, Event]
) -> list[str]:
    """Writes that replaced a manual edit without an intent to do so."""
    problems = []
    for found, left in writes(traffic):
        change = left["labels"]["last-event"]
        action, event = change.partition("-")[0], events.get(change)
        differences = drift_of(found)
        if differences and action in ("abort", "rollback"):
            problems += wrong_removal(found, left)
        elif differences and action not in ("adopt", "restore"):
            problems.append(f"{change} although {differences}")
        if differences and event and not event.reconstructed and event.actor != action:
            problems.append(f"{change} by {event.actor}, without an intent to do so")
        unrecorded = differences is None and found["deployed"] and action != "adopt"
        if unrecorded and (action != "first_champion" or found["traffic_split"]):
            problems.append(f"{change} on a state that no rollout recorded")
        if action == "adopt" and found["traffic_split"] != left["traffic_split"]:
            problems.append(f"{change} moved traffic")
    return problems


def wrong_removal(found: Mapping[str, Any], left: Mapping[str, Any]) -> list[str]:
    """Changes of a write beyond taking all traffic from one model, the last challenger."""
    before, after = ({k: v for k, v in one["traffic_split"].items() if v} for one in (found, left))
    labels, now = found["labels"], left["labels"]
    removed, champion = now["last-challenger"], labels["champion"]
    risen = [one for one in after if after[one] > before.get(one, 0)]
    wanted = {one: percentage for one, percentage in before.items() if one != removed}
    if removed in before:
        receiver = champion if champion in found["deployed"] else [*risen, ""][0]
        wanted[receiver] = wanted.get(receiver, 0) + before[removed]
    problems = [] if after == wanted else [f"{after} instead of {wanted}"]
    problems += [f"the champion {removed} lost its traffic"] if removed == champion else []
    for role in ("champion", "challenger", "previous-champion"):
        expected = None if labels.get(role) == removed else labels.get(role)
        if now.get(role) != expected:
            problems.append(f"{role}={now.get(role)} instead of {expected}")
    label = "challenger-percentage"
    if now.get("challenger") and now[label] != labels.get(label, "0"):
        problems.append("another traffic percentage is recorded")
    return problems


def event_mismatches(
    traffic: Iterable[Mapping[str, Any]], events: Mapping[str, Event]
) -> list[str]:
    """Writes whose event records another state than the one before or after the write."""
    problems = []
    for found, left in writes(traffic):
        event = events.get(left["labels"]["last-event"])
        if event is None:
            continue
        after = _roles_and_split(left)
        split_unknown = event.reconstructed and event.split_after is None
        if event.after != after and not (split_unknown and event.after[:2] == after[:2]):
            problems.append(f"{event.id} left {after}, not {event.after}")
        if not event.reconstructed and event.before != _roles_and_split(found):
            problems.append(f"{event.id} found {_roles_and_split(found)}, not {event.before}")
    return problems


def undeployed_champions(
    traffic: Iterable[Mapping[str, Any]], by_hand: Collection[str]
) -> list[str]:
    """Champions that were undeployed, but not by hand."""
    problems = []
    for found, left in pairwise(traffic):
        champion = found["labels"].get("champion")
        if champion in found["deployed"] and champion not in {*left["deployed"], *by_hand}:
            problems.append(f"{champion} was champion and is undeployed")
    return problems


def older_models_with_traffic(
    traffic: Iterable[Mapping[str, Any]], weeks: Mapping[str, int]
) -> list[str]:
    """Models that a run gave traffic to after a model of a newer week had received some; `weeks`
    has the week of each deployed model id."""
    problems, newest = [], -1
    for found, left in writes(traffic):
        action = left["labels"]["last-event"].partition("-")[0]
        new = left["traffic_split"].keys() - found["traffic_split"].keys()
        if action in ("deploy_challenger", "first_champion"):
            problems += [f"{one} came after week {newest}" for one in new if weeks[one] < newest]
        newest = max(newest, *(weeks.get(one, -1) for one in left["traffic_split"]), -1)
    return problems


def _roles_and_split(entry: Mapping[str, Any]) -> tuple[str | None, str | None, dict[str, int]]:
    labels, split = entry["labels"], entry["traffic_split"]
    live = {one: percentage for one, percentage in split.items() if percentage}
    return labels.get("champion"), labels.get("challenger"), live
