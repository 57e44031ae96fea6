"""What every task has that touches an endpoint: the rollout engine, and how it waits."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from airflow.sdk import BaseOperatorLink

from titleholder.alerts.from_event import alert_for_event
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.console import endpoint_page, version_page
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.operators.base import ModelOperator, poll_delay
from titleholder.operators.links import EndpointLink, ModelLink
from titleholder.reconciler.engine import PendingOperation, Reconciler
from titleholder.reconciler.recorder import REASON, RECORD_TIMEOUT_SECONDS, ChangeContext
from titleholder.rollout.intents import (
    Abort,
    DeployCandidate,
    Intent,
    Policy,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.view import View


class RolloutOperator(ModelOperator):
    """Makes the endpoint what its intent wants, and changes nothing when it is so already.

    Returns `{"summary", "outcome", "endpoint", "split", "labels"}`. Defers while a long operation
    runs. Alerts people of each change, also when it fails afterwards.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (EndpointLink(), ModelLink())

    @abstractmethod
    def intent(self, context: Mapping[str, Any]) -> Intent:
        """What the task wants; raises AirflowSkipException when it wants nothing."""

    @abstractmethod
    def change_context(self, context: Mapping[str, Any]) -> ChangeContext:
        """On whose behalf."""

    def check(self, context: Mapping[str, Any]) -> Callable[[View], None] | None:
        """What must not refuse before roles or split are changed; None for nothing."""
        return None

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one step after the other."""
        with self.fail_with_message():
            intent = self.intent(context)
            work = make_reconciler(self, self.change_context(context))
            try:
                result = work.run(intent, self._pending_operation(context), self.check(context))
            finally:
                self._send_change_alerts(context, work)
        if isinstance(result, PendingOperation):
            # An XCom outlives a deferral and is gone with the attempt: an attempt that takes over
            # sees what runs when it observes.
            since = result.since.isoformat()
            context["ti"].xcom_push("waiting", {**asdict(result), "since": since})
            self.log.info("waiting for %s", result.operation)
            self.defer_for(poll_delay(self.clock() - result.since))
        self.log.info("%s", result.summary)
        view = result.view
        EndpointLink.store(context, endpoint_page(view.endpoint or ""))
        ModelLink.store(context, version_page(view.endpoint or "", _version(intent, view)))
        return {
            "summary": result.summary,
            "outcome": result.plan.outcome,
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }

    def _send_change_alerts(self, context: Mapping[str, Any], work: Reconciler) -> None:
        judged = self.config.duel is not None
        for event in work.recorded:
            self.send_alert(context, partial(alert_for_event, event, judged))

    def _pending_operation(self, context: Mapping[str, Any]) -> PendingOperation | None:
        kept = context["ti"].xcom_pull(task_ids=self.task_id, key="waiting")
        if not kept:
            return None
        since = datetime.fromisoformat(kept["since"])
        # An older version of this package, before an upgrade, did not say whether it had changed.
        return PendingOperation(kept["operation"], kept["step"], since, kept.get("changed", True))


def _version(intent: Intent, view: View) -> str:
    """The registered version that the intent is about, such as `linnerud@3`."""
    match intent:
        case DeployCandidate():
            whom = intent.deployed_model_id
        case (
            Promote(whom)
            | RollBack(whom)
            | Abort(whom)
            | SetTrafficPercentage(whom)
            | UndoPromotion(whom)
        ):
            pass
        case _:
            whom = view.labels.get("champion", "")
    seat, version = view.deployed_model(whom), view.version_for_deployment(whom)
    if seat is not None:
        return seat.model
    return f"{view.model}@{version.number}" if version is not None else ""


def make_reconciler(operator: ModelOperator, cause: ChangeContext) -> Reconciler:
    """The rollout engine of the operator's model."""
    config, environment = operator.config, operator.environment
    return Reconciler(
        Endpoints(environment, config),
        EventsTable(environment, config.events_table, timeout_seconds=RECORD_TIMEOUT_SECONDS),
        Policy(config.rollout.replacement, config.rollout.keep_previous_champion),
        cause,
        operator.clock,
    )


def change_context(context: Mapping[str, Any]) -> ChangeContext:
    """On behalf of whoever triggered the dag run, with the reason and the note that they left."""
    dag_run, reason = context["dag_run"], context["params"].get(REASON)
    return ChangeContext(
        run=run_name(context),
        actor=dag_run.triggering_user_name or "airflow",
        evidence=({REASON: reason} if reason else {})
        | ({"note": dag_run.note} if dag_run.note else {}),
    )


def run_name(context: Mapping[str, Any]) -> str:
    """The dag run, as an event names it."""
    dag_run = context["dag_run"]
    return f"{dag_run.dag_id}/{dag_run.run_id}"
