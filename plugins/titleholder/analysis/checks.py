"""The doubts about one measurement: every bad input has its own. No I/O."""

import math
from collections.abc import Iterator
from datetime import timedelta
from statistics import NormalDist

from titleholder.analysis.counts import contradiction
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.rules import Rules, format_days, format_loss
from titleholder.analysis.trailing import are_consistent, trailing_windows

# Clocks differ a little.
SKEW = timedelta(minutes=5)

Issues = dict[EvidenceIssue, str]


def check_evidence(evidence: Evidence, rules: Rules, duel: EvaluationContext) -> Issues:
    """What is wrong, gravest first, each with half a sentence. Total."""
    found = [
        *_subject(evidence, rules, duel),
        *_times(evidence, rules, duel),
        *_counts(evidence, rules),
        *_differences(evidence, rules),
    ]
    # The first sentence of each.
    said = dict(reversed(found))
    return {doubt: said[doubt] for doubt in EvidenceIssue if doubt in said}


def _subject(
    evidence: Evidence, rules: Rules, duel: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    about = (evidence.champion, evidence.challenger)
    if about != (duel.champion, duel.challenger):
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
    evidence: Evidence, rules: Rules, duel: EvaluationContext
) -> Iterator[tuple[EvidenceIssue, str]]:
    now, since, measured, newest = duel.now, duel.since, evidence.measured, evidence.newest
    if newest is None and evidence.n != 0:
        yield EvidenceIssue.CLOCK_SKEW, "nobody can say how old its newest row is"
    # Differences: near the ends of the calendar a sum has no answer.
    if any(time.utcoffset() is None for time in (now, since, measured, newest or now)):
        yield EvidenceIssue.CLOCK_SKEW, "a time has no time zone, so nobody can say when it was"
    elif since - now > SKEW:
        yield EvidenceIssue.CLOCK_SKEW, f"the challenger came at {since}, later than now"
    elif measured - now > SKEW:
        yield EvidenceIssue.CLOCK_SKEW, f"it was measured at {measured}, later than now"
    elif newest is not None and newest - measured > SKEW:
        yield EvidenceIssue.CLOCK_SKEW, f"its newest row is of {newest}, later than it was measured"
    elif measured < since:
        yield EvidenceIssue.STALE, "it was measured before the challenger got its present share"
    elif newest is not None and duel.seen is not None and newest < duel.seen:
        yield (
            EvidenceIssue.STALE,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, and the challenger was judged by "
            f"rows until {duel.seen:%Y-%m-%d %H:%M} UTC before",
        )
    elif newest is not None and now - newest > rules.max_evidence_age:
        yield (
            EvidenceIssue.STALE,
            f"its newest row is of {newest:%Y-%m-%d %H:%M} UTC, older than "
            f"{format_days(rules.max_evidence_age)}",
        )


def _counts(evidence: Evidence, rules: Rules) -> Iterator[tuple[EvidenceIssue, str]]:
    n, champion, challenger = evidence.n, evidence.champion_rows, evidence.challenger_rows
    if wrong := contradiction(evidence):
        yield EvidenceIssue.INVALID_COUNTS, wrong
        return
    # As many failures as rows are needed to decide anything: the model is broken. A champion that
    # answers nothing at all is so at once, for nobody must be sent back to it.
    for silent, doubt, who in (
        (challenger - n, EvidenceIssue.CHAMPION_INVALID, "champion"),
        (champion - n, EvidenceIssue.CHALLENGER_INVALID, "challenger"),
    ):
        if silent:
            broken = silent >= rules.min_rows or champion == 0
            told = f"the {who} has no finite loss on {silent:.0f} rows that the other answered"
            yield (doubt if broken else EvidenceIssue.MISSING_PREDICTIONS), told
    if evidence.challenger_invalid_predictions:
        bad = evidence.challenger_invalid_predictions
        yield (
            EvidenceIssue.MISSING_PREDICTIONS,
            f"the challenger's prediction is not sound on {bad:.0f} rows",
        )
    # Of no rows none lacks its label: there are only none yet.
    if evidence.rows and evidence.coverage < rules.min_label_coverage:
        yield (
            EvidenceIssue.LOW_COVERAGE,
            f"only {evidence.coverage:.1%} of the rows are labelled, less than the "
            f"{rules.min_label_coverage:.1%} that are asked for",
        )
    if n == 0:
        yield EvidenceIssue.NO_ROWS, "there is no labelled row that both answered"
    elif n < rules.min_rows:
        yield EvidenceIssue.INSUFFICIENT_ROWS, f"{n:.0f} rows are fewer than {rules.min_rows}"


def _differences(evidence: Evidence, rules: Rules) -> Iterator[tuple[EvidenceIssue, str]]:
    n, mean, variance = evidence.n, evidence.mean, evidence.variance
    if not n >= 2:
        # Mean and variance of so few are NULL or NaN, and no fault.
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


def _recent_regression(evidence: Evidence, rules: Rules) -> Iterator[tuple[EvidenceIssue, str]]:
    """A mean over all rows tells late that a challenger has turned bad. Any stretch of newest days
    may tell it here, by an interval for one look: what can only hold back adds nothing to the
    chance of a wrong promotion, however often it is asked."""
    if not are_consistent(evidence.days, evidence.n):
        yield (
            EvidenceIssue.NO_DAILY_BREAKDOWN,
            f"its days are not those of its {evidence.n:.0f} rows",
        )
    elif evidence.mean >= -rules.margin:  # else all rows together say so, too
        z = NormalDist().inv_cdf(1 - rules.alpha / 2)
        for part in trailing_windows(evidence.days, rules.min_rows):
            half = z * math.sqrt(part.variance / part.n)
            if not part.mean + half >= -rules.margin:
                yield (
                    EvidenceIssue.RECENT_REGRESSION,
                    f"lately the challenger is worse: {part.mean:.4g} ({part.mean - half:.4g} to "
                    f"{part.mean + half:.4g}) on the newest {part.n:.0f} rows",
                )
                return


def _heavy_tail(evidence: Evidence, rules: Rules) -> Iterator[tuple[EvidenceIssue, str]]:
    """The central limit theorem needs that no single row matters (Lindeberg and Feller): the
    greatest squared deviation over the sum of all must become small. Where it is not yet, a rare
    great loss may not have been seen at all, and what was seen looks better than it is."""
    deviation = math.sqrt(evidence.variance)
    for extreme in (evidence.smallest, evidence.largest):
        far = (extreme - evidence.mean) / deviation
        weight = far * far / (evidence.n - 1)
        if not weight <= rules.heaviest_row:
            yield (
                EvidenceIssue.HEAVY_TAIL,
                f"one row, {extreme:g}, carries {weight:.2%} of the sum of squares, more than "
                f"{rules.heaviest_row:.2%}",
            )
