"""Whether the decision of a verdict is still valid. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.config.duel import format_days
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.labels import Label
from titleholder.rollout.view import View


@dataclass(frozen=True)
class RecordedDecision:
    """The decision to promote `challenger` or to raise its traffic, by the verdict of `run`, recorded
    at `at` (aware), with the endpoint's label `last-event` and the digest of the policy then."""

    challenger: str
    at: datetime
    run: str
    last_event: str
    policy: str


def outdated_reason(
    decided: RecordedDecision,
    view: View,
    events: Sequence[Event],
    policy: str,
    period: timedelta,
    now: datetime,
) -> str:
    """Why the decision is outdated, in half a sentence; empty while it is valid.

    `events` are the model's since that verdict, `policy` is the present one's digest, and `period`
    how long after a verdict the next one is due. Pure and total.
    """
    own = events_of_endpoint(events, view.endpoint, view.created)
    newer = [
        event
        for event in own
        if event.action == Action.EVALUATED
        and event.challenger_after == decided.challenger
        and event.time > decided.at
        and event.run != decided.run
    ]
    if newer:
        return f"there is a newer one of {newer[-1].time:%Y-%m-%d %H:%M} UTC, {newer[-1].reason}"
    if now - decided.at > period:
        return f"it is more than {format_days(period)} old, after which the next one is due"
    if policy != decided.policy:
        return "the sections rollout and duel of the model's file have changed since"
    last = view.labels.get(Label.LAST_EVENT, "")
    # Writes of this run do not count, also those of an earlier attempt.
    written = {event.id for event in own if event.run == decided.run}
    if last != decided.last_event and last not in written:
        return f"the endpoint was changed since ({last or 'its labels were removed'})"
    return ""
