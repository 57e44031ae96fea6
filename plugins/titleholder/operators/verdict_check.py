"""Stops a promotion or traffic step whose verdict is outdated."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from titleholder.analysis.evaluate import policy_of
from titleholder.analysis.outdated_verdict import RecordedDecision, outdated_reason
from titleholder.data_intervals import period_at
from titleholder.errors import EnvironmentConfigError, ManualActionRequired, RetryableError
from titleholder.events.event import Action
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import Decided
from titleholder.operators.rollout import run_name
from titleholder.reconciler.recorder import RECORD_TIMEOUT_SECONDS
from titleholder.rollout.view import View

# The event of a verdict that is repeated on the same day keeps the time of the first one.
_SAME_DAY = timedelta(days=1)


def verdict_check(
    operator: ModelOperator, context: Mapping[str, Any], decided: Decided
) -> Callable[[View], None]:
    """A check for the decision of `decide`, to be called with a view before each change.

    It raises ManualActionRequired when the decision is outdated, and RetryableError or
    EnvironmentConfigError when the events that say so cannot be read.
    """
    intent = decided.intent
    assert intent is not None
    decision = RecordedDecision(
        challenger=intent.target,
        at=datetime.fromisoformat(decided.recorded),
        run=run_name(context),
        last_event=decided.last_event,
        policy=decided.policy,
    )

    def check(view: View) -> None:
        reason = _outdated(operator, decision, view, decided.challenger)
        if reason:
            raise ManualActionRequired(
                f"the verdict on {decided.challenger} is outdated: {reason}; nothing is changed, "
                "and to evaluate again, clear the run from observe on, or trigger "
                f"{operator.config.model}__rollout with the intent evaluate"
            )

    return check


def _outdated(
    operator: ModelOperator, decision: RecordedDecision, view: View, challenger: str
) -> str:
    config = operator.config
    table = EventsTable(
        operator.environment, config.events_table, timeout_seconds=RECORD_TIMEOUT_SECONDS
    )
    unknown = (
        f"it is not known whether the verdict on {challenger} is still the newest, so "
        "traffic stays as it is"
    )
    try:
        events = table.read(config.model, since=decision.at - _SAME_DAY, endpoint=view.endpoint)
    except (EnvironmentConfigError, RetryableError) as error:
        raise type(error)(f"{unknown}: {error}") from None
    if not any(event.action == Action.EVALUATED and event.run == decision.run for event in events):
        raise RetryableError(
            f"{unknown}: {config.events_table} does not have that verdict; clear the run from "
            "observe on"
        )
    # Without a section `duel` the policy has changed.
    period = period_at(config.duel.schedule, decision.at) if config.duel else timedelta.max
    return outdated_reason(decision, view, events, policy_of(config), period, operator.clock())
