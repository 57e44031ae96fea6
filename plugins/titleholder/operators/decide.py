"""Judges the challenger by the duel's evidence, and says what is to be done."""

from collections.abc import Mapping
from dataclasses import asdict, replace
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
from titleholder.analysis.evidence import EvaluationContext as Look
from titleholder.analysis.guardrails import LiveObservations
from titleholder.analysis.pair import Evaluate, require_same_pair
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel
from titleholder.errors import RetryableError
from titleholder.events.event import Event, events_of_endpoint
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.bigquery.live_metrics import LiveMetrics
from titleholder.gcp.console import object_page, pipeline_page
from titleholder.labels import CHANGE
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import ReportLink
from titleholder.operators.observe import pair_from_result
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.rollout.view import View


class DecideOperator(ModelOperator):
    """Records the verdict as an event, whatever it is, before anything is done.

    Returns `{"outcome", "reason", "wish", "asks", "champion", "challenger", "verdict", "job",
    "report", "recorded", "change", "policy"}`; `wish` is None when nothing is to be done, champion
    and challenger are registered versions, and `verdict` has the numbers of one that is promoted,
    else None. The last three are the time of the event, and
    the endpoint's last change and policy_of the model's file as they were then. Fails when champion
    or challenger is another than was judged.
    """

    operator_extra_links = (ReportLink(),)

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One verdict; repeated, it is the same look."""
        between = pair_from_result(self.xcom_result(context, "observe"))
        handed = self.xcom_result(context, "wait_for_duel")
        when = datetime.fromisoformat(handed["measured"])
        measured = DuelResult(handed["job"], when, handed["evidence"], handed["report"])
        report = object_page(handed["report"])
        ReportLink.store(context, report)
        with self.fail_with_message():
            view = make_reconciler(self, change_context(context)).read_view(
                Evaluate(), lambda seen: require_same_pair(seen, between)
            )
            events = self._events(view)
            now = self.clock()
            look = evaluation_context(between, view, events, measured.job, now)
            observed = self._observed(view, look)
            share = view.split.get(look.challenger, 0)
            made = evaluate(self.config, self.duel, between, look, share, measured, observed)
            recorded = self._record(context, made, view)
        for unread in observed.unreadable:
            self.log.warning("%s", unread)
        pages = Link("Duel", pipeline_page(measured.job)), Link("Report", report)
        self.send_alert(
            context,
            lambda: alert_for_verdict(
                self.config, self.duel, made, between.challenger, events, now, pages
            ),
        )
        decision, outcome = made.decision, made.verdict.outcome
        earned_in_vain = outcome is Outcome.PROMOTE and decision.intent is None
        loud = outcome is Outcome.INCONCLUSIVE or earned_in_vain
        (self.log.warning if loud else self.log.info)("%s: %s", outcome, decision.reason)
        return {
            "outcome": str(outcome),
            "reason": decision.reason,
            "wish": asdict(decision.intent) if decision.intent else None,
            "asks": decision.needs_approval,
            "champion": between.champion.version,
            "challenger": between.challenger.version,
            "verdict": _numbers(made.verdict),
            "job": measured.job,
            "report": handed["report"],
            "recorded": recorded.isoformat(),
            "change": view.labels.get(CHANGE, ""),
            "policy": policy_of(self.config),
        }

    def _events(self, view: View) -> list[Event]:
        """Those of this endpoint, since it is there."""
        table = EventsTable(self.environment, self.config.events_table)
        found = table.read(self.config.model, since=view.created, endpoint=view.endpoint)
        return events_of_endpoint(found, view.endpoint, view.created)

    def _observed(self, view: View, look: Look) -> LiveObservations:
        guardrails = self.config.rollout.guardrails
        if guardrails is None:
            return LiveObservations()
        live = LiveMetrics(self.environment, guardrails)
        return live.read(view, (look.champion, look.challenger), look.since, look.now)

    def _record(self, context: Mapping[str, Any], made: Evaluation, view: View) -> datetime:
        """The time of the event."""
        cause, decision = change_context(context), made.decision
        cause = replace(cause, evidence=cause.evidence | made.record)
        reason = f"{made.verdict.outcome}: {decision.reason}"
        rollout = make_reconciler(self, cause)
        written = rollout.record("judged", view, reason, made.record["job"])
        # Nobody gets the title off the record; nobody is kept on the endpoint for want of one.
        if not written and (decision.intent is None or decision.intent.kind != "rollback"):
            raise RetryableError(
                f"{reason}, but that could not be recorded in {self.config.events_table}"
            )
        return rollout.recorded[-1].time


def _numbers(found: Verdict) -> dict[str, float | None] | None:
    if found.outcome is not Outcome.PROMOTE:
        return None
    return {"n": found.n, "estimate": found.estimate, "low": found.low, "high": found.high}
