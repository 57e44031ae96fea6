"""What every task has that touches an endpoint: the rollout engine, and how it waits."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from titleholder.event_table import EventTable
from titleholder.operators.base import ModelOperator, next_look
from titleholder.reconcile import Reconciler, Waiting
from titleholder.recorder import REASON, RECORD_SECONDS, Cause
from titleholder.rollout.intents import Intent, Policy
from titleholder.vertex.endpoints import Endpoints


class RolloutOperator(ModelOperator):
    """Makes the endpoint what its intent wants, and changes nothing when it is so already.

    Returns `{"summary", "outcome", "endpoint", "split", "labels"}`. Defers while a long operation
    runs.
    """

    @abstractmethod
    def intent(self, context: Mapping[str, Any]) -> Intent:
        """What the task wants; raises AirflowSkipException when it wants nothing."""

    @abstractmethod
    def cause(self, context: Mapping[str, Any]) -> Cause:
        """On whose behalf."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one step after the other."""
        with self.told():
            intent = self.intent(context)
            result = engine(self, self.cause(context)).run(intent, self._waiting(context))
        if isinstance(result, Waiting):
            # An XCom outlives a deferral and is gone with the attempt: an attempt that takes over
            # sees what runs when it observes.
            since = result.since.isoformat()
            context["ti"].xcom_push("waiting", {**asdict(result), "since": since})
            self.log.info("waiting for %s", result.operation)
            self.wake_in(next_look(self.clock() - result.since))
        self.log.info("%s", result.plan.summary)
        view = result.view
        return {
            "summary": result.plan.summary,
            "outcome": result.plan.outcome,
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }

    def _waiting(self, context: Mapping[str, Any]) -> Waiting | None:
        kept = context["ti"].xcom_pull(task_ids=self.task_id, key="waiting")
        if not kept:
            return None
        return Waiting(kept["operation"], kept["step"], datetime.fromisoformat(kept["since"]))


def engine(operator: ModelOperator, cause: Cause) -> Reconciler:
    """The rollout engine of the operator's model."""
    config, environment = operator.config, operator.environment
    return Reconciler(
        Endpoints(environment, config),
        EventTable(environment, config.events, patience=RECORD_SECONDS),
        Policy(config.rollout.replacement, config.rollout.keep_previous),
        cause,
        operator.clock,
    )


def person(context: Mapping[str, Any]) -> Cause:
    """On behalf of whoever triggered the dag run, with the reason and the note that they left."""
    dag_run, reason = context["dag_run"], context["params"].get(REASON)
    return Cause(
        run=run_name(context),
        actor=dag_run.triggering_user_name or "airflow",
        evidence=({REASON: reason} if reason else {})
        | ({"note": dag_run.note} if dag_run.note else {}),
    )


def run_name(context: Mapping[str, Any]) -> str:
    """The dag run, as an event names it."""
    dag_run = context["dag_run"]
    return f"{dag_run.dag_id}/{dag_run.run_id}"
