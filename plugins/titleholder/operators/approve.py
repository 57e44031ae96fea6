"""Waits for a person's approval of a promotion."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from titleholder.config.duel import format_hours
from titleholder.config.model import ModelConfig
from titleholder.events.event import Action
from titleholder.gcp.console import object_page
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import Decided
from titleholder.operators.rollout import change_context, make_reconciler, record_if_possible
from titleholder.operators.verdict_check import verdict_check


class ApproveOperator(ModelOperator, ApprovalOperator):
    """Airflow's required action with Approve and Reject, which occupies no worker slot. Skips when
    no approval is needed, and fails when the decision is outdated. Returns `{"approved_by",
    "approved_at"}`.

    On Reject, and without an answer within `approval_timeout`, it records an event, and the tasks
    that follow are skipped.
    """

    # Airflow's operator templates subject and body, which here come from a file and a duel.
    template_fields = ()

    def __init__(self, *, approval_timeout: timedelta, **kwargs: Any) -> None:
        super().__init__(
            subject="Promote the challenger?",
            defaults=self.REJECT,
            response_timeout=approval_timeout,
            **kwargs,
        )
        self.approval_timeout = approval_timeout

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, and defer until there is an answer."""
        decided = self.read_result(context, "decide", Decided.from_xcom)
        if not decided.needs_approval:
            self.skip_with_message(f"no approval is needed: {decided.reason}")
        with self.fail_with_message():
            make_reconciler(self, change_context(context)).read_view(
                "approve", verdict_check(self, context, decided)
            )
        self.subject, self.body = question(self.config, decided, self.approval_timeout)
        self.log.warning("%s It waits in Airflow's required actions.", self.subject)
        return super().execute(context)  # type: ignore[arg-type]

    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        """Return the approval, or record that there is none."""
        if self.REJECT in event.get("chosen_options", ()):
            decided = self.read_result(context, "decide", Decided.from_xcom)
            reason = rejection_text(decided, event, self.approval_timeout)
            self.log.warning("%s: %s", self.config.model, reason)
            evidence = decided.evidence | {"answered_by": approver(event) or None}
            record_if_possible(
                self,
                change_context(context),
                Action.APPROVAL_REJECTED,
                reason,
                evidence,
                decided.job,
            )
        answer = super().execute_complete(context, event)  # type: ignore[arg-type]
        if self.REJECT in answer["chosen_options"]:
            return None
        approved_by = approver(answer) or "an unnamed user"
        self.log.info("%s: the promotion was approved by %s", self.config.model, approved_by)
        return {
            "approved_by": approved_by,
            "approved_at": answer["responded_at"].isoformat(),
        }


def question(config: ModelConfig, decided: Decided, approval_timeout: timedelta) -> tuple[str, str]:
    """Subject and body (Markdown) of the required action."""
    challenger, verdict = decided.challenger, decided.verdict or {}
    clustered = config.duel is not None and config.duel.cluster_column
    subject = f"{config.model}: promote the challenger {challenger}?"
    body = f"""\
{decided.reason}.

| | |
| --- | --- |
| endpoint | {config.endpoint.display_name} |
| champion now | {decided.champion} |
| challenger | {challenger} |
| loss, champion's minus challenger's | {verdict["estimate"]:.4g} |
| interval | {verdict["low"]:.4g} to {verdict["high"]:.4g} |
| {"clusters" if clustered else "rows"} | {verdict["n"]:.0f} |
| report | [{decided.report}]({object_page(decided.report)}) |
| duel | {decided.job} |

**Approve**: the challenger becomes champion with all traffic, in one write. \
**Reject**, or no answer within {format_hours(approval_timeout)}: nothing is changed, and the \
next run asks again if the verdict is the same.
"""
    return subject, body


def rejection_text(decided: Decided, answer: Mapping[str, Any], within: timedelta) -> str:
    """The reason of the event, in one sentence, from Airflow's answer."""
    user = approver(answer)
    # After the timeout Airflow answers with the default, without a user.
    why = f"{user} rejected it" if user else f"there was no answer within {format_hours(within)}"
    return (
        f"the promotion of {decided.challenger} was not approved: {why}; nothing is changed, and "
        "the next run asks again if the verdict is the same"
    )


def approver(answer: Mapping[str, Any]) -> str:
    """The name of the user who answered, else the id; empty for none."""
    user = answer.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "")
