"""The last events as a list in which what changed nothing does not hide what did. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from titleholder.events.event import NO_CHANGE_ACTIONS, Event


@dataclass(frozen=True)
class Entry:
    """An event, and `more` of its action from the same time between two changes, newest first."""

    event: Event
    more: list[Event] = field(default_factory=list)


def event_entries(events: Sequence[Event], most: int) -> list[Entry]:
    """The newest `most` entries, newest first, of events that are oldest first: one for each
    change, and between two changes one for each action that changed nothing, with all its events.
    """
    found: list[Entry] = []
    since_change: dict[str, Entry] = {}
    for event in reversed(events):
        if event.action not in NO_CHANGE_ACTIONS:
            since_change = {}
        elif event.action in since_change:
            since_change[event.action].more.append(event)
            continue
        if len(found) == most:
            break
        since_change[event.action] = Entry(event)
        found.append(since_change[event.action])
    return found
