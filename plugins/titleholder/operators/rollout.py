"""What every task has that touches an endpoint: the rollout engine, and how it waits."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from airflow.sdk import BaseOperatorLink

from titleholder.alerts.from_event import of_change
from titleholder.gcp.bigquery.events_table import EventTable
from titleholder.gcp.console import endpoint_page, version_page
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.operators.base import ModelOperator, next_look
from titleholder.operators.links import EndpointLink, ModelLink
from titleholder.reconciler.engine import Reconciler, Waiting
from titleholder.reconciler.recorder import REASON, RECORD_SECONDS, Cause
from titleholder.rollout.intents import (
    Abort,
    Intent,
    Policy,
    Promote,
    Reinstate,
    RollBack,
    SeatCandidate,
    SetShare,
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
    def cause(self, context: Mapping[str, Any]) -> Cause:
        """On whose behalf."""

    def check(self, context: Mapping[str, Any]) -> Callable[[View], None] | None:
        """What must not refuse before roles or split are changed; None for nothing."""
        return None

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one step after the other."""
        with self.told():
            intent = self.intent(context)
            work = engine(self, self.cause(context))
            try:
                result = work.run(intent, self._waiting(context), self.check(context))
            finally:
                self._tell_changes(context, work)
        if isinstance(result, Waiting):
            # An XCom outlives a deferral and is gone with the attempt: an attempt that takes over
            # sees what runs when it observes.
            since = result.since.isoformat()
            context["ti"].xcom_push("waiting", {**asdict(result), "since": since})
            self.log.info("waiting for %s", result.operation)
            self.wake_in(next_look(self.clock() - result.since))
        self.log.info("%s", result.summary)
        view = result.view
        EndpointLink.keep(context, endpoint_page(view.endpoint or ""))
        ModelLink.keep(context, version_page(view.endpoint or "", _version(intent, view)))
        return {
            "summary": result.summary,
            "outcome": result.plan.outcome,
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }

    def _tell_changes(self, context: Mapping[str, Any], work: Reconciler) -> None:
        judged = self.config.duel is not None
        for event in work.noted:
            self.tell(context, partial(of_change, event, judged))

    def _waiting(self, context: Mapping[str, Any]) -> Waiting | None:
        kept = context["ti"].xcom_pull(task_ids=self.task_id, key="waiting")
        if not kept:
            return None
        since = datetime.fromisoformat(kept["since"])
        # An older version of this package, before an upgrade, did not say whether it had changed.
        return Waiting(kept["operation"], kept["step"], since, kept.get("changed", True))


def _version(intent: Intent, view: View) -> str:
    """The registered version that the intent is about, such as `linnerud@3`."""
    match intent:
        case SeatCandidate():
            whom = intent.deployed_model_id
        case Promote(whom) | RollBack(whom) | Abort(whom) | SetShare(whom) | Reinstate(whom):
            pass
        case _:
            whom = view.labels.get("champion", "")
    seat, version = view.seat(whom), view.version_of(whom)
    if seat is not None:
        return seat.model
    return f"{view.model}@{version.number}" if version is not None else ""


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
