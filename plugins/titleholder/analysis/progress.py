"""What the events say about the evaluation of the present challenger. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from titleholder.analysis.decision import earlier_looks
from titleholder.analysis.sequential.design import Design, plan_design
from titleholder.analysis.sequential.forecast import parse_forecast
from titleholder.analysis.sequential.planning import expectation_text, last_duel
from titleholder.analysis.sequential.sentences import design_text, forecast_text
from titleholder.analysis.verdict import Outcome
from titleholder.config.model import ModelConfig
from titleholder.events.event import Action, Event, events_of_endpoint
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View


@dataclass(frozen=True)
class Progress:
    """The evaluation of the present challenger against the present champion.

    `last` is the event of its last verdict, None before the first. `looks` are the verdicts with an
    interval, by the `design` of the first one, or the one that it would have now. `forecast` and
    `expectation` are sentences, "" for none: the second one says what the design can find, as long
    as there is no look.
    """

    last: Event | None
    design: Design
    looks: int
    forecast: str
    expectation: str

    @property
    def design_text(self) -> str:
        """The design in words, with the number of looks."""
        return design_text(self.design, self.looks)


def progress(
    config: ModelConfig, view: View, roles: Roles | None, events: Sequence[Event], now: datetime
) -> Progress | None:
    """The evaluation by the model's events, oldest first; None without a challenger or a section
    `duel`."""
    challenger = view.deployed_model(roles.challenger) if roles is not None else None
    if config.duel is None or roles is None or challenger is None:
        return None
    own = events_of_endpoint(events, view.endpoint, view.created)
    champions, challengers = (
        {one, view.other_id(one) or one} for one in (roles.champion, challenger.id)
    )
    design, looks = earlier_looks(own, champions, challengers)
    verdicts = [
        event
        for event in own
        if event.action == Action.EVALUATED
        and event.champion_after in champions
        and event.challenger_after in challengers
    ]
    begins = challenger.deployed_at or view.updated or now
    design = design or plan_design(config, config.duel, begins)
    last = verdicts[-1] if verdicts else None
    past = None if looks else last_duel(own, design)
    return Progress(
        last,
        design,
        len(looks),
        forecast_sentence(last.evidence) if last is not None else "",
        expectation_text(design, past, config.duel.label_delay) if past is not None else "",
    )


def forecast_sentence(evidence: Mapping[str, Any]) -> str:
    """The forecast of an evaluation in words, by the evidence of its event; "" where the verdict is
    a decision, or nothing is forecast."""
    found, verdict = parse_forecast(evidence.get("forecast")), evidence.get("verdict")
    if found is None or not isinstance(verdict, dict):
        return ""
    if verdict.get("outcome") not in (Outcome.HOLD, Outcome.INCONCLUSIVE):
        return ""
    return forecast_text(found, str(verdict.get("issue") or ""))
