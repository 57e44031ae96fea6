"""Evaluates the challenger by the duel's evidence, and decides what follows."""

from collections.abc import Mapping
from dataclasses import replace
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
from titleholder.analysis.pair import Evaluate, require_same_pair
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel
from titleholder.errors import RetryableError
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.bigquery.live_metrics import LiveMetrics
from titleholder.gcp.console import object_page, pipeline_page
from titleholder.labels import Label
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import ReportLink
from titleholder.operators.results import Decided, Observed
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.rollout.intents import RollBack
from titleholder.rollout.view import View


class DecideOperator(ModelOperator):
    """Records the verdict as an event, whatever it is, before anything is done.

    Returns results.Decided. Fails when champion or challenger is another than was compared.
    """

    operator_extra_links = (ReportLink(),)

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate once; repeated with the same duel, it is the same look."""
        pair = self.read_result(context, "observe", Observed.from_xcom).pair
        assert pair is not None, "decide follows the duel of a pair"
        measured = self.read_result(context, "wait_for_duel", _duel_result)
        report = object_page(measured.report)
        ReportLink.store(context, report)
        with self.fail_with_message():
            view = make_reconciler(self, change_context(context)).read_view(
                Evaluate(), lambda seen: require_same_pair(seen, pair)
            )
            events = self._events(view)
            now = self.clock()
            look = evaluation_context(pair, view, events, measured.job, now)
            observed = self._observed(view, look)
            percentage = view.split.get(look.challenger, 0)
            made = evaluate(self.config, self.duel, pair, look, percentage, measured, observed)
            recorded = self._record(context, made, view)
        for problem in observed.unreadable:
            self.log.warning("%s", problem)
        pages = Link("Duel", pipeline_page(measured.job)), Link("Report", report)
        self.send_alert(
            context,
            lambda: alert_for_verdict(
                self.config, self.duel, made, pair.challenger, events, now, pages
            ),
        )
        decision, outcome = made.decision, made.verdict.outcome
        not_promoted = outcome is Outcome.PROMOTE and decision.intent is None
        warns = outcome is Outcome.INCONCLUSIVE or not_promoted
        (self.log.warning if warns else self.log.info)("%s: %s", outcome, decision.reason)
        return Decided(
            outcome=str(outcome),
            reason=decision.reason,
            intent=decision.intent,
            needs_approval=decision.needs_approval,
            champion=pair.champion.version,
            challenger=pair.challenger.version,
            verdict=_numbers(made.verdict),
            job=measured.job,
            report=measured.report,
            recorded=recorded.isoformat(),
            last_event=view.labels.get(Label.LAST_EVENT, ""),
            policy=policy_of(self.config),
        ).to_xcom()

    def _events(self, view: View) -> list[Event]:
        """The events of this endpoint since its creation."""
        table = EventsTable(self.environment, self.config.events_table)
        found = table.read(self.config.model, since=view.created, endpoint=view.endpoint)
        return events_of_endpoint(found, view.endpoint, view.created)

    def _observed(self, view: View, look: EvaluationContext) -> LiveObservations:
        guardrails = self.config.rollout.guardrails
        if guardrails is None:
            return LiveObservations()
        live = LiveMetrics(self.environment, guardrails)
        return live.read(view, (look.champion, look.challenger), look.since, look.now)

    def _record(self, context: Mapping[str, Any], made: Evaluation, view: View) -> datetime:
        """Record the evaluation; the time of its event."""
        cause, decision = change_context(context), made.decision
        cause = replace(cause, evidence=cause.evidence | made.record)
        reason = f"{made.verdict.outcome}: {decision.reason}"
        rollout = make_reconciler(self, cause)
        written = rollout.record(Action.EVALUATED, view, reason, made.record["job"])
        # No promotion without a record; but a missing record must not prevent a rollback.
        if not written and not isinstance(decision.intent, RollBack):
            raise RetryableError(
                f"{reason}, but that could not be recorded in {self.config.events_table}"
            )
        return rollout.recorded[-1].time


def _duel_result(value: Mapping[str, Any]) -> DuelResult:
    measured = datetime.fromisoformat(value["measured"])
    return DuelResult(value["job"], measured, value["evidence"], value["report"])


def _numbers(found: Verdict) -> dict[str, float | None] | None:
    if found.outcome is not Outcome.PROMOTE:
        return None
    return {"n": found.n, "estimate": found.estimate, "low": found.low, "high": found.high}
