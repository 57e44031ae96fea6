"""Validity of a recorded decision. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.config.duel import format_days
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.labels import Label
from titleholder.rollout.view import View


@dataclass(frozen=True)
class RecordedDecision:
    """The decision of the dag run `run` to promote `challenger` or to raise its traffic, made at
    `at` (aware), with the endpoint's label `last-event` and `policy_of` the model at that time."""

    challenger: str
    at: datetime
    run: str
    last_event: str
    policy: str


def outdated_reason(
    decision: RecordedDecision,
    view: View,
    events: Sequence[Event],
    policy: str,
    period: timedelta,
    now: datetime,
) -> str:
    """The reason why the decision is outdated; "" while it is valid.

    `events` are the model's since that decision, `policy` is the present `policy_of`, and `period`
    the time from one verdict to the next. Pure and total.
    """
    own = events_of_endpoint(events, view.endpoint, view.created)
    newer = [
        event
        for event in own
        if event.action == Action.EVALUATED
        and event.challenger_after == decision.challenger
        and event.time > decision.at
        and event.run != decision.run
    ]
    if newer:
        return f"there is a newer one of {newer[-1].time:%Y-%m-%d %H:%M} UTC, {newer[-1].reason}"
    if now - decision.at > period:
        return f"it is more than {format_days(period)} old, after which the next one is due"
    if policy != decision.policy:
        return "the sections rollout and duel of the model's file have changed since"
    last = view.labels.get(Label.LAST_EVENT, "")
    # Writes of the same run do not count, including those of an earlier attempt.
    written = {event.id for event in own if event.run == decision.run}
    if last != decision.last_event and last not in written:
        return f"the endpoint was changed since ({last or 'its labels were removed'})"
    return ""
