"""Holds a promotion or a share back that is not what the newest verdict says any more."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from titleholder.analysis.evaluate import policy_of
from titleholder.analysis.outdated_verdict import RecordedDecision, outdated_reason
from titleholder.errors import EnvironmentConfigError, ManualActionRequired, RetryableError
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.intervals import period_at
from titleholder.operators.base import ModelOperator
from titleholder.operators.rollout import run_name
from titleholder.reconciler.recorder import RECORD_TIMEOUT_SECONDS
from titleholder.rollout.view import View

# A verdict that is written again on the same day keeps its first row.
_SAME_DAY = timedelta(days=1)


def verdict_check(
    operator: ModelOperator, context: Mapping[str, Any], decision: Mapping[str, Any]
) -> Callable[[View], None]:
    """A check of the endpoint before it is changed, for a decision that `decide` returned.

    It raises ManualActionRequired, which says in a sentence why that is outdated, and, where that
    cannot be known, RetryableError or EnvironmentConfigError.
    """
    # An older version of this package handed on the id alone.
    challenger = decision.get("challenger", decision["wish"]["deployed_model_id"])

    def check(view: View) -> None:
        decided = _decided(context, decision)
        why = "it does not say when and on what it was decided"
        if decided is not None:
            why = _outdated(operator, decided, view, challenger)
        if why:
            raise ManualActionRequired(
                f"the verdict on {challenger} is outdated: {why}; nothing is changed, and to judge "
                "anew, clear the run from observe on, or trigger "
                f"{operator.config.model}__rollout with the intent judge"
            )

    return check


def _decided(context: Mapping[str, Any], decision: Mapping[str, Any]) -> RecordedDecision | None:
    """None for what another version of this package returned."""
    try:
        return RecordedDecision(
            challenger=decision["wish"]["deployed_model_id"],
            at=datetime.fromisoformat(decision["recorded"]),
            run=run_name(context),
            change=decision["change"],
            policy=decision["policy"],
        )
    except KeyError:
        return None


def _outdated(
    operator: ModelOperator, decided: RecordedDecision, view: View, challenger: str
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
        events = table.read(config.model, since=decided.at - _SAME_DAY, endpoint=view.endpoint)
    except (EnvironmentConfigError, RetryableError) as error:
        raise type(error)(f"{unknown}: {error}") from None
    if not any(event.action == "judged" and event.run == decided.run for event in events):
        raise RetryableError(
            f"{unknown}: {config.events_table} does not have that verdict; clear the run from "
            "observe on"
        )
    # Without the section the policy is another.
    period = period_at(config.duel.schedule, decided.at) if config.duel else timedelta.max
    return outdated_reason(decided, view, events, policy_of(config), period, operator.clock())
