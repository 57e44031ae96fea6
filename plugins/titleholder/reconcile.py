"""The one rollout engine: observe, plan, apply a step, and again until no step is left."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from titleholder.errors import Refusal, TitleholderError, TryAgain
from titleholder.events import Event, event_id
from titleholder.interval import Interval
from titleholder.rollout.intents import Intent, Policy
from titleholder.rollout.outcome import Plan
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import CHANGE, record
from titleholder.rollout.simulate import after
from titleholder.rollout.steps import Alias, SetTraffic, Step
from titleholder.rollout.view import View, serving
from titleholder.vertex.endpoints import Endpoints, LookAgain

if TYPE_CHECKING:
    from titleholder.event_table import EventTable

log = logging.getLogger(__name__)

# A resumed task costs more than this on a worker, so short operations are waited for in place.
PATIENCE = timedelta(seconds=5)
# Vertex AI is known to take half an hour to deploy; nothing sound takes this long.
OPERATION_LIMIT = timedelta(hours=3)
LOOK_AGAIN_LIMIT = 5


@dataclass(frozen=True)
class Cause:
    """On whose behalf an endpoint is touched, and why; every event says it."""

    run: str = ""
    actor: str = ""
    interval: Interval | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """An operation that runs on. `step` is what it is to do, "" when somebody else started it."""

    operation: str
    step: str
    since: datetime


@dataclass(frozen=True)
class Done:
    """The endpoint is as it was wanted."""

    plan: Plan
    view: View


class Reconciler:
    """Brings one endpoint to what is wanted, from whatever an earlier attempt left.

    Nothing is remembered between two calls but the operation that is waited for, and that only to
    say what became of it: the endpoint is the state.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        events: "EventTable",
        policy: Policy,
        cause: Cause,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoints = endpoints
        self._events = events
        self._policy = policy
        self._cause = cause
        self._clock = clock
        self._pause = pause
        self._known: set[str] = set()
        self._unrecorded: list[Event] = []

    def run(self, intent: Intent, waiting: Waiting | None = None) -> Done | Waiting:
        """Apply one step after the other; stops at an operation that takes longer than some
        seconds. Call it again, with what it returned, when that may be over.

        Raises Refusal when a person has to decide, TryAgain when a later attempt may succeed.
        """
        try:
            done = self._run(intent, waiting)
        except Refusal as refusal:
            self._record(self._refused(intent, refusal))
            raise
        if self._unrecorded and self._record():
            raise TryAgain(
                f"{self._unrecorded[0].reason} and the endpoint is as it should be, but it could "
                f"not be recorded in {self._events.table}; repeat this when BigQuery answers"
            )
        return done

    def _run(self, intent: Intent, waiting: Waiting | None) -> Done | Waiting:
        if waiting is not None and waiting.step and self._runs_on(waiting, timedelta(0)):
            return waiting
        told: tuple[Step, ...] = ()
        lost: Event | None = None
        fresh: Waiting | None = None  # somebody else's operation, first seen in this call
        made: set[Step] = set()
        seen = 0
        while True:
            view = self._endpoints.observe()
            self._catch_up(view, lost)
            lost = None
            decided = plan(view, intent, self._policy)
            if not decided.steps:
                return self._done(decided, view)
            if decided.steps != told:
                log.info("plan: %s", "; ".join(str(step) for step in decided.steps))
            step, told = decided.steps[0], decided.steps[1:]
            if view.busy and _waits(step, view):
                if waiting is None or waiting.operation != view.busy[0]:
                    waiting = fresh = Waiting(view.busy[0], "", self._clock())
                self._check_limit(waiting)
                if waiting is not fresh or self._clock() >= waiting.since + PATIENCE:
                    return waiting
                self._pause(0.25)
                continue
            if step in made:
                raise Refusal(
                    f"somebody else undid this: {step}; look at `python -m titleholder status "
                    f"{view.model}` and agree with them on what is wanted, then repeat this"
                )
            event = self._event(view, step, decided) if isinstance(step, SetTraffic) else None
            try:
                operation = self._endpoints.apply(step, view, event.id if event else "")
            except LookAgain as change:
                seen, lost = seen + 1, event
                if seen == LOOK_AGAIN_LIMIT:
                    raise TryAgain(f"could not {step} in {seen} tries: {change}") from None
                log.info("could not %s yet (%s); looking again", step, change)
                self._pause(1)
                continue
            log.info("%s: %s", "begun" if operation else "done", step)
            if event is not None:
                self._record(event)
                # Done twice by one caller, it would be a fight over live traffic without an end.
                made.add(step)
            if operation:
                waiting = Waiting(operation, str(step), self._clock())
                if self._runs_on(waiting, PATIENCE):
                    return waiting

    def _runs_on(self, waiting: Waiting, patience: timedelta) -> bool:
        """Whether our operation still runs after `patience`."""
        give_up = self._clock() + patience
        try:
            while self._endpoints.running(waiting.operation, waiting.step):
                self._check_limit(waiting)
                if self._clock() >= give_up:
                    return True
                self._pause(0.25)
        except (Refusal, TryAgain) as error:
            told = serving(self._endpoints.observe())
            raise type(error)(f"{error}; {told}") from None
        return False

    def _check_limit(self, waiting: Waiting) -> None:
        if self._clock() - waiting.since > OPERATION_LIMIT:
            raise Refusal(
                f"the operation {waiting.operation} has not ended in {OPERATION_LIMIT}; cancel it "
                "in the console, then clear this task"
            )

    def _done(self, decided: Plan, view: View) -> Done:
        if decided.outcome == "superseded":
            self._record(self._told("superseded", decided.summary, view, decided.summary))
        log.info("%s", decided.summary)
        return Done(decided, view)

    def _catch_up(self, view: View, lost: Event | None) -> None:
        """Record the endpoint's last change if its maker may not have come to it. A write whose
        answer was lost, `lost`, was done if the endpoint carries its name."""
        change = view.labels.get(CHANGE)
        if change is None or change in self._known:
            return
        if lost is not None and change == lost.id:
            self._record(lost)
            return
        recorded = record(view)
        if recorded is None:
            return
        roles, split = recorded
        action = change.partition("-")[0]
        self._record(
            Event(
                id=change,
                time=view.updated or self._clock(),
                model=view.model,
                endpoint=view.endpoint or "",
                action=action,
                reason=f"{action}: read from the endpoint's labels",
                champion_after=roles.champion,
                challenger_after=roles.challenger,
                split_after=split,
                versions=_versions(view),
                reconstructed=True,
            )
        )

    def _event(self, view: View, step: SetTraffic, decided: Plan) -> Event:
        """What the write will have been. Its id names the write among the endpoint's labels, and
        differs for every state that it may find."""
        name = f"{step.action}-{event_id(view.endpoint, view.etag, str(step))}"
        return self._told(step.action, decided.summary, after(view, step), name, before=view)

    def _told(
        self, action: str, reason: str, now: View, key: str, before: View | None = None
    ) -> Event:
        """An event about the endpoint as it is `now`; `key` is its id, or tells it from others of
        the same run."""
        found, left = _roles(before or now), _roles(now)
        cause, interval = self._cause, self._cause.interval
        today = f"{self._clock():%Y-%m-%d}"
        return Event(
            id=key
            if before is not None
            else f"{action}-{event_id(now.model, now.endpoint, cause.run or today, key)}",
            time=self._clock(),
            model=now.model,
            endpoint=now.endpoint or "",
            action=action,
            reason=reason,
            champion_before=found[0],
            challenger_before=found[1],
            split_before=(before or now).split,
            champion_after=left[0],
            challenger_after=left[1],
            split_after=now.split,
            versions=_versions(now) | (_versions(before) if before else {}),
            interval_start=interval.start if interval else None,
            interval_end=interval.end if interval else None,
            evidence=cause.evidence,
            run=cause.run,
            actor=cause.actor,
        )

    def _refused(self, intent: Intent, refusal: Refusal) -> Event:
        view = View(self._endpoints.config.model, None)
        try:
            view = self._endpoints.observe()
        except Exception as error:
            log.warning("could not look at the endpoint for the record: %s", error)
        return self._told("refused", str(refusal), view, f"{type(intent).__name__}: {refusal}")

    def _record(self, event: Event | None = None) -> bool:
        """Write the event and those that could not be written before; whether some are left.

        A rollout never waits for its record: what cannot be written now is tried again at the end,
        and what an attempt loses is read off the endpoint by the next.
        """
        if event is not None:
            self._unrecorded.append(event)
        try:
            self._events.append(self._unrecorded)
        except Exception as error:
            told = str(error) if isinstance(error, TitleholderError) else repr(error)
            log.warning("could not record %s now: %s", self._unrecorded[-1].id, told)
            return True
        self._known |= {one.id for one in self._unrecorded}
        self._unrecorded.clear()
        return False


def _waits(step: Step, view: View) -> bool:
    """Whether the step has to wait for what is in flight. Taking requests from a model never
    does; giving some to one that has none may be too late while a model is being undeployed."""
    if isinstance(step, SetTraffic):
        return view.leaving and not step.split.keys() <= view.split.keys()
    return not isinstance(step, Alias)


def _roles(view: View) -> tuple[str | None, str | None]:
    return view.labels.get("champion"), view.labels.get("challenger")


def _versions(view: View) -> dict[str, str]:
    return {seat.id: seat.model for seat in view.seats}
