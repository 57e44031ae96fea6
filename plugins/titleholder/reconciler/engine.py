"""The rollout engine: observe, plan, apply one step, and repeat until no step is left."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from titleholder.config.rollout import Rollout
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.events.event import Action, Event
from titleholder.gcp.vertex.endpoints import Endpoints, StaleView
from titleholder.reconciler.recorder import ChangeContext, Recorder
from titleholder.rollout.descriptions import describe_step, describe_steps
from titleholder.rollout.display_names import traffic_summary
from titleholder.rollout.intents import Intent, RoleIntent, resolve_target
from titleholder.rollout.plan import plan
from titleholder.rollout.steps import Alias, Plan, SetTraffic, Step
from titleholder.rollout.view import View

if TYPE_CHECKING:
    from titleholder.gcp.bigquery.events_table import EventsTable

log = logging.getLogger(__name__)
T = TypeVar("T")

# Shorter operations are waited for in place: resuming a deferred task takes longer than this.
INLINE_WAIT = timedelta(seconds=5)
# Vertex AI may take half an hour to deploy a model; an operation of this age is stuck.
OPERATION_LIMIT = timedelta(hours=3)
MAX_STALE_VIEWS = 5


@dataclass(frozen=True)
class PendingOperation:
    """A pending long-running operation. `step` describes it, "" when another caller started it;
    `changed` says whether this caller changed anything before it."""

    operation: str
    step: str
    since: datetime
    changed: bool = False


@dataclass(frozen=True)
class Converged:
    """The endpoint matches the intent; `changed` says whether this caller changed anything."""

    plan: Plan
    view: View
    changed: bool = True

    @property
    def summary(self) -> str:
        """The state in one sentence, which also says when there was nothing to change."""
        return self.plan.summary if self.changed else self.plan.answer


class Reconciler:
    """Brings one endpoint to the state that an intent describes, from any state that an earlier
    attempt may have left.

    The endpoint itself is the state: between two calls only the pending operation is kept, to
    report its result. `before_change` is called with the event of each change of roles and traffic
    before the change is tried.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        events: "EventsTable",
        rollout: Rollout,
        context: ChangeContext,
        clock: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
        before_change: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._endpoints = endpoints
        self._events = events
        self._recorder = Recorder(events, context, clock)
        self._rollout = rollout
        self._clock = clock
        self._pause = pause
        self._before_change = before_change
        self._last_view = View(endpoints.config.model, None)

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
        """Apply steps until none is left, or until an operation takes longer than INLINE_WAIT. In
        that case call it again later, with the PendingOperation that it returned.

        While roles or split are still to be changed, and the endpoint's last change was not this
        caller's, `check` is called before each step; it raises when the intent is outdated. Raises
        InvalidRequest for an intent that is not possible, ManualActionRequired when a person has to
        decide, RetryableError when a later attempt may succeed.
        """
        try:
            done = self._run(intent, waiting, check)
        except ManualActionRequired as error:
            self._record_blocked(intent, error)
            raise
        if not self._recorder.flush() and isinstance(done, Converged):
            raise RetryableError(
                f"{done.summary}, but that could not be recorded in {self._events.table}; "
                "repeat this when BigQuery answers"
            )
        return done

    def resolve_target(self, intent: RoleIntent) -> tuple[RoleIntent, Plan, View]:
        """Observe the endpoint, resolve the intent's target and plan; returns the resolved intent,
        the plan and the view. Raises InvalidRequest and ManualActionRequired."""

        def read(view: View) -> tuple[RoleIntent, Plan, View]:
            resolved = resolve_target(intent, view)
            return resolved, plan(view, resolved, self._rollout), view

        return self.read_view(intent, read)

    def read_view(self, intent: object, read: Callable[[View], T]) -> T:
        """The result of `read` with a view of the endpoint; if it raises ManualActionRequired, that
        is recorded as a blocked event of `intent`."""
        view = self._observe()
        try:
            return read(view)
        except ManualActionRequired as error:
            self._record_blocked(intent, error)
            raise

    def record(
        self,
        action: Action,
        view: View,
        reason: str,
        about: str,
        evidence: Mapping[str, Any] | None = None,
        once: str = "",
    ) -> bool:
        """Record an action that changed nothing, such as the evaluation of the job `about`, with
        `evidence` besides that of the context; with `once`, which is its identity, whichever caller
        records it first. Returns whether the event could be written."""
        self._recorder.no_change(action, reason, view, f"{about} {reason}", evidence, once)
        return self._recorder.flush()

    def _run(
        self, intent: Intent, waiting: PendingOperation | None, check: Callable[[View], None] | None
    ) -> Converged | PendingOperation:
        if waiting is not None and waiting.step and self._still_running(waiting, timedelta(0)):
            return waiting
        logged: tuple[Step, ...] = ()
        lost: Event | None = None
        changed = waiting is not None and (waiting.changed or bool(waiting.step))
        fresh: PendingOperation | None = None  # another caller's, first seen in this call
        done: set[Step] = set()
        stale = 0
        while True:
            view = self._observe()
            self._recorder.recover_last_change(view, lost)
            lost = None
            decided = plan(view, intent, self._rollout)
            if not decided.steps:
                return self._converged(decided, view, changed)
            if decided.steps != logged:
                log.info("plan: %s", "; ".join(describe_steps(decided.steps, view)))
            step, logged = decided.steps[0], decided.steps
            description = describe_step(step, view)
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
            logged = decided.steps[1:]
            to_change = any(isinstance(one, SetTraffic) for one in decided.steps)
            if check is not None and to_change and not self._recorder.wrote(view):
                check(view)
            if step in done:
                raise ManualActionRequired(
                    f"another caller undid this: {description}; see "
                    f"`titleholder status {view.model}`, agree on what to do, then repeat this"
                )
            event = (
                self._recorder.traffic_event(view, step, intent, decided)
                if isinstance(step, SetTraffic)
                else None
            )
            if event is not None:
                self._before_change(event)
            try:
                operation = self._endpoints.apply(step, view, event.id if event else "")
            except StaleView as error:
                stale, lost = stale + 1, event
                if stale == MAX_STALE_VIEWS:
                    raise RetryableError(
                        f"could not {description} in {stale} tries: {error}"
                    ) from None
                log.info("could not %s yet (%s); observing again", description, error)
                self._pause(1)
                continue
            log.info("%s: %s", "started" if operation else "done", description)
            changed = True
            if event is not None:
                self._recorder.record(event)
                # Two callers must not undo each other's changes without end.
                done.add(step)
            if operation:
                waiting = PendingOperation(operation, description, self._clock(), changed)
                if self._still_running(waiting, INLINE_WAIT):
                    return waiting

    def _observe(self) -> View:
        self._last_view = self._endpoints.observe()
        return self._last_view

    def _still_running(self, waiting: PendingOperation, wait: timedelta) -> bool:
        """Whether this caller's operation still runs after `wait`."""
        deadline = self._clock() + wait
        try:
            while self._endpoints.is_running(waiting.operation, waiting.step):
                self._check_limit(waiting)
                if self._clock() >= deadline:
                    return True
                self._pause(0.25)
        except (ManualActionRequired, RetryableError) as error:
            raise type(error)(f"{error}; {traffic_summary(self._observe())}") from None
        return False

    def _check_limit(self, waiting: PendingOperation) -> None:
        if self._clock() - waiting.since > OPERATION_LIMIT:
            raise ManualActionRequired(
                f"the operation {waiting.operation} has not ended in {OPERATION_LIMIT}; cancel it "
                "in the console, then repeat this"
            )

    def _converged(self, decided: Plan, view: View, changed: bool) -> Converged:
        if isinstance(decided.outcome, Action):
            summary = decided.summary
            self._recorder.no_change(decided.outcome, summary, view, summary)
        return Converged(decided, view, changed)

    def _record_blocked(self, intent: object, error: ManualActionRequired) -> None:
        self._recorder.blocked(self._last_view, intent, error)
        self._recorder.flush()


def _possible_while_busy(view: View, step: Step) -> bool:
    """Whether the step is possible while operations run: a rollback must not wait. But a model that
    may be undeploying must not receive traffic."""
    if isinstance(step, SetTraffic):
        return not (view.undeploying and step.split.keys() - view.split.keys())
    return isinstance(step, Alias)
