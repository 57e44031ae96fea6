"""Does what a person asked for when triggering `<model>__rollout`, or what was decided."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.operators.observe import EVALUATE
from titleholder.operators.rollout import RolloutOperator, change_context
from titleholder.operators.verdict_check import verdict_check
from titleholder.reconciler.recorder import ChangeContext
from titleholder.rollout.intents import Intent
from titleholder.rollout.view import View
from titleholder.rollout.wishes import Wish, intent_of


class ApplyDecisionOperator(RolloutOperator):
    """Applies the wish that `observe` pinned, or the one of `decide`: a retry means the same model,
    whatever changed. Skips when it was decided to do nothing, and fails with a sentence, before
    anything is changed, when the promotion or share that was decided is outdated. A rollback, and
    what a person asked for, is never that."""

    def intent(self, context: Mapping[str, Any]) -> Intent:
        """The wish's."""
        observed = self.xcom_result(context, "observe")
        if observed["kind"] != EVALUATE:
            return intent_of(Wish(**observed))
        decided = self.xcom_result(context, "decide")
        if decided["wish"] is None:
            raise AirflowSkipException(f"{self.config.model}: {decided['reason']}")
        if decided["asks"]:
            # Who marks `approve` as skipped or successful by hand has approved nothing.
            self.xcom_result(context, "approve")
        # A person may have withdrawn it since: only a person brings it back.
        return intent_of(Wish(**decided["wish"]), only_seated=True)

    def check(self, context: Mapping[str, Any]) -> Callable[[View], None] | None:
        """That what was decided is still the newest word."""
        if self.xcom_result(context, "observe")["kind"] != EVALUATE:
            return None
        decided = self.xcom_result(context, "decide")
        if decided["wish"]["kind"] == "rollback":
            return None
        return verdict_check(self, context, decided)

    def change_context(self, context: Mapping[str, Any]) -> ChangeContext:
        """The person who triggered the run; what was decided and why is its evidence."""
        cause = change_context(context)
        if self.xcom_result(context, "observe")["kind"] != EVALUATE:
            return cause
        decided = self.xcom_result(context, "decide")
        told = {name: decided[name] for name in ("outcome", "reason", "job", "report")}
        if decided["asks"]:
            told |= self.xcom_result(context, "approve")
        return replace(cause, evidence=cause.evidence | told)
