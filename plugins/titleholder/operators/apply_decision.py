"""Applies the intent of a person who triggered `<model>__rollout`, or of a decision."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.operators.results import Decided, Observed
from titleholder.operators.rollout import Change, RolloutOperator, change_context
from titleholder.operators.verdict_check import verdict_check
from titleholder.rollout.intents import RollBack, SetTrafficPercentage


class ApplyDecisionOperator(RolloutOperator):
    """Applies the intent that `observe` resolved, or that of `decide`: a retry means the same
    model, whatever changed.

    Skips when the decision is to change nothing, and fails with a sentence, before anything is
    changed, when a promotion or traffic step is outdated. A rollback and a person's intent never
    are.
    """

    def change(self, context: Mapping[str, Any]) -> Change:
        """The intent; user, decision and approval are the evidence of its events."""
        on_behalf = change_context(context)
        observed = self.read_result(context, "observe", Observed.from_xcom)
        if observed.intent is not None:
            return Change(observed.intent, on_behalf)
        decided = self.read_result(context, "decide", Decided.from_xcom)
        if decided.intent is None:
            raise AirflowSkipException(f"{self.config.model}: {decided.reason}")
        evidence = decided.evidence
        if decided.needs_approval:
            # A task `approve` that was marked as skipped or successful by hand approves nothing.
            evidence |= self.xcom_result(context, "approve")
        intent = decided.intent
        if isinstance(intent, SetTrafficPercentage):
            # An abort since then stays: only a person gives the last challenger traffic again.
            intent = replace(intent, only_current_challenger=True)
        check = None if isinstance(intent, RollBack) else verdict_check(self, context, decided)
        return Change(intent, replace(on_behalf, evidence=on_behalf.evidence | evidence), check)
