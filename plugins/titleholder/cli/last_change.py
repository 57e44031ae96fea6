"""The last changes of an endpoint by its events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.cli.context import CommandContext
from titleholder.cli.history import line
from titleholder.events.event import NO_CHANGE_ACTIONS, Event
from titleholder.gcp.errors import user_message
from titleholder.labels import Label
from titleholder.rollout.view import View

# `status` must not wait long for the events.
LOOK_BACK = timedelta(days=90)
SECONDS = 10.0


@dataclass(frozen=True)
class LastChange:
    """The last recorded change, the one that removed the last challenger (None: not recorded), and
    why the events could not be read, "" if they were."""

    last: Event | None = None
    removal: Event | None = None
    unreadable: str = ""


def last_change(desk: CommandContext, last_challenger: str | None, now: datetime) -> LastChange:
    """The last change since LOOK_BACK before `now`; raises nothing, since `status` must work
    without BigQuery. `last_challenger` is a deployed model id."""
    try:
        events = desk.events_within(SECONDS).read(desk.config.model, since=now - LOOK_BACK)
    except Exception as error:
        return LastChange(unreadable=user_message(error) or f"{type(error).__name__}: {error}")
    changes = [event for event in events if event.action not in NO_CHANGE_ACTIONS]
    removals = [
        event
        for event in changes
        if last_challenger is not None
        and event.challenger_before == last_challenger
        and event.challenger_after != last_challenger
    ]
    return LastChange(changes[-1] if changes else None, removals[-1] if removals else None)


def last_change_lines(found: LastChange, view: View) -> Iterator[str]:
    """The last change, and the one that removed the last challenger if that is another."""
    name = view.labels.get(Label.LAST_EVENT, "")
    action = name.partition("-")[0]
    if found.unreadable:
        yield f"last change: {action or 'unknown'}; the events cannot be read: {found.unreadable}"
    elif found.last is not None and found.last.id == name:
        yield f"last change: {line(found.last)}"
    elif name:
        yield f"last change: {action}, which is not recorded"
    if found.last is not None and found.last.id != name:
        yield f"last recorded: {line(found.last)}"
    if found.removal is not None and found.removal != found.last:
        yield f"challenger removed by: {line(found.removal)}"
