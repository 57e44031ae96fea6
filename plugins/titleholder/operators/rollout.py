"""The base of the operators that change an endpoint, and their access to the rollout engine."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow.sdk import BaseOperatorLink

from titleholder.alerts.from_event import alert_for_event
from titleholder.config.model import ModelConfig
from titleholder.errors import TitleholderError
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.console import endpoint_page, version_page
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.lineage.tasks import traffic_lineage
from titleholder.metrics.metric import Sample
from titleholder.metrics.samples import champion_age_samples, traffic_samples
from titleholder.operators.announce import Announcements, asset_alias
from titleholder.operators.base import ModelOperator, poll_delay
from titleholder.operators.links import EndpointLink, ModelLink
from titleholder.reconciler.engine import PendingOperation, Reconciler
from titleholder.reconciler.recorder import REASON, RECORD_TIMEOUT_SECONDS, ChangeContext
from titleholder.rollout.intents import Adopt, Intent, Restore, UpdateResources
from titleholder.rollout.view import View

# How far back the last new champion is looked for, and the highest age of a champion: the rows
# before cost more to read than they say.
CHAMPION_HISTORY = timedelta(days=366)


@dataclass(frozen=True)
class Change:
    """An intent, the context of its events, and a check that raises when it is outdated."""

    intent: Intent
    context: ChangeContext
    check: Callable[[View], None] | None = None


class RolloutOperator(ModelOperator):
    """Applies an intent to the endpoint; idempotent.

    Returns `{"summary", "outcome", "endpoint", "split", "labels"}`. Defers while a long-running
    operation is pending. Sends an alert for each change, also when the task fails afterwards, and
    updates the model's assets.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (EndpointLink(), ModelLink())
    # Two tasks that end at the same time would both do it: only one that runs alone may.
    updates_assets_for_others = False

    def __init__(self, *, config: ModelConfig, **kwargs: Any) -> None:
        alias = asset_alias(config.model)
        super().__init__(config=config, inlets=[alias], outlets=[alias], **kwargs)

    @abstractmethod
    def change(self, context: Mapping[str, Any]) -> Change:
        """The change to apply; raises AirflowSkipException when there is none."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the steps in order."""
        return self._apply(context, None)

    def resume(
        self,
        context: Mapping[str, Any],
        event: Any = None,
        pending: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Continue after a deferral, with the pending operation."""
        if pending is None:
            return self._apply(context, None)
        since = datetime.fromisoformat(pending["since"])
        return self._apply(context, PendingOperation(**{**pending, "since": since}))

    def _apply(
        self, context: Mapping[str, Any], pending: PendingOperation | None
    ) -> dict[str, Any]:
        with self.fail_with_message():
            change = self.change(context)
            announcements = Announcements(self, context)
            reconciler = make_reconciler(self, change.context, announcements.before_change)
            try:
                result = reconciler.run(change.intent, pending, change.check)
            finally:
                announcements.after_changes(reconciler.recorded)
                self._send_change_alerts(context, reconciler)
        if isinstance(result, PendingOperation):
            # A retry does not receive this: it finds the operation in its view.
            since = result.since.isoformat()
            self.log.info("waiting for %s", result.operation)
            self.defer_for(
                poll_delay(self.clock() - result.since),
                pending={**asdict(result), "since": since},
            )
        announcements.register(reconciler.recorded, self.updates_assets_for_others)
        self.log.info("%s", result.summary)
        view = result.view
        self.emit_metrics(lambda: state_samples(self, view), context)
        self.keep_lineage(lambda names: traffic_lineage(names, change.intent, view))
        EndpointLink.store(context, endpoint_page(view.endpoint or ""))
        ModelLink.store(context, version_page(view.endpoint or "", _version(change.intent, view)))
        return {
            "summary": result.summary,
            "outcome": str(result.plan.outcome),
            "endpoint": view.endpoint,
            "split": view.split,
            "labels": view.labels,
        }

    def _send_change_alerts(self, context: Mapping[str, Any], reconciler: Reconciler) -> None:
        has_duel = self.config.duel is not None
        for event in reconciler.recorded:
            self.send_alert(context, partial(alert_for_event, event, has_duel))


def _version(intent: Intent, view: View) -> str:
    """The registered version that the intent targets, such as `linnerud@3`; empty for none."""
    target = intent.deployed_model_id
    if target is None or isinstance(intent, UpdateResources | Adopt | Restore):
        target = view.labels.get("champion", "")
    deployed, version = view.deployed_model(target), view.version_for_deployment(target)
    if deployed is not None:
        return deployed.model
    return f"{view.model}@{version.number}" if version is not None else ""


def state_samples(operator: ModelOperator, view: View) -> Iterator[Sample]:
    """The metrics of an endpoint: its traffic, and the age of its champion by the events table,
    which is waited for as long as an event is."""
    yield from traffic_samples(view)
    now = operator.clock()
    since = now - CHAMPION_HISTORY
    table = EventsTable(
        operator.environment, operator.config.events_table, timeout_seconds=RECORD_TIMEOUT_SECONDS
    )
    try:
        events = table.read(view.model, since=since, endpoint=view.endpoint)
    except TitleholderError as error:
        operator.log.warning("the age of the champion is not known: %s", error)
        return
    own = events_of_endpoint(events, view.endpoint, view.created)
    yield from champion_age_samples(view, own, since, now)


def make_reconciler(
    operator: ModelOperator,
    cause: ChangeContext,
    before_change: Callable[[Event], None] = lambda _: None,
) -> Reconciler:
    """The rollout engine of the operator's model."""
    config, environment = operator.config, operator.environment
    return Reconciler(
        Endpoints(environment, config),
        EventsTable(environment, config.events_table, timeout_seconds=RECORD_TIMEOUT_SECONDS),
        config.rollout,
        cause,
        operator.clock,
        before_change=before_change,
    )


def change_context(context: Mapping[str, Any]) -> ChangeContext:
    """The dag run, and the user who triggered it, with the run's reason and note."""
    dag_run, reason = context["dag_run"], context["params"].get(REASON)
    return ChangeContext(
        run=run_name(context),
        actor=dag_run.triggering_user_name or "airflow",
        evidence=({REASON: reason} if reason else {})
        | ({"note": dag_run.note} if dag_run.note else {}),
    )


def record_if_possible(
    operator: ModelOperator,
    cause: ChangeContext,
    action: Action,
    reason: str,
    evidence: Mapping[str, Any],
    about: str = "",
) -> None:
    """Record an event of an action that changes nothing; logs a warning where that fails."""
    try:
        reconciler = make_reconciler(operator, cause)
        view = reconciler.read_view(str(action), lambda seen: seen)
        reconciler.record(action, view, reason, about, evidence)
    except Exception as error:
        operator.log.warning("the event could not be recorded: %s", error)


def run_name(context: Mapping[str, Any]) -> str:
    """The name of the dag run in events."""
    dag_run = context["dag_run"]
    return f"{dag_run.dag_id}/{dag_run.run_id}"
