"""Checks of one measurement: each kind of bad input has an issue of its own. No I/O."""

import math
from collections.abc import Iterator
from datetime import timedelta
from statistics import NormalDist

from titleholder.analysis.counts import contradiction
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.trailing import are_consistent, trailing_windows
from titleholder.config.duel import Duel, format_days, format_loss

# The greatest part of the sum of squares that one row may carry.
MAX_ROW_WEIGHT = 0.1
# Clocks differ a little.
SKEW = timedelta(minutes=5)

Issues = dict[EvidenceIssue, str]


def check_evidence(evidence: Evidence, rules: Duel, context: EvaluationContext) -> Issues:
    """The issues, gravest first, each with half a sentence. Total."""
    found = [
        *_subject(evidence, rules, context),
        *_times(evidence, rules, context),
        *_counts(evidence, rules),
        *_differences(evidence, rules),
    ]
    # The first sentence of each.
    reasons = dict(reversed(found))
    return {issue: reasons[issue] for issue in EvidenceIssue if issue in reasons}


def _subject(
    evidence: Evidence, rules: Duel, context: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    about = (evidence.champion, evidence.challenger)
    if about != (context.champion, context.challenger):
        yield (
            EvidenceIssue.WRONG_SUBJECT,
            f"it is about {about[0]} and {about[1]}, not about these two models",
        )
    if (evidence.loss, evidence.target) != (rules.loss, rules.target):
        yield (
            EvidenceIssue.WRONG_SUBJECT,
            f"it is about the {format_loss(evidence.loss)} of {evidence.target}, not the "
            f"{format_loss(rules.loss)} of {rules.target}",
        )


def _times(
    evidence: Evidence, rules: Duel, context: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    now, since, measured, newest = context.now, context.since, evidence.measured, evidence.newest
    if newest is None and evidence.n != 0:
        yield EvidenceIssue.CLOCK_SKEW, "its newest row has no time"
    # Differences: near the ends of the calendar a sum has no answer.
    if any(time.utcoffset() is None for time in (now, since, measured, newest or now)):
        yield EvidenceIssue.CLOCK_SKEW, "a time has no time zone"
    elif since - now > SKEW:
        yield (
            EvidenceIssue.CLOCK_SKEW,
            f"the challenger's traffic was set at {since}, later than now",
        )
    elif measured - now > SKEW:
        yield EvidenceIssue.CLOCK_SKEW, f"it was measured at {measured}, later than now"
    elif newest is not None and newest - measured > SKEW:
        yield EvidenceIssue.CLOCK_SKEW, f"its newest row is of {newest}, later than it was measured"
    elif measured < since:
        yield (
            EvidenceIssue.STALE,
            "it was measured before the challenger received its present traffic percentage",
        )
    elif newest is not None and context.seen is not None and newest < context.seen:
        yield (
            EvidenceIssue.STALE,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, and the challenger was evaluated on "
            f"rows until {context.seen:%Y-%m-%d %H:%M} UTC before",
        )
    elif newest is not None and now - newest > rules.max_evidence_age:
        yield (
            EvidenceIssue.STALE,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, older than "
            f"{format_days(rules.max_evidence_age)}",
        )


def _counts(evidence: Evidence, rules: Duel) -> Iterator[tuple[EvidenceIssue, str]]:
    n, champion, challenger = evidence.n, evidence.champion_rows, evidence.challenger_rows
    if wrong := contradiction(evidence):
        yield EvidenceIssue.INVALID_COUNTS, wrong
        return
    # A model that fails on as many rows as a decision needs is broken. A champion without any valid
    # prediction is so at once, since traffic must not go back to it.
    for failed, issue, role in (
        (challenger - n, EvidenceIssue.CHAMPION_INVALID, "champion"),
        (champion - n, EvidenceIssue.CHALLENGER_INVALID, "challenger"),
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
    # Without rows none lacks its label.
    if evidence.rows and evidence.coverage < rules.min_label_coverage:
        yield (
            EvidenceIssue.LOW_COVERAGE,
            f"only {evidence.coverage:.1%} of the rows are labelled, less than the "
            f"{rules.min_label_coverage:.1%} that are required",
        )
    if n == 0:
        yield EvidenceIssue.NO_ROWS, "no labelled row has a prediction of both models"
    elif n < rules.min_rows:
        yield EvidenceIssue.INSUFFICIENT_ROWS, f"{n:.0f} rows are fewer than {rules.min_rows}"


def _differences(evidence: Evidence, rules: Duel) -> Iterator[tuple[EvidenceIssue, str]]:
    n, mean, variance = evidence.n, evidence.mean, evidence.variance
    if not n >= 2:
        # Mean and variance of so few rows are NULL or NaN, which is no error.
        return
    if not (math.isfinite(mean) and math.isfinite(variance)):
        yield (
            EvidenceIssue.NOT_FINITE,
            f"a mean of {mean} with a variance of {variance} is no measurement",
        )
    elif variance < 0:
        yield EvidenceIssue.NEGATIVE_VARIANCE, f"a variance of {variance} cannot be"
    elif n < rules.min_rows:
        return
    elif variance == 0:
        yield EvidenceIssue.ZERO_VARIANCE, f"all {n:.0f} rows differ by the same {mean:g}"
    else:
        yield from _recent_regression(evidence, rules)
        yield from _heavy_tail(evidence, rules)


def _recent_regression(evidence: Evidence, rules: Duel) -> Iterator[tuple[EvidenceIssue, str]]:
    """The mean over all rows shows late that a challenger has become worse. Here every window of
    newest days is tested by an interval for one look: a test that can only hold back does not
    raise the probability of a wrong promotion, however often it is repeated."""
    if not are_consistent(evidence.days, evidence.n):
        yield (
            EvidenceIssue.NO_DAILY_BREAKDOWN,
            f"its days are not those of its {evidence.n:.0f} rows",
        )
    elif evidence.mean >= -rules.margin:  # else all rows together show it
        z = NormalDist().inv_cdf(1 - rules.alpha / 2)
        for part in trailing_windows(evidence.days, rules.min_rows):
            half = z * math.sqrt(part.variance / part.n)
            if not part.mean + half >= -rules.margin:
                yield (
                    EvidenceIssue.RECENT_REGRESSION,
                    f"the challenger is worse lately: {part.mean:.4g} ({part.mean - half:.4g} to "
                    f"{part.mean + half:.4g}) on the newest {part.n:.0f} rows",
                )
                return


def _heavy_tail(evidence: Evidence, rules: Duel) -> Iterator[tuple[EvidenceIssue, str]]:
    """The central limit theorem needs that no single row matters (Lindeberg and Feller): the
    greatest squared deviation over the sum of all must become small. While it is not, a rare
    great loss may be missing from the rows, and the mean looks better than it is."""
    deviation = math.sqrt(evidence.variance)
    for extreme in (evidence.smallest, evidence.largest):
        far = (extreme - evidence.mean) / deviation
        weight = far * far / (evidence.n - 1)
        if not weight <= MAX_ROW_WEIGHT:
            yield (
                EvidenceIssue.HEAVY_TAIL,
                f"one row, {extreme:g}, carries {weight:.2%} of the sum of squares, more than "
                f"{MAX_ROW_WEIGHT:.2%}",
            )
