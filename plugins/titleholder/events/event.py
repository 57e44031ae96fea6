"""Events of an endpoint, one for each change or reason of no change, and its champion over time."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from titleholder.labels import DescribedEnum


class Action(DescribedEnum):
    """The action of an event."""

    FIRST_CHAMPION = "first_champion", "a model became champion where there was none"
    DEPLOY_CHALLENGER = "deploy_challenger", "a candidate was deployed as challenger"
    REMOVE_CHALLENGER = "remove_challenger", "a challenger was removed for another model"
    SET_TRAFFIC = "set_traffic", "the challenger's traffic percentage was changed"
    PROMOTE = "promote", "the challenger became champion with all traffic"
    ROLLBACK = "rollback", "the challenger lost its traffic and was undeployed"
    ABORT = "abort", "the challenger lost its traffic and stays deployed"
    UNDO_PROMOTION = "undo_promotion", "the previous champion became champion again"
    UPDATE_RESOURCES = "update_resources", "the machine settings of a deployed model were changed"
    ADOPT = "adopt", "the endpoint was recorded as it was"
    RESTORE = "restore", "the endpoint was returned to what was recorded"
    EVALUATED = "evaluated", "the challenger was evaluated, with any verdict"
    APPROVAL_REJECTED = "approval_rejected", "a promotion was not approved"
    BLOCKED = "blocked", "a change was refused: a person has to act first"
    SUPERSEDED = "superseded", "a candidate is older than a registered version"
    CHALLENGER_BUSY = "challenger_busy", "a candidate found a challenger that is kept"
    SKIPPED_UNCHANGED = (
        "skipped_unchanged",
        "nothing was trained: rows, template and parameters are unchanged",
    )
    WATCHED = "watched", "the champion's loss of the newest days was compared with its reference"
    DECAYED = "decayed", "the champion's loss has grown above its reference"
    RECOVERED = "recovered", "the champion's loss is near its reference again"
    DATA_DRIFT = "data_drift", "the distribution of a column went above its limit"
    RETRAIN = "retrain", "a training was started early"


NO_CHANGE_ACTIONS = frozenset(
    {
        Action.EVALUATED,
        Action.APPROVAL_REJECTED,
        Action.BLOCKED,
        Action.SUPERSEDED,
        Action.CHALLENGER_BUSY,
        Action.SKIPPED_UNCHANGED,
        Action.WATCHED,
        Action.DECAYED,
        Action.RECOVERED,
        Action.DATA_DRIFT,
        Action.RETRAIN,
    }
)

# They always change the champion: of a reconstructed event the champion before it is not known.
CHAMPION_ACTIONS = frozenset({Action.FIRST_CHAMPION, Action.PROMOTE, Action.UNDO_PROMOTION})

# Keys of the evidence of a change after manual changes: the differences from the record before and
# after it, each a list of phrases.
CHANGED_BY_HAND, STILL_DIFFERS = "changed_by_hand", "still_differs"

RecordedRoles = tuple[str | None, str | None, dict[str, int] | None]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change of an endpoint, or the reason why there was none.

    `id` is derived (see event_id), at most 63 of `[a-z0-9_-]`. `time` and the interval's ends are
    aware, converted to UTC. `action` is a value of Action; rows of other versions may have others.
    Champion and challenger are deployed model ids, None if there is none or it is not known. A
    split maps deployed model ids to per cent, `versions` to registered versions such as
    `linnerud@3`, `data_interval_end` to the end of their training data (RFC 3339) if known.
    `evidence` is converted to JSON: tuples to lists, keys to strings, NaN and infinities to their
    names. `reconstructed` is True if a later process read the change from the endpoint's labels,
    because the process that made it was interrupted before recording it; then the state before,
    evidence, run and actor are not known.

    Raises ValueError for an invalid id, action or time, TypeError for evidence that is not JSON.
    """

    id: str
    time: datetime
    model: str
    action: str
    reason: str
    endpoint: str = ""
    champion_before: str | None = None
    challenger_before: str | None = None
    split_before: dict[str, int] | None = field(default=None, hash=False)
    champion_after: str | None = None
    challenger_after: str | None = None
    split_after: dict[str, int] | None = field(default=None, hash=False)
    versions: dict[str, str] = field(default_factory=dict, hash=False)
    data_interval_end: dict[str, str] = field(default_factory=dict, hash=False)
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict, hash=False)
    run: str = ""
    actor: str = ""
    reconstructed: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_-]{1,63}", self.id):
            raise ValueError(f"an event's id must fit a label, at most 63 of a-z0-9_-: {self.id!r}")
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", self.action):
            raise ValueError(f"an event's action is words of a-z with _, not {self.action!r}")
        for name in ("time", "interval_start", "interval_end"):
            value = getattr(self, name)
            if value is not None:
                if value.tzinfo is None:
                    raise ValueError(f"an event's {name} needs a time zone: {value}")
                object.__setattr__(self, name, value.astimezone(UTC))
        object.__setattr__(self, "evidence", _as_json(self.evidence))

    def version_text(self, deployed_model_id: str) -> str:
        """The registered version, such as `linnerud@3`; the id if the event does not have it."""
        return self.versions.get(deployed_model_id) or f"id {deployed_model_id}"

    @property
    def before(self) -> RecordedRoles:
        """Champion, challenger and split before the event."""
        return self.champion_before, self.challenger_before, self.split_before

    @property
    def after(self) -> RecordedRoles:
        """Champion, challenger and split after the event."""
        return self.champion_after, self.challenger_after, self.split_after


