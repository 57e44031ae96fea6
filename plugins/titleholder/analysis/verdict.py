"""Whether a challenger has earned the title: evidence in, one of four outcomes out. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from titleholder.analysis.checks import Issues, check_evidence
from titleholder.analysis.confidence_sequence import interval
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.rules import Rules, format_days, format_loss


class Outcome(StrEnum):
    """What the evidence says. Hold and inconclusive both leave the traffic as it is."""

    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    HOLD = "hold"  # all is in order, and more rows or more time will tell
    INCONCLUSIVE = "inconclusive"  # time alone will not mend it: a person should look


@dataclass(frozen=True)
class Verdict:
    """The outcome, in one sentence why, and what it rests on.

    `doubt` names the gravest thing wrong with the evidence, empty when nothing is. `estimate` and
    the interval are of the mean difference, champion's loss minus challenger's, in the loss's unit;
    `low` and `high` are None where the numbers bear no interval.
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


def verdict(evidence: Evidence, rules: Rules, duel: EvaluationContext) -> Verdict:
    """The verdict at this look; valid however often one has looked before. Pure and total.

    In this order: a clear rollback, unless a doubt speaks against it; the deadline; whatever is
    wrong with the evidence; promotion; hold.
    """
    wrong = check_evidence(evidence, rules, duel)
    ends = _interval(evidence, rules, wrong)
    outcome, reason = _decide(evidence, rules, duel, wrong, ends)
    low, high = ends or (None, None)
    return Verdict(
        outcome,
        reason,
        next((doubt.word for doubt in wrong), ""),
        evidence.n,
        evidence.mean,
        low,
        high,
        rules.margin,
        evidence.coverage,
        duel.analysis_count,
    )


def timeout_outcome(rules: Rules, duel: EvaluationContext, told: str) -> tuple[Outcome, str] | None:
    """What becomes of a challenger that has not earned the title in time, and why, with `told` what
    was against it; None before the deadline."""
    if rules.max_duration is None or duel.time_at_percentage < rules.max_duration:
        return None
    late = f"nothing was decided in {format_days(rules.max_duration)}{told}"
    if rules.on_timeout == "rollback":
        return Outcome.ROLL_BACK, f"{late}; the champion keeps the title"
    return Outcome.INCONCLUSIVE, f"{late}; a person has to decide"


# Who failed on how many rows is not known, or is not to be held against the challenger.
_UNCOUNTED = {
    EvidenceIssue.CLOCK_SKEW,
    EvidenceIssue.CHAMPION_INVALID,
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
}
# Without one of these the numbers bear an interval.
_BARRED = {
    EvidenceIssue.WRONG_SUBJECT,
    EvidenceIssue.INVALID_COUNTS,
    EvidenceIssue.NO_ROWS,
    EvidenceIssue.NOT_FINITE,
    EvidenceIssue.NEGATIVE_VARIANCE,
    EvidenceIssue.INSUFFICIENT_ROWS,
}


def _interval(evidence: Evidence, rules: Rules, wrong: Issues) -> tuple[float, float] | None:
    if _BARRED & wrong.keys():
        return None
    planned_rows = rules.planned_rows or rules.min_rows
    return interval(evidence.n, evidence.mean, evidence.variance, rules.alpha, planned_rows)


def _decide(
    evidence: Evidence,
    rules: Rules,
    duel: EvaluationContext,
    wrong: Issues,
    ends: tuple[float, float] | None,
) -> tuple[Outcome, str]:
    gravest = next(iter(wrong), None)
    told = f"; and {wrong[gravest]}" if gravest else ""
    where = _where(evidence, ends) if ends else ""
    if ends and ends[1] < -rules.margin and all(doubt.may_roll_back for doubt in wrong):
        return Outcome.ROLL_BACK, f"the challenger is worse: {where}{told}"
    if EvidenceIssue.CHALLENGER_INVALID in wrong and not wrong.keys() & _UNCOUNTED:
        return Outcome.ROLL_BACK, wrong[EvidenceIssue.CHALLENGER_INVALID]
    bar = 0.0 if rules.hypothesis == "superiority" else 0.0 - rules.margin
    earned = ends is not None and ends[0] > bar and not wrong
    if not earned and all(doubt.may_end for doubt in wrong):
        late = timeout_outcome(rules, duel, told)
        if late is not None:
            return late
    if gravest:
        waits = all(doubt.waits for doubt in wrong)
        return (Outcome.HOLD if waits else Outcome.INCONCLUSIVE), wrong[gravest]
    if not earned:
        return Outcome.HOLD, f"not decided yet: {where}; the low end must get above {bar:g}"
    if duel.time_at_percentage < rules.min_duration:
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
