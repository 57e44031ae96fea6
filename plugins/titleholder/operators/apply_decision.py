"""Applies the intent of a user who triggered `<model>__rollout`, or of a decision."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from titleholder.operators.results import Decided, Observed
from titleholder.operators.rollout import Change, RolloutOperator, change_context
from titleholder.operators.verdict_check import verdict_check
from titleholder.rollout.intents import RollBack, SetTrafficPercentage


class ApplyDecisionOperator(RolloutOperator):
    """Applies the intent that `observe` resolved, or that of `decide`; a retry has the same target,
    whatever has changed.

    Skips when the decision is to change nothing, and fails, before anything is changed, when a
    promotion or traffic step is outdated. A rollback and a user's intent are never outdated.
    """

    def change(self, context: Mapping[str, Any]) -> Change:
        """The intent; decision and approval are added to the evidence of its events."""
        cause = change_context(context)
        observed = self.read_result(context, "observe", Observed.from_xcom)
        if observed.intent is not None:
            return Change(observed.intent, cause)
        if observed.pair is None:
            self.skip_with_message("there is no challenger, so there is nothing to apply")
        decided = self.read_result(context, "decide", Decided.from_xcom)
        if decided.intent is None:
            self.skip_with_message(decided.reason)
        evidence = decided.evidence
        if decided.needs_approval:
            # A task `approve` that was marked as skipped or successful by hand is no approval.
            evidence |= self.xcom_result(context, "approve")
        intent = decided.intent
        if isinstance(intent, SetTrafficPercentage):
            # An abort since then is final: only a user gives the last challenger traffic again.
            intent = replace(intent, only_current_challenger=True)
        check = None if isinstance(intent, RollBack) else verdict_check(self, context, decided)
        return Change(intent, replace(cause, evidence=cause.evidence | evidence), check)