def event_id(*parts: str | int | None) -> str:
    """16 hexadecimal digits, a digest of the parts."""
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def history(events: Iterable[Event]) -> list[Event]:
    """The events, oldest first. Those of the same microsecond are ordered so that each starts from
    the state that the one before left."""
    ordered: list[Event] = []
    by_time: dict[datetime, list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.time, event.id)):
        by_time.setdefault(event.time, []).append(event)
    for simultaneous in by_time.values():
        ordered.extend(_chained(simultaneous, ordered[-1] if ordered else None))
    return ordered


def events_of_endpoint(
    events: Iterable[Event], endpoint: str | None, created: datetime | None
) -> list[Event]:
    """The events of the endpoint of that resource name since its creation, in the given order, as a
    new endpoint may have the name of a deleted one. Empty without a name."""
    return [
        event
        for event in events
        if endpoint and event.endpoint == endpoint and (created is None or event.time >= created)
    ]


def champion_at(events: Iterable[Event], time: datetime) -> Event | None:
    """The last event up to `time` (aware) that changed the champion; None without a champion.

    `events` are of one model, in any order. If that event is missing, it is the first event that
    has the champion. Actions that change nothing do not count, nor does another deployed model id
    of the same version.
    """
    found: Event | None = None
    for event in history(events):
        if event.time > time:
            break
        if event.action in NO_CHANGE_ACTIONS:
            continue
        if event.champion_after is None:
            # Without a champion before it, the champion after it is unknown.
            found = None if event.champion_before is not None else found
        elif (
            found is None
            or not _same_model(found, found.champion_after, event, event.champion_after)
            # The event of a champion in between is missing.
            or not _same_model(event, event.champion_before, event, event.champion_after)
        ):
            found = event
    return found


def _same_model(one: Event, first: str | None, two: Event, second: str | None) -> bool:
    """Whether two deployed model ids are of the same version, or one of them is unknown."""
    if first is None or second is None or first == second:
        return True
    return one.versions.get(first, first) == two.versions.get(second, second)


def _chained(events: list[Event], last: Event | None) -> Iterator[Event]:
    remaining = list(events)
    while remaining:
        following = [event for event in remaining if last and event.before == last.after]
        first = [
            event
            for event in remaining
            if not any(event.before == other.after for other in remaining if other is not event)
        ]
        last = (following or first or remaining)[0]
        remaining.remove(last)
        yield last


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"evidence must be JSON, which has no {type(value).__name__}: {value!r}")
