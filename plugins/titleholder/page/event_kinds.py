"""How events look in the table: the group by which they are filtered, colour and icon. No I/O."""

from dataclasses import dataclass
from typing import Literal

from titleholder.events.event import NO_CHANGE_ACTIONS, Action

Group = Literal["changes", "evaluations", "others"]
Tone = Literal["good", "bad", "moved", "plain"]

# Paths of 16 x 16, drawn as lines. The word beside an icon says the same.
_UP, _DOWN, _BACK = (
    "M8 13V3M4 7l4-4 4 4",
    "M8 3v10M4 9l4 4 4-4",
    "M7 3 3 7l4 4M3 7h7a3 3 0 0 1 0 6H8",
)
_PLUS, _MINUS = "M8 3v10M3 8h10", "M3 8h10"
_SWAP = "M3 5h10M10 2l3 3-3 3M13 11H3M6 8l-3 3 3 3"
_MEASURE = "M3 13V9M8 13V3M13 13V6"
_STOP = "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M4 4l8 8"
_PAUSE = "M5 3v10M11 3v10"
_CHECK = "M3 8l4 4 6-8"
_DOT = "M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4"

_LOOKS: dict[str, tuple[Tone, str]] = {
    Action.FIRST_CHAMPION: ("good", _CHECK),
    Action.DEPLOY_CHALLENGER: ("moved", _PLUS),
    Action.REMOVE_CHALLENGER: ("plain", _MINUS),
    Action.SET_TRAFFIC: ("moved", _SWAP),
    Action.PROMOTE: ("good", _UP),
    Action.ROLLBACK: ("bad", _DOWN),
    Action.ABORT: ("bad", _DOWN),
    Action.UNDO_PROMOTION: ("bad", _BACK),
    Action.UPDATE_RESOURCES: ("moved", _SWAP),
    Action.ADOPT: ("moved", _CHECK),
    Action.RESTORE: ("moved", _BACK),
    Action.EVALUATED: ("plain", _MEASURE),
    Action.APPROVAL_REJECTED: ("bad", _STOP),
    Action.BLOCKED: ("bad", _STOP),
    Action.SUPERSEDED: ("plain", _MINUS),
    Action.CHALLENGER_BUSY: ("plain", _PAUSE),
    Action.SKIPPED_UNCHANGED: ("plain", _PAUSE),
    Action.WATCHED: ("plain", _MEASURE),
    Action.DECAYED: ("bad", _DOWN),
    Action.RECOVERED: ("good", _UP),
    Action.DATA_DRIFT: ("bad", _SWAP),
    Action.RETRAIN: ("moved", _PLUS),
}


@dataclass(frozen=True)
class EventKind:
    """The look of one action's events; `icon` is the path of an SVG of 16 x 16."""

    group: Group
    tone: Tone
    icon: str


def event_kind(action: str) -> EventKind:
    """The look of that action, also of one that this version does not know."""
    tone, icon = _LOOKS.get(action, ("plain", _DOT))
    if action in (Action.EVALUATED, Action.APPROVAL_REJECTED, Action.WATCHED):
        return EventKind("evaluations", tone, icon)
    return EventKind("others" if action in NO_CHANGE_ACTIONS else "changes", tone, icon)
