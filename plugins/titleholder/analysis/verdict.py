"""The verdict on a challenger, from evidence to one of four outcomes. No I/O."""

from dataclasses import dataclass

from titleholder.analysis.checks import Issues, check_evidence
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.sequential.design import Interval, Look, adjusted_estimate, interval_at
from titleholder.config.duel import Duel, format_days, format_loss
from titleholder.labels import DescribedEnum


class Outcome(DescribedEnum):
    """The outcome of a verdict."""

    PROMOTE = "promote", "the challenger is better, or not worse by more than the margin"
    ROLLBACK = "rollback", "the challenger is worse, invalid or undecided for too long"
    HOLD = "hold", "undecided: more rows or more time will settle it; the traffic stays as it is"
    INCONCLUSIVE = (
        "inconclusive",
        "time will not settle it: a person should look; the traffic stays as it is",
    )


@dataclass(frozen=True)
class Verdict:
    """An outcome, the reason in one sentence, and the statistics behind it.

    `issue` is the most severe EvidenceIssue or GuardrailIssue, "" without one. `estimate` is the
    mean difference, champion's loss minus challenger's, in the loss's unit; `low` and `high` are
    the ends of its repeated confidence interval, None without one. `adjusted` is the estimate
    without the bias of stopping at a boundary, None while none is crossed. `look` is what later
    looks need to know of this one, None without an interval. `futile`: a promotion has become too
    unlikely, by the futility boundary. `analysis_count` counts the verdicts.
    """

    outcome: Outcome
    reason: str
    issue: str
    n: float
    estimate: float
    low: float | None
    high: float | None
    margin: float
    coverage: float
    analysis_count: int
    adjusted: float | None = None
    look: Look | None = None
    futile: bool = False


def verdict(evidence: Evidence, rules: Duel, context: EvaluationContext) -> Verdict:
    """The verdict at this look, valid after any number of looks. Pure and total.

    In this order: a clear rollback, unless an issue forbids it; futility; `max_duration`; the
    issues of the evidence; promotion; hold.
    """
    issues = check_evidence(evidence, rules, context)
    design, look = context.design, None
    found = None
    if not _NO_INTERVAL & issues.keys():
        look = Look(design.time(context.now), evidence.n)
        found = interval_at(
            design, context.earlier, look, evidence.mean, evidence.variance, evidence.skewness
        )
    outcome, reason = _decide(evidence, rules, context, issues, found)
    return Verdict(
        outcome,
        reason,
        next((issue.word for issue in issues), ""),
        evidence.n,
        evidence.mean,
        found.low if found else None,
        found.high if found else None,
        design.margin,
        evidence.coverage,
        context.analysis_count,
        _adjusted(evidence, context, found, look),
        look,
        found is not None and found.futile,
    )


def timeout_outcome(
    rules: Duel, context: EvaluationContext, objection: str
) -> tuple[Outcome, str] | None:
    """Outcome and reason for a challenger without a decision after `max_duration`; None before.
    `objection` is the reason against its promotion."""
    if rules.max_duration is None or context.time_at_percentage < rules.max_duration:
        return None
    reason = f"nothing was decided in {format_days(rules.max_duration)}{objection}"
    if rules.on_timeout == "rollback":
        return Outcome.ROLLBACK, f"{reason}; the champion stays"
    return Outcome.INCONCLUSIVE, f"{reason}; a person has to decide"


# With these it is unknown on how many rows the challenger failed.
_UNKNOWN_FAILURES = {
    EvidenceIssue.CLOCK_SKEW,
    EvidenceIssue.CHAMPION_INVALID,
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
}
# With these there is no interval.
_NO_INTERVAL = {
    EvidenceIssue.CLOCK_SKEW,
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
    EvidenceIssue.NO_ROWS,
    EvidenceIssue.NOT_FINITE,
    EvidenceIssue.NEGATIVE_VARIANCE,
    EvidenceIssue.INSUFFICIENT_ROWS,
}


def _adjusted(
    evidence: Evidence, context: EvaluationContext, found: Interval | None, look: Look | None
) -> float | None:
    """The adjusted estimate where a boundary is crossed."""
    design = context.design
    if found is None or look is None:
        return None
    looks = (*context.earlier, look)
    if found.low > design.threshold:
        return adjusted_estimate(design, looks, evidence.mean, evidence.variance, "promotion")
    if found.high < -design.margin:
        return adjusted_estimate(design, looks, evidence.mean, evidence.variance, "rollback")
    return None


def _decide(
    evidence: Evidence,
    rules: Duel,
    context: EvaluationContext,
    issues: Issues,
    found: Interval | None,
) -> tuple[Outcome, str]:
    most_severe = next(iter(issues), None)
    objection = f"; and {issues[most_severe]}" if most_severe else ""
    design = context.design
    estimate = _estimate(evidence, found) if found else ""
    may_roll_back = all(issue.may_roll_back for issue in issues)
    if found and found.high < -design.margin and may_roll_back:
        return Outcome.ROLLBACK, f"the challenger is worse: {estimate}{objection}"
    if EvidenceIssue.CHALLENGER_INVALID in issues and not issues.keys() & _UNKNOWN_FAILURES:
        return Outcome.ROLLBACK, issues[EvidenceIssue.CHALLENGER_INVALID]
    threshold = design.threshold
    if found and found.futile and may_roll_back:
        return Outcome.ROLLBACK, (
            f"the challenger can hardly be promoted any more: {estimate}, and a low end above "
            f"{threshold:g} by the end of its evaluation has become unlikely{objection}"
        )
    supported = found is not None and found.low > threshold and not issues
    if not supported and all(issue.may_end for issue in issues):
        timed_out = timeout_outcome(rules, context, objection)
        if timed_out is not None:
            return timed_out
    if most_severe:
        waits = all(issue.waits for issue in issues)
        return (Outcome.HOLD if waits else Outcome.INCONCLUSIVE), issues[most_severe]
    if not supported:
        return (
            Outcome.HOLD,
            f"not decided yet: {estimate}; the low end must get above {threshold:g}",
        )
    if context.time_at_percentage < rules.min_duration:
        return (
            Outcome.HOLD,
            f"good so far, but live for less than {format_days(rules.min_duration)}: {estimate}",
        )
    better = "better" if threshold == 0 else f"not worse by more than {design.margin:g}"
    return Outcome.PROMOTE, f"the challenger is {better}: {estimate}"


def _estimate(evidence: Evidence, found: Interval) -> str:
    return (
        f"the {format_loss(evidence.loss)} of {evidence.target}, champion's minus challenger's, is "
        f"{evidence.mean:.4g} ({found.low:.4g} to {found.high:.4g}) on {evidence.n:.0f} "
        f"{evidence.units}"
    )
