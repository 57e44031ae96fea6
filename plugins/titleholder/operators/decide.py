"""Judges the challenger by the duel's evidence, and says what is to be done."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from titleholder.config_duel import Duel
from titleholder.errors import TryAgain
from titleholder.event_table import EventTable
from titleholder.judging import Judgement, Measured, judge
from titleholder.operators.base import ModelOperator
from titleholder.operators.observe import contest_of
from titleholder.operators.rollout import engine, person
from titleholder.rollout.contest import Judge, same
from titleholder.rollout.verdict import Outcome


class DecideOperator(ModelOperator):
    """Records the verdict as an event, whatever it is, before anything is done.

    Returns `{"outcome", "reason", "wish", "asks", "job", "report"}`; `wish` is None when nothing is
    to be done. Fails when champion or challenger is another than was judged.
    """

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """One verdict; repeated, it is the same look."""
        between = contest_of(self.handed(context, "observe"))
        handed = self.handed(context, "wait_for_duel")
        when = datetime.fromisoformat(handed["measured"])
        measured = Measured(handed["job"], when, handed["evidence"], handed["report"])
        with self.told():
            events = EventTable(self.environment, self.config.events).read(self.config.model)
            view = engine(self, person(context)).look(Judge(), lambda seen: same(seen, between))
            made = judge(self.config, self.duel, between, view, events, measured, self.clock())
            self._record(context, made, view)
        decision, outcome = made.decision, made.verdict.outcome
        earned_in_vain = outcome is Outcome.PROMOTE and decision.wish is None
        loud = outcome is Outcome.INCONCLUSIVE or earned_in_vain
        (self.log.warning if loud else self.log.info)("%s: %s", outcome, decision.reason)
        return {
            "outcome": str(outcome),
            "reason": decision.reason,
            "wish": asdict(decision.wish) if decision.wish else None,
            "asks": decision.asks,
            "job": measured.job,
            "report": handed["report"],
        }

    def _record(self, context: Mapping[str, Any], made: Judgement, view: Any) -> None:
        cause, decision = person(context), made.decision
        cause = replace(cause, evidence=cause.evidence | made.record)
        reason = f"{made.verdict.outcome}: {decision.reason}"
        if engine(self, cause).judged(view, reason, made.record["job"]):
            return
        # Nobody gets the title off the record; nobody is kept on the endpoint for want of one.
        if decision.wish is None or decision.wish.kind != "rollback":
            raise TryAgain(f"{reason}, but that could not be recorded in {self.config.events}")
