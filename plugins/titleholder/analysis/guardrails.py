"""Guardrails: findings on live traffic that hold or end a rollout and never promote. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.issues import EvidenceIssue, GuardrailIssue
from titleholder.analysis.limits import ArmMetrics, LimitsFinding
from titleholder.analysis.sample_ratio import SampleRatioFinding
from titleholder.analysis.verdict import Outcome, Verdict, timeout_outcome
from titleholder.config.duel import Duel

# A new traffic split takes a while to apply everywhere; requests before that are not counted.
SETTLING_TIME = timedelta(minutes=5)


@dataclass(frozen=True)
class LiveObservations:
    """Requests from the endpoint's request log, and metrics, each by deployed model id; None if not
    configured or not readable. `unreadable` has one sentence for each that could not be read."""

    requests: Mapping[str, float] | None = None
    arms: Mapping[str, ArmMetrics] | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuardrailFindings:
    """Findings on live traffic; None for what was not observed."""

    sample_ratio: SampleRatioFinding | None = None
    limits: LimitsFinding | None = None
    unreadable: tuple[str, ...] = ()


def apply_guardrails(
    found: Verdict, live: GuardrailFindings, rules: Duel, context: EvaluationContext
) -> Verdict:
    """The verdict, limited by the findings on live traffic. Pure and total.

    In this order: a limit that only the challenger breaks rolls back at once; a champion that
    breaks a limit which the challenger keeps, or that gives no predictions, is never rolled back
    to; any other rollback stays; any other issue leaves the traffic as it is, until `max_duration`.
    """
    limits = live.limits
    if limits and limits.issue is GuardrailIssue.CHALLENGER_LIMITS:
        if found.issue == EvidenceIssue.CHAMPION_INVALID.word:
            return replace(found, reason=f"{limits.reason}; but {found.reason}")
        return replace(
            found, outcome=Outcome.ROLLBACK, reason=limits.reason, issue=limits.issue.value
        )
    if found.outcome is Outcome.ROLLBACK:
        if limits and limits.issue is GuardrailIssue.CHAMPION_LIMITS:
            reason = f"{limits.reason}, so traffic does not go back to it, though {found.reason}"
            return replace(
                found, outcome=Outcome.INCONCLUSIVE, reason=reason, issue=limits.issue.value
            )
        return found
    # A better challenger may replace a champion that breaks its limits, and too few requests do
    # not matter to a verdict that changes nothing.
    ignored = (
        GuardrailIssue.CHAMPION_LIMITS
        if found.outcome is Outcome.PROMOTE
        else GuardrailIssue.INSUFFICIENT_REQUESTS
    )
    issues = [(issue, reason) for issue, reason in _issues(live) if issue is not ignored]
    if not issues or found.outcome is Outcome.INCONCLUSIVE:
        return found
    issue, problem = issues[0]
    reason = f"{problem}; and {found.reason}"
    waits = issue is GuardrailIssue.INSUFFICIENT_REQUESTS
    outcome = Outcome.HOLD if waits else Outcome.INCONCLUSIVE
    if found.outcome is Outcome.PROMOTE:
        outcome, reason = timeout_outcome(rules, context, f"; and {problem}") or (outcome, reason)
    return replace(found, outcome=outcome, reason=reason, issue=issue.value)


def _issues(live: GuardrailFindings) -> Iterator[tuple[GuardrailIssue, str]]:
    """The issues, most severe first, each with its reason."""
    if live.sample_ratio and live.sample_ratio.outcome == "mismatch":
        reason = f"the requests do not fit the traffic split: {live.sample_ratio.reason}"
        yield GuardrailIssue.TRAFFIC_SPLIT, reason
    found = live.limits.issue if live.limits else None
    few = found is GuardrailIssue.INSUFFICIENT_REQUESTS
    if live.limits and found and not few and found is not GuardrailIssue.CHALLENGER_LIMITS:
        yield found, live.limits.reason
    for reason in live.unreadable:
        yield GuardrailIssue.UNREADABLE, reason
    if live.limits and few:
        yield GuardrailIssue.INSUFFICIENT_REQUESTS, live.limits.reason
