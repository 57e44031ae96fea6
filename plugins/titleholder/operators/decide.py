"""Evaluates the challenger by the duel's evidence, and decides what follows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from titleholder.alerts.alert import Link
from titleholder.alerts.from_verdict import alert_for_verdict
from titleholder.analysis.evaluate import (
    DuelResult,
    Evaluation,
    evaluate,
    evaluation_context,
    policy_of,
)
from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.guardrails import LiveObservations
from titleholder.analysis.model_pair import Evaluate, RegisteredModel, require_same_pair
from titleholder.analysis.progress import forecast_sentence
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel
from titleholder.errors import RetryableError
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.bigquery.live_metrics import LiveMetrics
from titleholder.gcp.console import object_page, pipeline_page
from titleholder.labels import Label
from titleholder.lineage.tasks import evaluation_lineage
from titleholder.metrics.samples import verdict_samples
from titleholder.naming import training_run_of
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import ReportLink
from titleholder.operators.results import Decided, Observed
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.reconciler.engine import Reconciler
from titleholder.rollout.intents import RollBack
from titleholder.rollout.view import View


class DecideOperator(ModelOperator):
    """Records every verdict as an event, before anything is changed. Returns results.Decided.

    Fails when the endpoint's champion or challenger is not the one that the duel compared.
    """

    operator_extra_links = (ReportLink(),)

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate once; a repetition with the same duel is the same look."""
        pair = self.read_result(context, "observe", Observed.from_xcom).pair
        assert pair is not None, "decide follows the duel of a pair"
        duel_result = self.read_result(context, "wait_for_duel", _parse_duel_result)
        report = object_page(duel_result.report)
        ReportLink.store(context, report)
        with self.fail_with_message():
            reconciler = make_reconciler(self, change_context(context))
            view = reconciler.read_view(Evaluate(), lambda seen: require_same_pair(seen, pair))
            events = self._events(view, pair.challenger)
            now = self.clock()
            look = evaluation_context(
                self.config, self.duel, pair, view, events, duel_result.job, now
            )
            live = self._live_observations(view, look)
            percentage = view.split.get(look.challenger, 0)
            evaluation = evaluate(self.config, self.duel, pair, look, percentage, duel_result, live)
            recorded = self._record(reconciler, evaluation, view)
        version = pair.challenger.version
        self.emit_metrics(
            lambda: verdict_samples(self.config.model, version, evaluation.verdict), context
        )
        at = training_run_of(self.config.model, self.duel.schedule, context).interval.end
        self.keep_lineage(
            lambda names: evaluation_lineage(
                names,
                pair,
                self.duel,
                at,
                duel_result.evidence,
                evaluation.verdict,
                look.design.threshold,
            )
        )
        for problem in live.unreadable:
            self.log.warning("%s", problem)
        pages = Link("Duel", pipeline_page(duel_result.job)), Link("Report", report)
        self.send_alert(
            context,
            lambda: alert_for_verdict(
                self.config, self.duel, evaluation, pair.challenger, events, now, pages
            ),
        )
        decision, outcome = evaluation.decision, evaluation.verdict.outcome
        not_promoted = outcome is Outcome.PROMOTE and decision.intent is None
        warns = outcome is Outcome.INCONCLUSIVE or not_promoted
        if forecast := forecast_sentence(evaluation.record):
            self.log.info("%s", forecast)
        (self.log.warning if warns else self.log.info)("%s: %s", outcome, decision.reason)
        return Decided(
            outcome=str(outcome),
            reason=decision.reason,
            intent=decision.intent,
            needs_approval=decision.needs_approval,
            champion=pair.champion.version,
            challenger=pair.challenger.version,
            verdict=_numbers(evaluation.verdict),
            job=duel_result.job,
            report=duel_result.report,
            recorded=recorded.isoformat(),
            last_event=view.labels.get(Label.LAST_EVENT, ""),
            policy=policy_of(self.config),
        ).to_xcom()

    def _events(self, view: View, challenger: RegisteredModel) -> list[Event]:
        """The events of this endpoint since the end of the challenger's training data: all that are
        about the challenger, also those of an earlier deployment."""
        table = EventsTable(self.environment, self.config.events_table)
        since = datetime.fromisoformat(challenger.data_interval_end)
        found = table.read(self.config.model, since=since, endpoint=view.endpoint)
        return events_of_endpoint(found, view.endpoint, view.created)

    def _live_observations(self, view: View, look: EvaluationContext) -> LiveObservations:
        guardrails = self.config.rollout.guardrails
        if guardrails is None:
            return LiveObservations()
        metrics = LiveMetrics(self.environment, guardrails)
        return metrics.read(view, (look.champion, look.challenger), look.since, look.now)

    def _record(self, reconciler: Reconciler, evaluation: Evaluation, view: View) -> datetime:
        """Record the evaluation; returns the time of its event."""
        reason = f"{evaluation.verdict.outcome}: {evaluation.decision.reason}"
        written = reconciler.record(
            Action.EVALUATED, view, reason, evaluation.record["job"], evaluation.record
        )
        # No promotion without a record; but a missing record must not prevent a rollback.
        if not written and not isinstance(evaluation.decision.intent, RollBack):
            raise RetryableError(
                f"{reason}, but that could not be recorded in {self.config.events_table}"
            )
        return reconciler.recorded[-1].time


def _parse_duel_result(value: Mapping[str, Any]) -> DuelResult:
    at = datetime.fromisoformat(value["measured"])
    return DuelResult(value["job"], at, value["evidence"], value["report"])


def _numbers(verdict: Verdict) -> dict[str, float | None] | None:
    if verdict.outcome is not Outcome.PROMOTE:
        return None
    return {
        "n": verdict.n,
        "estimate": verdict.estimate,
        "low": verdict.low,
        "high": verdict.high,
    }
