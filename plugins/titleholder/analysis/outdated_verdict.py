"""Whether what a verdict decided may still be carried out. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.rules import format_days
from titleholder.events.event import Event, events_of_endpoint
from titleholder.labels import CHANGE
from titleholder.rollout.view import View


@dataclass(frozen=True)
class RecordedDecision:
    """A promotion or a share that `challenger` has earned by the verdict of `run`, recorded at `at`
    (aware), with the endpoint's last change and the digest of the policy as they were then."""

    challenger: str
    at: datetime
    run: str
    change: str
    policy: str


def outdated_reason(
    decided: RecordedDecision,
    view: View,
    events: Sequence[Event],
    policy: str,
    period: timedelta,
    now: datetime,
) -> str:
    """Why it may not be carried out any more, in half a sentence; empty while it may.

    `events` are the model's since that verdict, `policy` is the present one's digest, and `period`
    how long after a verdict the next one is due. Pure and total.
    """
    own = events_of_endpoint(events, view.endpoint, view.created)
    newer = [
        event
        for event in own
        if event.action == "judged"
        and event.challenger_after == decided.challenger
        and event.time > decided.at
        and event.run != decided.run
    ]
    if newer:
        return f"there is a newer one of {newer[-1].time:%Y-%m-%d %H:%M} UTC, {newer[-1].reason}"
    if now - decided.at > period:
        return f"it is more than {format_days(period)} old, after which the next one is due"
    if policy != decided.policy:
        return "the sections rollout and duel of the model's file are others now"
    change = view.labels.get(CHANGE, "")
    # What this run has written itself is no news, also where it was an earlier attempt's.
    written = {event.id for event in own if event.run == decided.run}
    if change != decided.change and change not in written:
        return f"the endpoint was changed since ({change or 'its labels were taken away'})"
    return ""
