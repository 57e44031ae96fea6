"""Checks of the evidence of a duel, one issue for each kind of bad input. No I/O."""

import math
from collections.abc import Iterator
from datetime import timedelta
from statistics import NormalDist

from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.row_counts import contradiction
from titleholder.analysis.trailing_windows import are_consistent, trailing_windows
from titleholder.config.duel import Duel, format_days, format_loss

# Of a one-sided test with the error 0.05.
_Z = NormalDist().inv_cdf(0.95)
# The part of the rows of an earlier verdict that there have to be still: in a sample, late rows may
# displace others.
_LEAST_LEFT = 0.9
# The tolerated difference between clocks.
SKEW = timedelta(minutes=5)

Issues = dict[EvidenceIssue, str]


def max_row_weight(n: float) -> float:
    """The largest part of the sum of squares that one of `n` rows may have.

    2.5 / sqrt(n), at most 0.15: by simulation, with which lognormal losses of skewness 33 are
    promoted wrongly in less than alpha at 20 to 1,000 rows a day, and losses with exponential
    tails, which are common, are hardly held (tests/bench/verdicts.py).
    """
    return min(2.5 / math.sqrt(n), 0.15)


def check_evidence(evidence: Evidence, rules: Duel, context: EvaluationContext) -> Issues:
    """The issues, most severe first, each with its reason. Total."""
    found = [
        *_subject(evidence, context),
        *_times(evidence, rules, context),
        *_counts(evidence, rules),
        *_differences(evidence, rules, context),
    ]
    # The first reason of each issue.
    reasons = dict(reversed(found))
    return {issue: reasons[issue] for issue in EvidenceIssue if issue in reasons}


def _subject(evidence: Evidence, context: EvaluationContext) -> Iterator[tuple[EvidenceIssue, str]]:
    subject = (evidence.champion, evidence.challenger)
    if subject != (context.champion, context.challenger):
        yield (
            EvidenceIssue.WRONG_SUBJECT,
            f"it is about {subject[0]} and {subject[1]}, not about these two models",
        )
    design = context.design
    if (evidence.loss, evidence.target) != (design.loss, design.target):
        yield (
            EvidenceIssue.WRONG_SUBJECT,
            f"it is about the {format_loss(evidence.loss)} of {evidence.target}, not the "
            f"{format_loss(design.loss)} of {design.target}",
        )
    if context.changes:
        yield (
            EvidenceIssue.DESIGN_CHANGED,
            f"the model's file was changed after the first verdict on this challenger "
            f"({context.changes}): restore it, or promote by hand",
        )
    if evidence.cluster_column != design.cluster_column:
        found, required = (
            f"clusters by {column}" if column else "rows"
            for column in (evidence.cluster_column, design.cluster_column)
        )
        yield EvidenceIssue.WRONG_SUBJECT, f"it counts {found}, not {required}"


