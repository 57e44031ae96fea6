"""The one rollout engine: observe, plan, apply a step, and again until no step is left."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.events.event import Event
from titleholder.gcp.vertex.clients import error_message
from titleholder.gcp.vertex.endpoints import Endpoints, StaleView
from titleholder.reconciler.recorder import ChangeContext, Recorder
from titleholder.rollout.descriptions import describe_step, describe_steps
from titleholder.rollout.display_names import traffic_summary
from titleholder.rollout.intents import Intent, Policy
from titleholder.rollout.outcome import KEPT_OUT, Plan
from titleholder.rollout.plan import plan
from titleholder.rollout.steps import Alias, SetTraffic, Step
from titleholder.rollout.view import View
from titleholder.rollout.wishes import Wish, intent_of, resolve_target

if TYPE_CHECKING:
    from titleholder.gcp.bigquery.events_table import EventsTable

log = logging.getLogger(__name__)
T = TypeVar("T")

# A resumed task costs more than this on a worker, so short operations are waited for in place.
INLINE_WAIT = timedelta(seconds=5)
# Vertex AI is known to take half an hour to deploy; nothing sound takes this long.
OPERATION_LIMIT = timedelta(hours=3)
MAX_STALE_VIEWS = 5


@dataclass(frozen=True)
class PendingOperation:
    """An operation that runs on. `step` is what it is to do, "" when another caller started it;
    `changed` tells whether this caller has changed anything before it."""

    operation: str
    step: str
    since: datetime
    changed: bool = False


@dataclass(frozen=True)
class Converged:
    """The endpoint is as it was wanted; `changed` tells whether that took any step."""

    plan: Plan
    view: View
    changed: bool = True

    @property
    def summary(self) -> str:
        """What it comes to, in one sentence that says when there was nothing to do."""
        return self.plan.summary if self.changed else self.plan.answer


class Reconciler:
    """Brings one endpoint to what is wanted, from whatever an earlier attempt left.

    Nothing is remembered between two calls but the operation that is waited for, and that only to
    say what became of it: the endpoint is the state.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        events: "EventsTable",
        policy: Policy,
        cause: ChangeContext,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoints = endpoints
        self._events = events
        self._recorder = Recorder(events, cause, clock)
        self._policy = policy
        self._clock = clock
        self._pause = pause

    @property
    def recorded(self) -> tuple[Event, ...]:
        """The events of this caller so far, written or not."""
        return tuple(self._recorder.recorded)

    def run(
        self,
        intent: Intent,
        waiting: PendingOperation | None = None,
        check: Callable[[View], None] | None = None,
    ) -> Converged | PendingOperation:
        """Apply one step after the other; stops at an operation that takes longer than some
        seconds. Call it again, with what it returned, when that may be over.

        While roles or split are still to be changed, and the endpoint's last change was not this
        caller's, each step comes after `check`, which raises where it may not be done any more.
        Raises InvalidRequest for what cannot be, ManualActionRequired when a person has to decide,
        RetryableError when a later attempt may succeed.
        """
        try:
            done = self._run(intent, waiting, check)
        except ManualActionRequired as refusal:
            self._record_blocked(intent, refusal)
            raise
        if not self._recorder.flush() and isinstance(done, Converged):
            raise RetryableError(
                f"{done.summary}, but that could not be recorded in {self._events.table}; "
                "repeat this when BigQuery answers"
            )
        return done

    def resolve_target(self, wish: Wish) -> tuple[Wish, Plan, View]:
        """One look: the wish with the model it is about, and the plan from this view. Raises
        InvalidRequest and ManualActionRequired."""

        def read(view: View) -> tuple[Wish, Plan, View]:
            pinned = resolve_target(wish, view)
            return pinned, plan(view, intent_of(pinned), self._policy), view

        return self.read_view(wish, read)

    def read_view(self, wish: object, read: Callable[[View], T]) -> T:
        """What `read` makes of one look; its ManualActionRequired is recorded, as one of `wish`."""
        view = self._endpoints.observe()
        try:
            return read(view)
        except ManualActionRequired as refusal:
            self._record_blocked(wish, refusal)
            raise

    def record(self, action: str, view: View, reason: str, about: str) -> bool:
        """Record something that changed nothing, such as what was judged on the job `about`;
        whether that could be written."""
        self._recorder.no_change(action, reason, view, f"{about} {reason}")
        return self._recorder.flush()

    def _run(
        self, intent: Intent, waiting: PendingOperation | None, check: Callable[[View], None] | None
    ) -> Converged | PendingOperation:
        if waiting is not None and waiting.step and self._still_running(waiting, timedelta(0)):
            return waiting
        told: tuple[Step, ...] = ()
        lost: Event | None = None
        changed = waiting is not None and (waiting.changed or bool(waiting.step))
        fresh: PendingOperation | None = None  # somebody else's operation, first seen in this call
        made: set[Step] = set()
        seen = 0
        while True:
            view = self._endpoints.observe()
            self._recorder.recover_last_change(view, lost)
            lost = None
            decided = plan(view, intent, self._policy)
            if not decided.steps:
                return self._converged(decided, view, changed)
            if decided.steps != told:
                log.info("plan: %s", "; ".join(describe_steps(decided.steps, view)))
            step, told = decided.steps[0], decided.steps
            words = describe_step(step, view)
            if view.pending_operations and not _possible_while_busy(view, step):
                if waiting is None or waiting.operation != view.pending_operations[0]:
                    waiting = fresh = PendingOperation(
                        view.pending_operations[0], "", self._clock(), changed
                    )
                self._check_limit(waiting)
                if waiting is not fresh or self._clock() >= waiting.since + INLINE_WAIT:
                    return waiting
                self._pause(0.25)
                continue
            told = decided.steps[1:]
            to_change = any(isinstance(one, SetTraffic) for one in decided.steps)
            if check is not None and to_change and not self._recorder.wrote(view):
                check(view)
            if step in made:
                raise ManualActionRequired(
                    f"somebody else undid this: {words}; look at `python -m titleholder status "
                    f"{view.model}` and agree with them on what is wanted, then repeat this"
                )
            event = (
                self._recorder.traffic_event(view, step, intent, decided)
                if isinstance(step, SetTraffic)
                else None
            )
            try:
                operation = self._endpoints.apply(step, view, event.id if event else "")
            except StaleView as change:
                seen, lost = seen + 1, event
                if seen == MAX_STALE_VIEWS:
                    raise RetryableError(f"could not {words} in {seen} tries: {change}") from None
                log.info("could not %s yet (%s); looking again", words, change)
                self._pause(1)
                continue
            log.info("%s: %s", "begun" if operation else "done", words)
            changed = True
            if event is not None:
                self._recorder.record(event)
                # Done twice by one caller, it would be a fight over live traffic without an end.
                made.add(step)
            if operation:
                waiting = PendingOperation(operation, words, self._clock(), changed)
                if self._still_running(waiting, INLINE_WAIT):
                    return waiting

    def _still_running(self, waiting: PendingOperation, patience: timedelta) -> bool:
        """Whether our operation still runs after `patience`."""
        give_up = self._clock() + patience
        try:
            while self._endpoints.is_running(waiting.operation, waiting.step):
                self._check_limit(waiting)
                if self._clock() >= give_up:
                    return True
                self._pause(0.25)
        except (ManualActionRequired, RetryableError) as error:
            told = traffic_summary(self._endpoints.observe())
            raise type(error)(f"{error}; {told}") from None
        return False

    def _check_limit(self, waiting: PendingOperation) -> None:
        if self._clock() - waiting.since > OPERATION_LIMIT:
            raise ManualActionRequired(
                f"the operation {waiting.operation} has not ended in {OPERATION_LIMIT}; cancel it "
                "in the console, then repeat this"
            )

    def _converged(self, decided: Plan, view: View, changed: bool) -> Converged:
        if decided.outcome in KEPT_OUT:
            self._recorder.not_deployed(view, decided)
        return Converged(decided, view, changed)

    def _record_blocked(self, wish: object, refusal: ManualActionRequired) -> None:
        view = View(self._endpoints.config.model, None)
        try:
            view = self._endpoints.observe()
        except Exception as error:
            log.warning("could not look at the endpoint for the record: %s", error_message(error))
        self._recorder.blocked(view, wish, refusal)
        self._recorder.flush()


def _possible_while_busy(view: View, step: Step) -> bool:
    """Whether the step can be done while operations run: somebody may want a bad model off the
    endpoint at once. But nobody who may be leaving is given traffic."""
    if isinstance(step, SetTraffic):
        return not (view.undeploying and step.split.keys() - view.split.keys())
    return isinstance(step, Alias)
