"""Judges the challenger by the duel's evidence, and says what is to be done."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from titleholder.alerts.alert import Link
from titleholder.alerts.from_verdict import of_judgement
from titleholder.analysis.evaluate import Judgement, Measured, judge, look_of, policy_of
from titleholder.analysis.evidence import Duel as Look
from titleholder.analysis.guardrails import Observed
from titleholder.analysis.pair import Judge, same
from titleholder.analysis.verdict import Outcome, Verdict
from titleholder.config.duel import Duel
from titleholder.errors import TryAgain
from titleholder.events.event import Event, of_endpoint
from titleholder.gcp.bigquery.events_table import EventTable
from titleholder.gcp.bigquery.live_metrics import LiveTraffic
from titleholder.gcp.console import object_page, pipeline_page
from titleholder.labels import CHANGE
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import ReportLink
from titleholder.operators.observe import contest_of
from titleholder.operators.rollout import engine, person
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
        between = contest_of(self.handed(context, "observe"))
        handed = self.handed(context, "wait_for_duel")
        when = datetime.fromisoformat(handed["measured"])
        measured = Measured(handed["job"], when, handed["evidence"], handed["report"])
        report = object_page(handed["report"])
        ReportLink.keep(context, report)
        with self.told():
            view = engine(self, person(context)).look(Judge(), lambda seen: same(seen, between))
            events = self._events(view)
            now = self.clock()
            look = look_of(between, view, events, measured.job, now)
            observed = self._observed(view, look)
            share = view.split.get(look.challenger, 0)
            made = judge(self.config, self.duel, between, look, share, measured, observed)
            recorded = self._record(context, made, view)
        for unread in observed.unread:
            self.log.warning("%s", unread)
        pages = Link("Duel", pipeline_page(measured.job)), Link("Report", report)
        self.tell(
            context,
            lambda: of_judgement(
                self.config, self.duel, made, between.challenger, events, now, pages
            ),
        )
        decision, outcome = made.decision, made.verdict.outcome
        earned_in_vain = outcome is Outcome.PROMOTE and decision.wish is None
        loud = outcome is Outcome.INCONCLUSIVE or earned_in_vain
        (self.log.warning if loud else self.log.info)("%s: %s", outcome, decision.reason)
        return {
            "outcome": str(outcome),
            "reason": decision.reason,
            "wish": asdict(decision.wish) if decision.wish else None,
            "asks": decision.asks,
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
        table = EventTable(self.environment, self.config.events)
        found = table.read(self.config.model, since=view.created, endpoint=view.endpoint)
        return of_endpoint(found, view.endpoint, view.created)

    def _observed(self, view: View, look: Look) -> Observed:
        guardrails = self.config.rollout.guardrails
        if guardrails is None:
            return Observed()
        live = LiveTraffic(self.environment, guardrails)
        return live.look(view, (look.champion, look.challenger), look.since, look.now)

    def _record(self, context: Mapping[str, Any], made: Judgement, view: View) -> datetime:
        """The time of the event."""
        cause, decision = person(context), made.decision
        cause = replace(cause, evidence=cause.evidence | made.record)
        reason = f"{made.verdict.outcome}: {decision.reason}"
        rollout = engine(self, cause)
        written = rollout.note("judged", view, reason, made.record["job"])
        # Nobody gets the title off the record; nobody is kept on the endpoint for want of one.
        if not written and (decision.wish is None or decision.wish.kind != "rollback"):
            raise TryAgain(f"{reason}, but that could not be recorded in {self.config.events}")
        return rollout.noted[-1].time


def _numbers(found: Verdict) -> dict[str, float | None] | None:
    if found.outcome is not Outcome.PROMOTE:
        return None
    return {"n": found.n, "estimate": found.estimate, "low": found.low, "high": found.high}