def _times(
    evidence: Evidence, rules: Duel, context: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    skew, stale = EvidenceIssue.CLOCK_SKEW, EvidenceIssue.STALE
    now, since, measured = context.now, context.since, evidence.measured
    newest, evaluated = evidence.newest, context.newest_evaluated
    if newest is None and evidence.n != 0:
        yield skew, "its newest row has no time"
    # Differences of times, as a sum overflows near the ends of the calendar.
    if any(time.utcoffset() is None for time in (now, since, measured, newest or now)):
        yield skew, "a time has no time zone"
    elif since - now > SKEW:
        yield skew, f"the challenger's traffic was set at {since}, later than now"
    elif measured - now > SKEW:
        yield skew, f"it was measured at {measured}, later than now"
    elif newest is not None and newest - measured > SKEW:
        yield skew, f"its newest row is of {newest}, later than it was measured"
    elif measured < since:
        yield (
            stale,
            "it was measured before the challenger received its present traffic percentage",
        )
    elif newest is not None and evaluated is not None and newest < evaluated:
        yield (
            stale,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, and the challenger was evaluated "
            "on "
            f"rows until {evaluated:%Y-%m-%d %H:%M} UTC before",
        )
    elif context.earlier and evidence.n < _LEAST_LEFT * context.earlier[-1].rows:
        yield (
            stale,
            f"it has {evidence.n:.0f} {evidence.units}, fewer than the "
            f"{context.earlier[-1].rows:.0f} of an earlier verdict",
        )
    elif newest is not None and now - newest > rules.max_evidence_age:
        yield (
            stale,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, older than "
            f"{format_days(rules.max_evidence_age)}",
        )


def _counts(evidence: Evidence, rules: Duel) -> Iterator[tuple[EvidenceIssue, str]]:
    champion, challenger = evidence.champion_rows, evidence.challenger_rows
    n, compared = evidence.n, evidence.rows_compared
    if problem := contradiction(evidence):
        yield EvidenceIssue.INVALID_COUNTS, problem
        return
    # A model that fails on `min_rows` rows is broken. A champion without any valid prediction is
    # broken on any number of rows, since traffic must not go back to it.
    for failed, issue, role in (
        (challenger - compared, EvidenceIssue.CHAMPION_INVALID, "champion"),
        (champion - compared, EvidenceIssue.CHALLENGER_INVALID, "challenger"),
    ):
        if failed:
            broken = failed >= rules.min_rows or champion == 0
            reason = (
                f"the {role} has no finite loss on {failed:.0f} rows on which the other has one"
            )
            yield (issue if broken else EvidenceIssue.MISSING_PREDICTIONS), reason
    if evidence.challenger_invalid_predictions:
        bad = evidence.challenger_invalid_predictions
        yield (
            EvidenceIssue.MISSING_PREDICTIONS,
            f"the challenger's prediction is invalid on {bad:.0f} rows",
        )
    # Without rows there is no coverage to check.
    if evidence.rows and evidence.coverage < rules.min_label_coverage:
        yield (
            EvidenceIssue.LOW_COVERAGE,
            f"only {evidence.coverage:.1%} of the rows are labelled, less than the "
            f"{rules.min_label_coverage:.1%} that are required",
        )
    if n == 0:
        yield EvidenceIssue.NO_ROWS, "no labelled row has a prediction of both models"
    elif n < rules.min_rows:
        yield (
            EvidenceIssue.INSUFFICIENT_ROWS,
            (f"{n:.0f} {evidence.units} are fewer than {rules.min_rows}"),
        )


def _differences(
    evidence: Evidence, rules: Duel, context: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    n, mean, variance = evidence.n, evidence.mean, evidence.variance
    if not n >= 2:
        # Mean and variance of fewer than 2 rows are NULL or NaN, which is no error.
        return
    if not (math.isfinite(mean) and math.isfinite(variance)):
        yield (
            EvidenceIssue.NOT_FINITE,
            f"a mean of {mean} with a variance of {variance} is no measurement",
        )
    elif variance < 0:
        yield EvidenceIssue.NEGATIVE_VARIANCE, f"a variance of {variance} is impossible"
    elif n < rules.min_rows:
        return
    elif variance == 0:
        yield (
            EvidenceIssue.ZERO_VARIANCE,
            f"all {n:.0f} {evidence.units} differ by the same {mean:g}",
        )
    elif not math.isfinite(evidence.skewness):
        yield EvidenceIssue.NOT_FINITE, f"a skewness of {evidence.skewness} is no measurement"
    else:
        yield from _recent_regression(evidence, rules, context.design.margin)
        yield from _heavy_tail(evidence)


def _recent_regression(
    evidence: Evidence, rules: Duel, margin: float
) -> Iterator[tuple[EvidenceIssue, str]]:
    """Whether the challenger is worse on the newest days, which the mean over all rows shows late.
    Every trailing window is tested as if it were the only one, by a 90 % interval: a test that can
    only hold a promotion does not raise the probability of a wrong one, however often it is
    repeated."""
    if not are_consistent(evidence.days, evidence.n):
        yield (
            EvidenceIssue.NO_DAILY_BREAKDOWN,
            f"its days are not those of its {evidence.n:.0f} {evidence.units}",
        )
    elif evidence.mean >= -margin:  # otherwise the mean over all rows shows it
        for window in trailing_windows(evidence.days, rules.min_rows):
            half = _Z * math.sqrt(window.variance / window.n)
            if not window.mean + half >= -margin:
                yield (
                    EvidenceIssue.RECENT_REGRESSION,
                    f"the challenger is worse lately: {window.mean:.4g} ({window.mean - half:.4g} "
                    f"to {window.mean + half:.4g}) on the newest {window.n:.0f} "
                    f"{evidence.units}",
                )
                return


def _heavy_tail(evidence: Evidence) -> Iterator[tuple[EvidenceIssue, str]]:
    """Whether one row dominates the variance. The central limit theorem requires that the largest
    squared deviation over the sum of all becomes small (Lindeberg and Feller); until then a rare
    large loss may be missing from the rows, and the mean is too good."""
    deviation, limit = math.sqrt(evidence.variance), max_row_weight(evidence.n)
    for extreme in (evidence.smallest, evidence.largest):
        far = (extreme - evidence.mean) / deviation
        weight = far * far / (evidence.n - 1)
        if not weight <= limit:
            yield (
                EvidenceIssue.HEAVY_TAIL,
                f"one {evidence.units[:-1]}, {extreme:g}, carries {weight:.2%} of the sum of "
                f"squares, more than {limit:.2%}",
            )
