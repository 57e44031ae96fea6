"""Evaluation of a challenger: verdict, guardrails and decision. No I/O."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from titleholder.analysis.decision import (
    Decision,
    analysis_count,
    decide,
    earlier_looks,
    newest_row,
    unchanged_since,
)
from titleholder.analysis.duel_job import parse_evidence
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.guardrails import GuardrailFindings, LiveObservations, apply_guardrails
from titleholder.analysis.limits import check_limits
from titleholder.analysis.model_pair import ModelPair
from titleholder.analysis.sample_ratio import check_sample_ratio
from titleholder.analysis.sequential.design import design_changes, design_to_json, plan_design
from titleholder.analysis.sequential.forecast import forecast, forecast_to_json
from titleholder.analysis.verdict import Verdict, verdict
from titleholder.config.duel import Duel
from titleholder.config.guardrails import Guardrails
from titleholder.config.model import ModelConfig
from titleholder.events.event import Event, events_of_endpoint
from titleholder.rollout.intents import intent_to_json
from titleholder.rollout.view import View


@dataclass(frozen=True)
class DuelResult:
    """The result of a duel: its job's resource name, the time of its evidence, the evidence as
    docs/reference/duel.md describes it, and the URI of its report."""

    job: str
    at: datetime
    evidence: Mapping[str, Any]
    report: str = ""


@dataclass(frozen=True)
class Evaluation:
    """A verdict, the decision that follows, and the record of both: JSON for the event."""

    verdict: Verdict
    decision: Decision
    record: dict[str, Any]


def policy_of(config: ModelConfig) -> str:
    """A digest of the sections `rollout` and `duel`, which determine decisions."""
    text = config.model_dump_json(include={"rollout", "duel"})
    return hashlib.sha256(text.encode()).hexdigest()


def evaluation_context(
    config: ModelConfig,
    duel: Duel,
    pair: ModelPair,
    view: View,
    events: Sequence[Event],
    job: str,
    now: datetime,
) -> EvaluationContext:
    """The context of an evaluation of `view`'s challenger at `now`, with the duel `job`.

    `events` are the model's, oldest first: those of this endpoint show how long the challenger has
    had its traffic percentage, and how often and on which rows it was evaluated. Without them the
    endpoint's last change counts, which is no earlier; a time before the challenger's deployment
    does not count. So the time at this percentage is never overestimated.

    The design is that of the first verdict on this pair, also under the other id of a training run.
    """
    challenger = pair.challenger.id
    own = events_of_endpoint(events, view.endpoint, view.created)
    since = unchanged_since(own, challenger, view.split.get(challenger, 0)) or view.updated or now
    deployed = view.deployed_model(challenger)
    begins = since
    if deployed is not None and deployed.deployed_at is not None:
        begins = deployed.deployed_at
        since = max(since, begins)
    champions, challengers = (
        {one.id, view.other_id(one.id) or one.id} for one in (pair.champion, pair.challenger)
    )
    recorded, earlier = earlier_looks(own, champions, challengers, job)
    design = plan_design(config, duel, recorded.begins if recorded else begins)
    return EvaluationContext(
        pair.champion.id,
        challenger,
        since,
        now,
        analysis_count(own, challenger, job),
        recorded or design,
        newest_row(own, challenger),
        earlier,
        design_changes(recorded, design) if recorded else "",
    )


def evaluate(
    config: ModelConfig,
    duel: Duel,
    pair: ModelPair,
    context: EvaluationContext,
    percentage: int,
    measured: DuelResult,
    observed: LiveObservations,
) -> Evaluation:
    """The evaluation of the challenger, which has that traffic percentage, at one look."""
    rollout = config.rollout
    evidence = parse_evidence(measured.evidence, pair, measured.at)
    by_duel = verdict(evidence, duel, context)
    live = _findings(rollout.guardrails, observed, context, percentage)
    found = apply_guardrails(by_duel, live, duel, context)
    decision = decide(found, rollout, percentage, context.time_at_percentage, context.challenger)
    record = {
        "job": measured.job,
        "report": measured.report,
        "measured": measured.at.isoformat(),
        "verdict": asdict(found) | {"outcome": str(found.outcome)},
        "decision": {
            "intent": intent_to_json(decision.intent) if decision.intent else None,
            "reason": decision.reason,
            "needs_approval": decision.needs_approval,
        },
        "traffic_percentage": percentage,
        "since": context.since.isoformat(),
        "design": design_to_json(context.design),
        "forecast": _forecast(evidence, context, found),
        "rules": duel.model_dump(mode="json"),
        "duel": dict(measured.evidence),
    }
    if rollout.guardrails is not None:
        record["by_duel"] = {"outcome": str(by_duel.outcome), "reason": by_duel.reason}
        record["live"] = asdict(live) | {
            "rules": rollout.guardrails.model_dump(mode="json"),
            "requests": dict(observed.requests) if observed.requests is not None else None,
            "metrics": {model: asdict(arm) for model, arm in (observed.arms or {}).items()},
        }
    return Evaluation(found, decision, record)


def _forecast(
    evidence: Evidence, context: EvaluationContext, found: Verdict
) -> dict[str, Any] | None:
    if found.look is None:
        return None
    looks = (*context.earlier, found.look)
    made = forecast(context.design, looks, evidence.mean, evidence.variance)
    return forecast_to_json(made) if made is not None else None


def _findings(
    guardrails: Guardrails | None,
    observed: LiveObservations,
    context: EvaluationContext,
    percentage: int,
) -> GuardrailFindings:
    pair = (context.champion, context.challenger)
    split = limits = None
    # An aborted challenger receives no traffic to test.
    if observed.requests is not None and 1 <= percentage <= 99:
        champion_requests, challenger_requests = (observed.requests[model] for model in pair)
        split = check_sample_ratio(champion_requests, challenger_requests, percentage)
    if guardrails and guardrails.metrics and observed.arms is not None:
        champion, challenger = (observed.arms[model] for model in pair)
        limits = check_limits(champion, challenger, guardrails.metrics)
    return GuardrailFindings(split, limits, observed.unreadable)
