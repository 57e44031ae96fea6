"""What a look at the champion has found for the first time, and what may follow. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.data_drift import sentence
from titleholder.analysis.watching.look import ChampionLook
from titleholder.analysis.watching.records import decay_to_json
from titleholder.analysis.watching.retraining import Occasion
from titleholder.analysis.watching.sentences import percent
from titleholder.events.event import Action, Event

# The key of the evidence of an event that is recorded once.
_IDENTITY = "occurrence"


@dataclass(frozen=True)
class Occurrence:
    """An event that is recorded once, whichever run finds it first: `identity` tells it from the
    others of its action."""

    action: Action
    identity: str
    reason: str
    evidence: Mapping[str, Any]


def occurrences(
    champion: WatchedChampion,
    look: ChampionLook,
    job: str,
    events: Sequence[Event],
) -> list[Occurrence]:
    """Decay, recovery and data drift that the events have not recorded yet; each episode of decay
    once, and each column that drifts once for a champion."""
    version = champion.model.version
    found: list[Occurrence] = []

    def add(action: Action, what: str, reason: str, evidence: Mapping[str, Any]) -> None:
        identity = f"{champion.key} {what}"
        common = {"job": job, "version": version, _IDENTITY: identity}
        found.append(Occurrence(action, identity, reason, common | dict(evidence)))

    for one in look.state.episodes:
        evidence = {"decay": decay_to_json(one)}
        reason = (
            f"the loss of {version} has grown by {one.increase:.4g}"
            f"{percent(one.relative_increase)} since about {one.since}, found on {one.alarm}"
        )
        add(Action.DECAYED, str(one.alarm), reason, evidence)
        if one.recovered is not None:
            reason = (
                f"the loss of {version} is near its reference again since {one.recovered}; the "
                f"decay found on {one.alarm} has ended"
            )
            add(Action.RECOVERED, str(one.alarm), reason, evidence)
    for column in look.drifted:
        reason = f"data drift since the training of {version}: {sentence(column)}"
        add(Action.DATA_DRIFT, column.column, reason, {"column": column.column})
    recorded = {(event.action, event.evidence.get(_IDENTITY)) for event in events}
    return [one for one in found if (one.action, one.identity) not in recorded]


def occasions_of(champion: WatchedChampion, look: ChampionLook) -> list[Occasion]:
    """What calls for an early training now: the present decay, and data drift above a limit, which
    lasts for as long as the champion does: its training data stay the same."""
    found = []
    if look.state.decay is not None:
        found.append(Occasion("decay", champion.key, look.state.decay.alarm))
    if look.drifted:
        found.append(Occasion("drift", champion.key))
    return found
