"""The verdict on a challenger: evidence in, one of four outcomes out. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from titleholder.analysis.checks import Issues, check_evidence
from titleholder.analysis.confidence_sequence import interval
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.config.duel import Duel, format_days, format_loss


class Outcome(StrEnum):
    """The outcome of a verdict. Hold and inconclusive both leave the traffic as it is."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOLD = "hold"  # no issue, or one that more rows or time will settle
    INCONCLUSIVE = "inconclusive"  # time alone will not settle it: a person should look


@dataclass(frozen=True)
class Verdict:
    """An outcome, the reason in one sentence, and the numbers that it rests on.

    `issue` is the gravest EvidenceIssue or GuardrailIssue, empty without one. `estimate`, `low` and
    `high` are of the mean difference, champion's loss minus challenger's, in the loss's unit; `low`
    and `high` are None where the numbers give no interval. `analysis_count` counts the looks.
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


def verdict(evidence: Evidence, rules: Duel, context: EvaluationContext) -> Verdict:
    """The verdict at this look; valid however many looks there were before. Pure and total.

    In this order: a clear rollback, unless an issue forbids it; `max_duration`; the issues of the
    evidence; promotion; hold.
    """
    wrong = check_evidence(evidence, rules, context)
    ends = _interval(evidence, rules, wrong)
    outcome, reason = _decide(evidence, rules, context, wrong, ends)
    low, high = ends or (None, None)
    return Verdict(
        outcome,
        reason,
        next((issue.word for issue in wrong), ""),
        evidence.n,
        evidence.mean,
        low,
        high,
        rules.margin,
        evidence.coverage,
        context.analysis_count,
    )


def timeout_outcome(
    rules: Duel, context: EvaluationContext, objection: str
) -> tuple[Outcome, str] | None:
    """Outcome and reason for a challenger that is still undecided after `max_duration`; None before.
    `objection` is what speaks against its promotion."""
    if context.time_at_percentage < rules.max_duration:
        return None
    late = f"nothing was decided in {format_days(rules.max_duration)}{objection}"
    if rules.on_timeout == "rollback":
        return Outcome.ROLLBACK, f"{late}; the champion stays"
    return Outcome.INCONCLUSIVE, f"{late}; a person has to decide"


# With one of these it is not known which model failed on how many rows.
_UNCOUNTED = {
    EvidenceIssue.CLOCK_SKEW,
    EvidenceIssue.CHAMPION_INVALID,
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
}
# With one of these the numbers give no interval.
_BARRED = {
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
    EvidenceIssue.NO_ROWS,
    EvidenceIssue.NOT_FINITE,
    EvidenceIssue.NEGATIVE_VARIANCE,
    EvidenceIssue.INSUFFICIENT_ROWS,
}


def _interval(evidence: Evidence, rules: Duel, wrong: Issues) -> tuple[float, float] | None:
    if _BARRED & wrong.keys():
        return None
    planned_rows = rules.planned_rows or rules.min_rows
    return interval(evidence.n, evidence.mean, evidence.variance, rules.alpha, planned_rows)


def _decide(
    evidence: Evidence,
    rules: Duel,
    context: EvaluationContext,
    wrong: Issues,
    ends: tuple[float, float] | None,
) -> tuple[Outcome, str]:
    gravest = next(iter(wrong), None)
    objection = f"; and {wrong[gravest]}" if gravest else ""
    where = _where(evidence, ends) if ends else ""
    if ends and ends[1] < -rules.margin and all(issue.may_roll_back for issue in wrong):
        return Outcome.ROLLBACK, f"the challenger is worse: {where}{objection}"
    if EvidenceIssue.CHALLENGER_INVALID in wrong and not wrong.keys() & _UNCOUNTED:
        return Outcome.ROLLBACK, wrong[EvidenceIssue.CHALLENGER_INVALID]
    bar = 0.0 if rules.hypothesis == "superiority" else 0.0 - rules.margin
    earned = ends is not None and ends[0] > bar and not wrong
    if not earned and all(issue.may_end for issue in wrong):
        late = timeout_outcome(rules, context, objection)
        if late is not None:
            return late
    if gravest:
        waits = all(issue.waits for issue in wrong)
        return (Outcome.HOLD if waits else Outcome.INCONCLUSIVE), wrong[gravest]
    if not earned:
        return Outcome.HOLD, f"not decided yet: {where}; the low end must get above {bar:g}"
    if context.time_at_percentage < rules.min_duration:
        return (
            Outcome.HOLD,
            f"good so far, but live for less than {format_days(rules.min_duration)}: {where}",
        )
    better = "better" if bar == 0 else f"not worse by more than {rules.margin:g}"
    return Outcome.PROMOTE, f"the challenger is {better}: {where}"


def _where(evidence: Evidence, ends: tuple[float, float]) -> str:
    return (
        f"the {format_loss(evidence.loss)} of {evidence.target}, champion's minus challenger's, is "
        f"{evidence.mean:.4g} ({ends[0]:.4g} to {ends[1]:.4g}) on {evidence.n:.0f} rows"
    )
