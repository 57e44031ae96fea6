"""Asks a person whether the challenger that has earned the title gets it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from titleholder.operators.approval_text import approver, question, rejection_text
from titleholder.operators.base import ModelOperator
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.operators.verdict_check import verdict_check


class ApproveOperator(ModelOperator, ApprovalOperator):
    """Airflow's required action with Approve and Reject, which holds no worker slot; skips itself
    where `decide` asks nothing, and fails where what it decided is outdated. Returns
    `{"approved_by", "approved_at"}`.

    On Reject, and when nobody answers within `approval_timeout`, what follows is skipped, and that
    is an event.
    """

    # Airflow's operator has two, and the text of both comes from a model's file and its duel.
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
        """Ask, and park until somebody answers."""
        decided = self.xcom_result(context, "decide")
        if not decided["asks"]:
            raise AirflowSkipException(f"{self.config.model}: nobody is asked: {decided['reason']}")
        with self.fail_with_message():
            make_reconciler(self, change_context(context)).read_view(
                "approve", verdict_check(self, context, decided)
            )
        self.subject, self.body = question(self.config, decided, self.approval_timeout)
        self.log.warning("%s It waits in Airflow's required actions.", self.subject)
        return super().execute(context)  # type: ignore[arg-type]

    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        """Go on with whoever approved, or say who did not."""
        if self.REJECT in event.get("chosen_options", ()):
            self._declined(context, event)
        answer = super().execute_complete(context, event)  # type: ignore[arg-type]
        if self.REJECT in answer["chosen_options"]:
            return None
        return {
            "approved_by": approver(answer) or "somebody whom Airflow does not name",
            "approved_at": answer["responded_at"].isoformat(),
        }

    def _declined(self, context: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        decided = self.xcom_result(context, "decide")
        told = rejection_text(decided, answer, self.approval_timeout)
        self.log.warning("%s: %s", self.config.model, told)
        cause = change_context(context)
        evidence = {name: decided[name] for name in ("reason", "job", "report")}
        evidence["answered_by"] = approver(answer) or None
        cause = replace(cause, evidence=cause.evidence | evidence)
        try:
            rollout = make_reconciler(self, cause)
            view = rollout.read_view("decline", lambda seen: seen)
            rollout.record("declined", view, told, decided["job"])
        except Exception as error:
            # The answer is to change nothing, and nothing is changed.
            self.log.warning("that could not be recorded: %s", error)
