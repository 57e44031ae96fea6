"""The verdict on a challenger and what follows, with all that it rests on. No I/O."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from titleholder.analysis.decision import (
    Decision,
    analysis_count,
    decide,
    newest_row,
    unchanged_since,
)
from titleholder.analysis.duel_job import parse_evidence, rules_of
from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.guardrails import GuardrailFindings, LiveObservations, apply_guardrails
from titleholder.analysis.limits import check_limits
from titleholder.analysis.pair import ModelPair
from titleholder.analysis.sample_ratio import check_sample_ratio
from titleholder.analysis.verdict import Verdict, verdict
from titleholder.config.duel import Duel as Section
from titleholder.config.guardrails import Guardrails
from titleholder.config.model import ModelConfig
from titleholder.events.event import Event, events_of_endpoint
from titleholder.rollout.view import View


@dataclass(frozen=True)
class DuelResult:
    """What a duel handed over: its job's resource name, since when its numbers are, the evidence as
    docs/duel.md has it, and the URI of its report."""

    job: str
    at: datetime
    evidence: Mapping[str, Any]
    report: str = ""


@dataclass(frozen=True)
class Evaluation:
    """A verdict, the decision that follows, and both with all they rest on, for the record."""

    verdict: Verdict
    decision: Decision
    record: dict[str, Any]


def policy_of(config: ModelConfig) -> str:
    """A digest of the sections `rollout` and `duel`, which say what a verdict earns."""
    text = config.model_dump_json(include={"rollout", "duel"})
    return hashlib.sha256(text.encode()).hexdigest()


def evaluation_context(
    between: ModelPair, view: View, events: Sequence[Event], job: str, now: datetime
) -> EvaluationContext:
    """The look at `now` on the challenger of `view`, with the duel `job`.

    `events` are the model's, oldest first: those of this endpoint tell how long the challenger has
    had its share, and how often and on which rows it was judged. Where they do not, the endpoint's
    last change is taken, which is no earlier, and no model has a share before it is deployed: a
    challenger is never thought to be live for longer than it is.
    """
    challenger = between.challenger.id
    own = events_of_endpoint(events, view.endpoint, view.created)
    begun = unchanged_since(own, challenger, view.split.get(challenger, 0)) or view.updated or now
    seat = view.deployed_model(challenger)
    if seat is not None and seat.deployed_at is not None:
        begun = max(begun, seat.deployed_at)
    return EvaluationContext(
        between.champion.id,
        challenger,
        begun,
        now,
        analysis_count(own, challenger, job),
        newest_row(own, challenger),
    )


def evaluate(
    config: ModelConfig,
    section: Section,
    between: ModelPair,
    look: EvaluationContext,
    share: int,
    measured: DuelResult,
    observed: LiveObservations,
) -> Evaluation:
    """Judge the challenger, which has `share` per cent of the requests, at that look."""
    rules, rollout = rules_of(section), config.rollout
    by_duel = verdict(parse_evidence(measured.evidence, between, measured.at), rules, look)
    live = _live(rollout.guardrails, observed, look, share)
    found = apply_guardrails(by_duel, live, rules, look)
    decision = decide(
        found, rollout.stages, share, look.time_at_percentage, look.challenger, rollout.promotion
    )
    record = {
        "job": measured.job,
        "report": measured.report,
        "measured": measured.at.isoformat(),
        "verdict": asdict(found) | {"outcome": str(found.outcome)},
        "decision": asdict(decision),
        "share": share,
        "since": look.since.isoformat(),
        "rules": section.model_dump(mode="json"),
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


def _live(
    guardrails: Guardrails | None, observed: LiveObservations, look: EvaluationContext, share: int
) -> GuardrailFindings:
    pair = (look.champion, look.challenger)
    split = limits = None
    # An aborted challenger has no share that could be off.
    if observed.requests is not None and 1 <= share <= 99:
        champion_requests, challenger_requests = (observed.requests[model] for model in pair)
        split = check_sample_ratio(champion_requests, challenger_requests, share)
    if guardrails and guardrails.metrics and observed.arms is not None:
        champion, challenger = (observed.arms[model] for model in pair)
        limits = check_limits(champion, challenger, guardrails.metrics.limits)
    return GuardrailFindings(split, limits, observed.unreadable)
