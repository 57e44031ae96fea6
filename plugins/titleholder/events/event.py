"""The events of an endpoint, one for each change or refusal, and its champion over time. No I/O."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """The action of an event; `description` says what it means, `changes` whether it changed roles
    or traffic."""

    description: str
    changes: bool

    def __new__(cls, word: str, description: str, changes: bool = True) -> "Action":
        """The action as a string."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.description = description
        made.changes = changes
        return made

    FIRST_CHAMPION = "first_champion", "a model became champion where there was none"
    DEPLOY_CHALLENGER = "deploy_challenger", "a candidate was deployed as challenger"
    REMOVE_CHALLENGER = "remove_challenger", "a challenger made room for another model"
    SET_TRAFFIC = "set_traffic", "the challenger's traffic percentage was changed"
    PROMOTE = "promote", "the challenger became champion with all traffic"
    ROLLBACK = "rollback", "the challenger lost its traffic and was undeployed"
    ABORT = "abort", "the challenger lost its traffic and stays deployed"
    UNDO_PROMOTION = "undo_promotion", "the previous champion became champion again"
    ADOPT = "adopt", "the endpoint was recorded as it was found"
    RESTORE = "restore", "the endpoint was returned to what was recorded"
    EVALUATED = "evaluated", "the challenger was evaluated, with any verdict", False
    APPROVAL_REJECTED = "approval_rejected", "a promotion was not approved", False
    BLOCKED = "blocked", "a change was refused: a person has to act first", False
    SUPERSEDED = "superseded", "a candidate is older than a registered version", False
    CHALLENGER_BUSY = "challenger_busy", "a candidate found a challenger that is kept", False
    SKIPPED_UNCHANGED = (
        *("skipped_unchanged", "nothing was trained: rows, template and parameters are unchanged"),
        False,
    )


NO_CHANGE_ACTIONS = frozenset(action for action in Action if not action.changes)

# In the evidence of a change to an endpoint that was changed by hand before: how it differed from
# the record, and how it still does, each a list of phrases.
CHANGED_BY_HAND, STILL_DIFFERS = "changed_by_hand", "still_differs"

Roles = tuple[str | None, str | None, dict[str, int] | None]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change, refusal or supersession.

    `id` is derived, see event_id: at most 63 of `[a-z0-9_-]`. `time` and the interval's ends are
    aware, and kept in UTC. `action` is one of Action; rows of other versions may have others.
    Champion and challenger are deployed model ids, None when there was none or it is not known; a
    split maps deployed model ids to per cent;
    `versions` maps them to registered versions such as `linnerud@3`, `data_interval_end` to the end
    of the data that they were trained on, where that is known (RFC 3339). `evidence` is what JSON
    can hold: tuples become lists, keys text, and NaN and infinities the words for them, as JSON has
    no such numbers. `reconstructed`: read from the endpoint's labels by a later actor, because the
    one who made the change died before writing; what was before, evidence, run and actor are not
    known then.

    Raises ValueError for a wrong id, action or time, TypeError for evidence that is not JSON.
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
            moment = getattr(self, name)
            if moment is not None:
                if moment.tzinfo is None:
                    raise ValueError(f"an event's {name} needs a time zone: {moment}")
                object.__setattr__(self, name, moment.astimezone(UTC))
        object.__setattr__(self, "evidence", _plain(self.evidence))

    def version_text(self, deployed_model_id: str) -> str:
        """The registered version, such as `linnerud@3`; the id where the event does not have it."""
        return self.versions.get(deployed_model_id) or f"id {deployed_model_id}"

    @property
    def before(self) -> Roles:
        """Champion, challenger and split that it found."""
        return self.champion_before, self.challenger_before, self.split_before

    @property
    def after(self) -> Roles:
        """Champion, challenger and split that it left."""
        return self.champion_after, self.challenger_after, self.split_after


def event_id(*parts: str | int | None) -> str:
    """16 hexadecimal digits: the same for the same parts, in any process."""
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def history(events: Iterable[Event]) -> list[Event]:
    """The events, oldest first. Those of the same microsecond are ordered so that each starts from
    the state that the one before left."""
    ordered: list[Event] = []
    by_time: dict[datetime, list[Event]] = {}
    for event in sorted(events, key=lambda event: (event.time, event.id)):
        by_time.setdefault(event.time, []).append(event)
    for together in by_time.values():
        ordered.extend(_chained(together, ordered[-1] if ordered else None))
    return ordered


def events_of_endpoint(
    events: Iterable[Event], endpoint: str | None, created: datetime | None
) -> list[Event]:
    """Those of the endpoint of that resource name, from its creation on, in the given order: one
    that was deleted and made again has the name of the one before. None of them without a name."""
    return [
        event
        for event in events
        if endpoint and event.endpoint == endpoint and (created is None or event.time >= created)
    ]


def champion_at(events: Iterable[Event], time: datetime) -> Event | None:
    """The event that made the champion at `time` (aware) the champion; None when there was none.

    The events are those of one model, in any order. An event at `time` itself counts. It is the
    last one that put somebody else on the throne, not a later one that left him there; where that
    left no event, the first that saw him there. Refusals and supersessions change nothing.
    """
    made: Event | None = None
    for event in history(events):
        if event.time > time:
            break
        if event.action in NO_CHANGE_ACTIONS:
            continue
        if event.champion_after is None:
            # Nobody afterwards is an end only where somebody was before; else it is unknown.
            made = None if event.champion_before is not None else made
        elif (
            made is None
            or made.champion_after != event.champion_after
            # Somebody in between left no event.
            or event.champion_before not in (None, event.champion_after)
        ):
            made = event
    return made


def _chained(together: list[Event], last: Event | None) -> Iterator[Event]:
    left = list(together)
    while left:
        following = [event for event in left if last and event.before == last.after]
        first = [
            event
            for event in left
            if not any(event.before == other.after for other in left if other is not event)
        ]
        last = (following or first or left)[0]
        left.remove(last)
        yield last


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"evidence must be JSON, which has no {type(value).__name__}: {value!r}")
