"""What the events tell of an endpoint's last changes, beside what the endpoint itself tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.cli.context import CommandContext
from titleholder.cli.history import line
from titleholder.events.event import NO_CHANGE_ACTIONS, Event
from titleholder.gcp.errors import user_message
from titleholder.labels import CHANGE
from titleholder.rollout.view import View

# Who asks what is there now does not wait for long for what was.
LOOK_BACK = timedelta(days=90)
SECONDS = 10.0


@dataclass(frozen=True)
class Recorded:
    """The last change on record, the one by which the withdrawn challenger left (None: not on
    record), and why the events could not be read, "" where they were."""

    last: Event | None = None
    left: Event | None = None
    unread: str = ""


def last_change(desk: CommandContext, withdrawn: str | None, now: datetime) -> Recorded:
    """What is on record of the time since LOOK_BACK before `now`; raises nothing, since the
    endpoint can be looked at without BigQuery. `withdrawn` is a deployed model id."""
    try:
        events = desk.events_within(SECONDS).read(desk.config.model, since=now - LOOK_BACK)
    except Exception as error:
        return Recorded(unread=user_message(error) or f"{type(error).__name__}: {error}")
    changes = [event for event in events if event.action not in NO_CHANGE_ACTIONS]
    left = [
        event
        for event in changes
        if withdrawn is not None
        and event.challenger_before == withdrawn
        and event.challenger_after != withdrawn
    ]
    return Recorded(changes[-1] if changes else None, left[-1] if left else None)


def last_change_lines(found: Recorded, view: View) -> Iterator[str]:
    """The last change, and how the withdrawn challenger left where that was another one."""
    name = view.labels.get(CHANGE, "")
    action = name.partition("-")[0]
    if found.unread:
        yield f"last change: {action or 'unknown'}; the events cannot be read: {found.unread}"
    elif found.last is not None and found.last.id == name:
        yield f"last change: {line(found.last)}"
    elif name:
        yield f"last change: {action}, which is not on record"
    if found.last is not None and found.last.id != name:
        yield f"last on record: {line(found.last)}"
    if found.left is not None and found.left != found.last:
        yield f"withdrawn by: {line(found.left)}"
