"""What the rollout engine writes to the events table, and when."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from titleholder.events.event import BY_HAND, OWED, Event, event_id
from titleholder.gcp.vertex.clients import error_message
from titleholder.intervals import Interval
from titleholder.labels import CHANGE
from titleholder.rollout.descriptions import describe_change, describe_reconstructed
from titleholder.rollout.intents import Intent
from titleholder.rollout.outcome import Plan
from titleholder.rollout.roles import recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import SetTraffic
from titleholder.rollout.view import View

if TYPE_CHECKING:
    from titleholder.gcp.bigquery.events_table import EventsTable

log = logging.getLogger(__name__)

# How long each call to BigQuery is waited for: somebody may want a bad model off the endpoint.
RECORD_TIMEOUT_SECONDS = 20.0

# Among an event's evidence: why a person wanted it, in their own words.
REASON = "reason"
MAX_REASON_LENGTH = 1000


@dataclass(frozen=True)
class ChangeContext:
    """On whose behalf an endpoint is touched, and why; every event says it."""

    run: str = ""
    actor: str = ""
    interval: Interval | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


class Recorder:
    """Writes what one caller does to one endpoint.

    A rollout never waits for its record: what cannot be written is kept for `flush`, and what a
    caller loses is read off the endpoint by the next one, since every write of roles and split
    carries the id of its event as a label.
    """

    def __init__(
        self, events: "EventsTable", cause: ChangeContext, clock: Callable[[], datetime]
    ) -> None:
        self._events = events
        self._cause = cause
        self._clock = clock
        self.recorded: list[Event] = []  # all that this caller has told, in order
        self._unsent: list[Event] = []

    def traffic_event(self, view: View, step: SetTraffic, intent: Intent, decided: Plan) -> Event:
        """What the write for `intent` will have been. Its id names the write among the endpoint's
        labels, and differs for every state that it may find; where the labels record another split
        than the write leaves, it ends with a digest of the latter."""
        name = f"{step.action}-{event_id(view.endpoint, view.etag, repr(step))}"
        if step.recorded is not None:
            name = f"{name}-{event_id(*_flat(step.split))}"
        reason = describe_change(view, step, intent)
        event = self._event(name, step.action, reason, view, apply_to_view(view, step))
        if not decided.by_hand:
            return event
        differed = {BY_HAND: decided.by_hand, OWED: decided.owed}
        return replace(event, evidence=event.evidence | differed)

    def not_deployed(self, view: View, decided: Plan) -> None:
        """A newer model, or one that is still being judged, kept this one out."""
        self.no_change(decided.outcome, decided.summary, view, decided.summary)

    def blocked(self, view: View, wish: object, why: Exception) -> None:
        """Nothing was changed, and a person has to decide."""
        self.no_change("refused", str(why), view, f"{wish!r}: {why}")

    def no_change(self, action: str, reason: str, view: View, key: str) -> None:
        """Something that changed nothing, of events.UNCHANGING; `key` tells it from another of the
        same run and day."""
        when = f"{self._cause.run} {self._clock():%Y-%m-%d}"
        name = f"{action}-{event_id(view.model, view.endpoint, when, key)}"
        self.record(self._event(name, action, reason, view, view))

    def recover_last_change(self, view: View, lost: Event | None) -> None:
        """Record the endpoint's last change if its maker may not have come to it. A write whose
        answer was lost, `lost`, was done if the endpoint carries its name."""
        change = view.labels.get(CHANGE)
        if change is None or any(event.id == change for event in self.recorded):
            return
        recorded = recorded_state(view)
        if lost is not None and change == lost.id:
            self.record(lost)
        elif recorded is not None:
            roles, split = recorded
            action, left = change.partition("-")[0], _left_by(change, view, split)
            self.record(
                Event(
                    id=change,
                    time=view.updated or self._clock(),
                    model=view.model,
                    endpoint=view.endpoint or "",
                    action=action,
                    reason=describe_reconstructed(view, left),
                    champion_after=roles.champion,
                    challenger_after=roles.challenger,
                    split_after=left,
                    versions=_versions(view),
                    data_interval_end=_data_interval_ends(view),
                    reconstructed=True,
                )
            )

    def wrote(self, view: View) -> bool:
        """Whether this caller made the endpoint's last change."""
        change = view.labels.get(CHANGE)
        return any(event.id == change and not event.reconstructed for event in self.recorded)

    def record(self, event: Event) -> None:
        """Write the event, unless BigQuery has failed this caller already: then at the end."""
        self.recorded.append(event)
        waits = bool(self._unsent)
        self._unsent.append(event)
        if not waits:
            self.flush()

    def flush(self) -> bool:
        """Write what is kept; whether nothing is left."""
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
        cause, interval = self._cause, self._cause.interval
        return Event(
            id=name,
            time=self._clock(),
            model=now.model,
            endpoint=now.endpoint or "",
            action=action,
            reason=reason,
            champion_before=before.labels.get("champion"),
            challenger_before=before.labels.get("challenger"),
            split_before=before.split,
            champion_after=now.labels.get("champion"),
            challenger_after=now.labels.get("challenger"),
            split_after=now.split,
            versions=_versions(before) | _versions(now),
            data_interval_end=_data_interval_ends(before) | _data_interval_ends(now),
            interval_start=interval.start if interval else None,
            interval_end=interval.end if interval else None,
            evidence=cause.evidence,
            run=cause.run,
            actor=cause.actor,
        )


def _versions(view: View) -> dict[str, str]:
    return {seat.id: seat.model for seat in view.deployed_models}


def _left_by(change: str, view: View, recorded: dict[str, int]) -> dict[str, int] | None:
    """The split that the write of that name left: the recorded one, unless the name has a digest of
    another one. That is only known while it is there."""
    if change.count("-") < 2:
        return recorded
    return view.split if change.endswith(event_id(*_flat(view.split))) else None


def _flat(split: dict[str, int]) -> list[str]:
    return [f"{seat} {share}" for seat, share in sorted(split.items())]


def _data_interval_ends(view: View) -> dict[str, str]:
    ends = {seat.id: view.data_interval_end(seat) for seat in view.deployed_models}
    return {one: f"{end:%Y-%m-%dT%H:%M:%SZ}" for one, end in ends.items() if end}
