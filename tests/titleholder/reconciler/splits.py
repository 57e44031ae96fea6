"""What must hold of every split that was ever live, read off the server's record of them.

Written anew, not with the engine's own functions, so that both would have to be wrong.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any

from tests.titleholder.reconciler.manual_edits import FOREIGN
from titleholder.events.event import Event

ROLES = ("champion", "challenger", "previous-champion", "last-challenger")


def by_hand(entry: Mapping[str, Any]) -> list[str] | None:
    """How this state differs from what its own labels record; None when they record nothing."""
    labels, split, deployed = entry["labels"], entry["traffic_split"], entry["deployed"]
    if "champion" not in labels or "last-event" not in labels:
        return None
    champion, challenger = labels["champion"], labels.get("challenger")
    share = int(labels.get("challenger-percentage", 0)) if challenger else 0
    wanted = {champion: 100 - share} | ({challenger: share} if challenger and share else {})
    live = {one: share for one, share in split.items() if share}
    wrong = [] if live == wanted else [f"{live} instead of {wanted}"]
    wrong += [f"{one} is gone" for one in (champion, challenger) if one and one not in deployed]
    known = {labels.get(role) for role in ROLES}
    return wrong + [f"{one} is foreign" for one in deployed if one in FOREIGN and one not in known]


def writes(traffic: Iterable[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Every write of a rollout: the state it found, and the one it left."""
    return [
        (found, left)
        for found, left in pairwise(traffic)
        if left["labels"].get("last-event", "") not in ("", found["labels"].get("last-event"))
    ]


def overwritten(traffic: Iterable[Mapping[str, Any]], events: Mapping[str, Event]) -> list[str]:
    """Writes that put something in the place of a person's edit without having been told to."""
    wrong = []
    for found, left in writes(traffic):
        change = left["labels"]["last-event"]
        action, event = change.partition("-")[0], events.get(change)
        differences = by_hand(found)
        if differences and action in ("abort", "rollback"):
            wrong += taken(found, left)
        elif differences and action not in ("adopt", "restore"):
            wrong.append(f"{change} although {differences}")
        if differences and event and not event.reconstructed and event.actor != action:
            wrong.append(f"{change} by {event.actor}, who was not told to")
        if differences is None and found["deployed"] and action != "adopt":
            told = f"{change} on what no rollout recorded"
            if action != "first_champion" or found["traffic_split"]:
                wrong.append(told)
        if action == "adopt" and found["traffic_split"] != left["traffic_split"]:
            wrong.append(f"{change} moved traffic")
    return wrong


def taken(found: Mapping[str, Any], left: Mapping[str, Any]) -> list[str]:
    """What a write changed beyond taking all requests from one model, which is withdrawn by it."""
    before, after = ({k: v for k, v in one["traffic_split"].items() if v} for one in (found, left))
    labels, now = found["labels"], left["labels"]
    gone, champion = now["last-challenger"], labels["champion"]
    risen = [one for one in after if after[one] > before.get(one, 0)]
    wanted = {one: share for one, share in before.items() if one != gone}
    if gone in before:
        heir = champion if champion in found["deployed"] else [*risen, ""][0]
        wanted[heir] = wanted.get(heir, 0) + before[gone]
    wrong = [] if after == wanted else [f"{after} instead of {wanted}"]
    wrong += [f"the champion {gone} lost its traffic"] if gone == champion else []
    for role in ("champion", "challenger", "previous-champion"):
        kept = None if labels.get(role) == gone else labels.get(role)
        wrong += [] if now.get(role) == kept else [f"{role}={now.get(role)} instead of {kept}"]
    share = "challenger-percentage"
    if now.get("challenger") and now[share] != labels.get(share, "0"):
        wrong.append("another share is recorded")
    return wrong


def lost(traffic: Iterable[Mapping[str, Any]], events: Mapping[str, Event]) -> list[str]:
    """Writes whose event tells of another state than the one that they found or left."""
    wrong = []
    for found, left in writes(traffic):
        event = events.get(left["labels"]["last-event"])
        if event is None:
            continue
        unknown = event.reconstructed and event.split_after is None
        if event.after != _told(left) and not (unknown and event.after[:2] == _told(left)[:2]):
            wrong.append(f"{event.id} left {_told(left)}, not {event.after}")
        if not event.reconstructed and event.before != _told(found):
            wrong.append(f"{event.id} found {_told(found)}, not {event.before}")
    return wrong


def deposed(traffic: Iterable[Mapping[str, Any]], by_person: Collection[str]) -> list[str]:
    """Champions that were undeployed, but not by a person."""
    wrong = []
    for found, left in pairwise(traffic):
        champion = found["labels"].get("champion")
        if champion in found["deployed"] and champion not in {*left["deployed"], *by_person}:
            wrong.append(f"{champion} was champion and is gone")
    return wrong


def backfilled(traffic: Iterable[Mapping[str, Any]], weeks: Mapping[str, int]) -> list[str]:
    """Models of a week that a run gave traffic to after a rollout had given some to a newer one;
    `weeks` has the week of each deployed model id."""
    wrong, newest = [], -1
    for found, left in writes(traffic):
        action = left["labels"]["last-event"].partition("-")[0]
        new = left["traffic_split"].keys() - found["traffic_split"].keys()
        if action in ("seat", "crown"):
            wrong += [f"{one} came after week {newest}" for one in new if weeks[one] < newest]
        newest = max(newest, *(weeks.get(one, -1) for one in left["traffic_split"]), -1)
    return wrong


def _told(entry: Mapping[str, Any]) -> tuple[str | None, str | None, dict[str, int]]:
    labels, split = entry["labels"], entry["traffic_split"]
    live = {one: share for one, share in split.items() if share}
    return labels.get("champion"), labels.get("challenger"), live
