"""Waits for a person's approval of a promotion."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from titleholder.events.event import Action
from titleholder.operators.approval_text import approver, question, rejection_text
from titleholder.operators.base import ModelOperator
from titleholder.operators.results import Decided
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.operators.verdict_check import verdict_check


class ApproveOperator(ModelOperator, ApprovalOperator):
    """Airflow's required action with Approve and Reject, which holds no worker slot. Skips when no
    approval is needed, and fails when the decision is outdated. Returns `{"approved_by",
    "approved_at"}`.

    On Reject, and without an answer within `approval_timeout`, what follows is skipped, and that is
    an event.
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
            raise AirflowSkipException(
                f"{self.config.model}: no approval is needed: {decided.reason}"
            )
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
            self._record_rejection(context, event)
        answer = super().execute_complete(context, event)  # type: ignore[arg-type]
        if self.REJECT in answer["chosen_options"]:
            return None
        return {
            "approved_by": approver(answer) or "an unnamed user",
            "approved_at": answer["responded_at"].isoformat(),
        }

    def _record_rejection(self, context: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        decided = self.read_result(context, "decide", Decided.from_xcom)
        reason = rejection_text(decided, answer, self.approval_timeout)
        self.log.warning("%s: %s", self.config.model, reason)
        cause = change_context(context)
        evidence = decided.evidence | {"answered_by": approver(answer) or None}
        cause = replace(cause, evidence=cause.evidence | evidence)
        try:
            rollout = make_reconciler(self, cause)
            view = rollout.read_view("reject", lambda seen: seen)
            rollout.record(Action.APPROVAL_REJECTED, view, reason, decided.job)
        except Exception as error:
            # Nothing is changed in any case.
            self.log.warning("that could not be recorded: %s", error)
