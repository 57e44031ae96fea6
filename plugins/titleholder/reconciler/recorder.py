"""The events that the rollout engine writes to the events table."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from titleholder.data_intervals import Interval
from titleholder.events.event import CHANGED_BY_HAND, STILL_DIFFERS, Action, Event, event_id
from titleholder.gcp.errors import error_message
from titleholder.labels import Label
from titleholder.rollout.descriptions import describe_change, describe_reconstructed
from titleholder.rollout.intents import Intent
from titleholder.rollout.roles import recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Plan, SetTraffic
from titleholder.rollout.view import View

if TYPE_CHECKING:
    from titleholder.gcp.bigquery.events_table import EventsTable

log = logging.getLogger(__name__)

# The timeout of each call to BigQuery: a rollback must not wait for long.
RECORD_TIMEOUT_SECONDS = 20.0

# The key of a person's own reason in an event's evidence.
REASON = "reason"
MAX_REASON_LENGTH = 1000


@dataclass(frozen=True)
class ChangeContext:
    """The run, the actor and the evidence of a change, for its events."""

    run: str = ""
    actor: str = ""
    interval: Interval | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


class Recorder:
    """Writes the events of one caller's changes to one endpoint.

    A rollout never waits for its events: events that cannot be written are kept for `flush`. The
    next caller reconstructs events that this one loses, since every write of roles and split sets
    the id of its event as a label.
    """

    def __init__(
        self, events: "EventsTable", context: ChangeContext, clock: Callable[[], datetime]
    ) -> None:
        self._events = events
        self._context = context
        self._clock = clock
        self.recorded: list[Event] = []  # of this caller, in order
        self._unsent: list[Event] = []

    def traffic_event(self, view: View, step: SetTraffic, intent: Intent, decided: Plan) -> Event:
        """The event of a traffic update, built before the call: its id, derived from the etag, is
        written as a label. Where the labels record another split than the endpoint has after the
        write, the id ends with a digest of the latter."""
        name = f"{step.action}-{event_id(view.endpoint, view.etag, repr(step))}"
        if step.recorded is not None:
            name = f"{name}-{event_id(*_flat(step.split))}"
        reason = describe_change(view, step, intent)
        event = self._event(name, step.action, reason, view, apply_to_view(view, step))
        if not decided.changed_by_hand:
            return event
        drift = {CHANGED_BY_HAND: decided.changed_by_hand, STILL_DIFFERS: decided.still_differs}
        return replace(event, evidence=event.evidence | drift)

    def blocked(self, view: View, intent: object, error: Exception) -> None:
        """Record that nothing was changed, as a person has to act first."""
        self.no_change(Action.BLOCKED, str(error), view, f"{intent!r}: {error}")

    def no_change(
        self,
        action: Action,
        reason: str,
        view: View,
        key: str,
        evidence: Mapping[str, Any] | None = None,
        once: str = "",
    ) -> None:
        """Record an action that changed nothing, with `evidence` besides that of the context; `key`
        distinguishes it from another one of the same run and day. With `once` it is the same event
        in any run."""
        when = f"{self._context.run} {self._clock():%Y-%m-%d}"
        parts = (once,) if once else (when, key)
        name = f"{action}-{event_id(view.model, view.endpoint, *parts)}"
        event = self._event(name, action, reason, view, view)
        self.record(replace(event, evidence=event.evidence | dict(evidence or {})))

    def recover_last_change(self, view: View, lost: Event | None) -> None:
        """Record the endpoint's last change, which its caller may not have recorded. `lost` is the
        event of a write by this caller without an answer: it was done if the label has its id."""
        last = view.labels.get(Label.LAST_EVENT)
        if last is None or any(event.id == last for event in self.recorded):
            return
        recorded = recorded_state(view)
        if lost is not None and last == lost.id:
            self.record(lost)
        elif recorded is not None:
            roles, split = recorded
            action, after = last.partition("-")[0], _split_after(last, view, split)
            self.record(
                Event(
                    id=last,
                    time=view.updated or self._clock(),
                    model=view.model,
                    endpoint=view.endpoint or "",
                    action=action,
                    reason=describe_reconstructed(view, after),
                    champion_after=roles.champion,
                    challenger_after=roles.challenger,
                    split_after=after,
                    versions=_versions(view),
                    data_interval_end=_data_interval_ends(view),
                    reconstructed=True,
                )
            )

    def wrote(self, view: View) -> bool:
        """Whether this caller made the endpoint's last change."""
        last = view.labels.get(Label.LAST_EVENT)
        return any(event.id == last and not event.reconstructed for event in self.recorded)

    def record(self, event: Event) -> None:
        """Write the event, or keep it for `flush` if BigQuery has already failed this caller."""
        self.recorded.append(event)
        failed_before = bool(self._unsent)
        self._unsent.append(event)
        if not failed_before:
            self.flush()

    def flush(self) -> bool:
        """Write the events that are kept; returns whether none is left."""
        if not self._unsent:
            return True
        try:
            self._events.append(self._unsent)
        except Exception as error:
            log.warning("could not record %s now: %s", self._unsent[-1].id, error_message(error))
            return False
        self._unsent.clear()
        return True

    def _event(self, name: str, action: str, reason: str, before: View, now: View) -> Event:
        context, interval = self._context, self._context.interval
        return Event(
            id=name,
            time=self._clock(),
            model=now.model,
            endpoint=now.endpoint or "",
            action=action,
            reason=reason,
            champion_before=before.labels.get(Label.CHAMPION),
            challenger_before=before.labels.get(Label.CHALLENGER),
            split_before=before.split,
            champion_after=now.labels.get(Label.CHAMPION),
            challenger_after=now.labels.get(Label.CHALLENGER),
            split_after=now.split,
            versions=_versions(before) | _versions(now),
            data_interval_end=_data_interval_ends(before) | _data_interval_ends(now),
            interval_start=interval.start if interval else None,
            interval_end=interval.end if interval else None,
            evidence=context.evidence,
            run=context.run,
            actor=context.actor,
        )


def _versions(view: View) -> dict[str, str]:
    return {one.id: one.model for one in view.deployed_models}


def _split_after(event: str, view: View, recorded: dict[str, int]) -> dict[str, int] | None:
    """The split after the write with that event id: the recorded one, unless the id has the digest
    of another one, which is known only while the endpoint has it."""
    if event.count("-") < 2:
        return recorded
    return view.split if event.endswith(event_id(*_flat(view.split))) else None


def _flat(split: dict[str, int]) -> list[str]:
    return [f"{deployed} {percentage}" for deployed, percentage in sorted(split.items())]


def _data_interval_ends(view: View) -> dict[str, str]:
    ends = {one.id: view.data_interval_end(one) for one in view.deployed_models}
    return {one: f"{end:%Y-%m-%dT%H:%M:%SZ}" for one, end in ends.items() if end}
