"""The verdict: every case of its truth table, and properties for any evidence."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.titleholder.analysis.designs import context_for, design_for
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue as Issue
from titleholder.analysis.sequential.confidence_sequence import interval
from titleholder.analysis.sequential.design import Look
from titleholder.analysis.trailing_windows import DifferenceStats
from titleholder.analysis.verdict import Outcome, Verdict, verdict
from titleholder.config.duel import Duel

NOW = datetime(2026, 11, 16, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = Duel(
    loss="zero_one", target="y", design="confidence_sequence", alpha=0.025, rollback_alpha=0.025
)
SEQUENTIAL = Duel(loss="zero_one", target="y")
FUTILE = Duel(loss="zero_one", target="y", futility=True)
MARGIN = RULES.model_copy(update={"hypothesis": "non_inferiority", "margin": 0.02})
CONTEXT = context_for(RULES, NOW - 3 * DAY, NOW)
LATE = replace(CONTEXT, since=NOW - 28 * DAY)
LATER = {"newest": NOW, "measured": NOW}
NONE = {"n": 0, "champion_rows": 0, "challenger_rows": 0, "newest": None}


def evidence(mean: float, **changes: Any) -> Evidence:
    """Evidence of 1,000 rows of which 100 differ: the interval is the mean +- 0.033. Counts that
    are not given are made consistent with the others."""
    made = Evidence(
        champion="old",
        challenger="new",
        loss="zero_one",
        target="y",
        n=1000,
        rows_compared=1000,
        mean=mean,
        variance=0.1,
        skewness=0.0,
        coverage=1.0,
        champion_rows=1000,
        challenger_rows=1000,
        rows=1000,
        rows_labelled=1000,
        rows_skipped=0,
        champion_invalid_predictions=0,
        challenger_invalid_predictions=0,
        newest=NOW - DAY,
        measured=NOW - HOUR,
        smallest=-1,
        largest=1,
    )
    if "n" in changes:
        counted = dict.fromkeys(("rows_compared", "champion_rows", "challenger_rows"), changes["n"])
        made = replace(made, **counted)
    made = replace(made, **changes)
    either = made.champion_rows + made.challenger_rows - made.rows_compared
    counts = {"rows": either, "rows_labelled": either}
    counts["champion_invalid_predictions"] = either - made.champion_rows
    counts["challenger_invalid_predictions"] = either - made.challenger_rows
    counts |= {"coverage": 1.0 if either else 0.0}
    made = replace(made, **{**counts, **changes})
    if "days" not in changes:
        made = replace(made, days=(DifferenceStats(made.n, made.mean, made.variance),))
    return made


def with_rules(rules: Duel, **changes: Any) -> Duel:
    return Duel.model_validate(rules.model_dump() | changes)


def verdict_on(
    mean: float, rules: Duel = RULES, context: EvaluationContext = CONTEXT, **changes: Any
) -> Verdict:
    context = replace(context, design=design_for(rules, context.design.begins))
    return verdict(evidence(mean, **changes), rules, context)


PROMOTE, ROLLBACK, HOLD, INCONCLUSIVE = Outcome
BETTER, EQUAL, WORSE = 0.05, 0.0, -0.05


@pytest.mark.parametrize(
    ("mean", "rules", "outcome"),
    [
        (BETTER, RULES, PROMOTE),
        (EQUAL, RULES, HOLD),
        (WORSE, RULES, ROLLBACK),
        # Superiority by less than the interval's half width, 0.033.
        (0.03, RULES, HOLD),
        # Not worse by more than 0.02: the low end of 0.015 is -0.018.
        (0.015, MARGIN, PROMOTE),
        (EQUAL, MARGIN, HOLD),
        (-0.05, MARGIN, HOLD),
        (-0.06, MARGIN, ROLLBACK),
        # With superiority a margin only prevents a rollback.
        (0.015, with_rules(RULES, margin=0.02), HOLD),
        (-0.05, with_rules(RULES, margin=0.02), HOLD),
        (BETTER, with_rules(RULES, margin=0.02), PROMOTE),
    ],
)
def test_valid_evidence(mean: float, rules: Duel, outcome: Outcome) -> None:
    assert verdict_on(mean, rules).outcome is outcome


def test_times() -> None:
    young = replace(CONTEXT, since=NOW - 2 * HOUR)
    assert verdict_on(BETTER, context=young).outcome is HOLD
    assert "live for less than 1 d:" in verdict_on(BETTER, context=young).reason
    # A rollback is immediate.
    assert verdict_on(WORSE, context=young).outcome is ROLLBACK
    assert verdict_on(EQUAL, context=LATE).outcome is ROLLBACK
    assert verdict_on(BETTER, context=LATE).outcome is PROMOTE
    assert verdict_on(EQUAL, with_rules(RULES, on_timeout="manual"), LATE).outcome is INCONCLUSIVE


def turned(mean: float, variance: float = 0.1) -> tuple[DifferenceStats, ...]:
    """900 rows, then 100 rows in two days with that mean and variance, whose interval for one look
    is the mean +- 0.052."""
    return (
        DifferenceStats(900, 0.0777, 0.1),
        DifferenceStats(40, mean, variance),
        DifferenceStats(60, mean, variance),
    )


# The issue and the changes that cause it; the outcome on evidence that is otherwise for the
# challenger, clearly against it, and for it after `max_duration`.
NAIVE = datetime(2026, 11, 15)
BOTH_INVALID = {
    "rows": 1005,
    "rows_labelled": 1005,
    "champion_invalid_predictions": 5,
    "challenger_invalid_predictions": 5,
}
FEW_LABELS = {"rows": 1112, "coverage": 1000 / 1112}
CASES: list[tuple[Issue, dict[str, Any], Outcome, Outcome, Outcome]] = [
    (Issue.CLOCK_SKEW, {"measured": NOW + HOUR}, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    (Issue.CLOCK_SKEW, {"newest": NOW}, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    (Issue.CLOCK_SKEW, {"newest": None}, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    (Issue.CLOCK_SKEW, {"newest": NAIVE}, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    (Issue.CLOCK_SKEW, {"measured": NAIVE}, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
    (
        Issue.CHAMPION_INVALID,
        {"challenger_rows": 1100},
        INCONCLUSIVE,
        INCONCLUSIVE,
        INCONCLUSIVE,
    ),
    (
        Issue.CHAMPION_INVALID,
        {"n": 0, "challenger_rows": 7, "newest": None},
        INCONCLUSIVE,
        INCONCLUSIVE,
        INCONCLUSIVE,
    ),
    (Issue.WRONG_SUBJECT, {"challenger": "newer"}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.WRONG_SUBJECT, {"champion": "older"}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.WRONG_SUBJECT, {"loss": "squared"}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.WRONG_SUBJECT, {"target": "z"}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.WRONG_SUBJECT, {"cluster_column": "z"}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"n": 999.5}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"n": math.nan}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"n": math.inf}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"n": -5}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"champion_rows": 999}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (
        Issue.INVALID_COUNTS,
        {"challenger_rows": math.nan},
        INCONCLUSIVE,
        INCONCLUSIVE,
        ROLLBACK,
    ),
    (Issue.INVALID_COUNTS, {"coverage": 1.01}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"coverage": -0.1}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"coverage": math.nan}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    # A coverage that is not rows_labelled / rows; labels without rows.
    (Issue.INVALID_COUNTS, {"coverage": 0.97}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INVALID_COUNTS, {"rows": 0}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (
        Issue.INVALID_COUNTS,
        {"rows": 0, "coverage": 0},
        INCONCLUSIVE,
        INCONCLUSIVE,
        ROLLBACK,
    ),
    (
        Issue.INVALID_COUNTS,
        {"rows_labelled": 999, "coverage": 0.999},
        INCONCLUSIVE,
        INCONCLUSIVE,
        ROLLBACK,
    ),
    (Issue.INVALID_COUNTS, {"rows_skipped": 1}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (
        Issue.INVALID_COUNTS,
        {"challenger_invalid_predictions": 1},
        INCONCLUSIVE,
        INCONCLUSIVE,
        ROLLBACK,
    ),
    (
        Issue.INVALID_COUNTS,
        {"rows_labelled": math.nan},
        INCONCLUSIVE,
        INCONCLUSIVE,
        ROLLBACK,
    ),
    (Issue.NO_ROWS, NONE, HOLD, HOLD, ROLLBACK),
    (
        Issue.NO_ROWS,
        NONE | dict.fromkeys(["mean", "variance", "largest"], math.nan),
        HOLD,
        HOLD,
        ROLLBACK,
    ),
    (Issue.NOT_FINITE, {"mean": math.nan}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NOT_FINITE, {"mean": math.inf}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NOT_FINITE, {"mean": -math.inf}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NOT_FINITE, {"variance": math.nan}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NOT_FINITE, {"variance": math.inf}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NOT_FINITE, {"skewness": math.nan}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.NEGATIVE_VARIANCE, {"variance": -0.1}, INCONCLUSIVE, INCONCLUSIVE, ROLLBACK),
    (Issue.INSUFFICIENT_ROWS, {"n": 99}, HOLD, HOLD, ROLLBACK),
    (Issue.INSUFFICIENT_ROWS, {"n": 1, "variance": math.nan}, HOLD, HOLD, ROLLBACK),
    (Issue.ZERO_VARIANCE, {"variance": 0.0}, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    # 100 invalid predictions of the challenger alone are a reason to roll back.
    (Issue.CHALLENGER_INVALID, {"champion_rows": 1100}, ROLLBACK, ROLLBACK, ROLLBACK),
    (
        Issue.NO_ROWS,
        NONE | {"champion_rows": 100, "newest": NOW - DAY},
        *(ROLLBACK, ROLLBACK, ROLLBACK),
    ),
    (Issue.MISSING_PREDICTIONS, {"champion_rows": 1099}, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    (
        Issue.MISSING_PREDICTIONS,
        {"challenger_rows": 1099},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    # On rows without a valid prediction of the champion, or with only another target's label.
    (Issue.MISSING_PREDICTIONS, BOTH_INVALID, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    (Issue.LOW_COVERAGE, FEW_LABELS, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    # (4 - 0.05)^2 / 0.1 = 156 of the sum of squares of 999: 16 %.
    (Issue.HEAVY_TAIL, {"largest": 4.0}, HOLD, ROLLBACK, ROLLBACK),
    (Issue.HEAVY_TAIL, {"smallest": math.nan}, HOLD, ROLLBACK, ROLLBACK),
    (Issue.STALE, {"newest": NOW - 8 * DAY - HOUR}, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    (Issue.STALE, {"earlier": (Look(0.2, 1112),)}, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    (
        Issue.DESIGN_CHANGED,
        {"changes": "alpha is 0.1 and was 0.05"},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (Issue.RECENT_REGRESSION, {"days": turned(-0.2)}, HOLD, ROLLBACK, ROLLBACK),
    (Issue.RECENT_REGRESSION, {"days": turned(-0.2, 0)}, HOLD, ROLLBACK, ROLLBACK),
    (Issue.NO_DAILY_BREAKDOWN, {"days": ()}, INCONCLUSIVE, ROLLBACK, ROLLBACK),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": turned(0.05)[1:]},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": (DifferenceStats(899.5, 0.05, 0.1), DifferenceStats(100.5, 0.05, 0.1))},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": turned(math.nan)},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": turned(math.inf)},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": turned(0.05, math.nan)},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
    (
        Issue.NO_DAILY_BREAKDOWN,
        {"days": turned(0.05, -0.1)},
        INCONCLUSIVE,
        ROLLBACK,
        ROLLBACK,
    ),
]


@pytest.mark.parametrize("rules", [RULES, SEQUENTIAL], ids=["confidence", "sequential"])
@pytest.mark.parametrize(("issue", "changes", "better", "worse", "late"), CASES)
def test_no_issue_allows_a_promotion(
    issue: Issue,
    changes: dict[str, Any],
    better: Outcome,
    worse: Outcome,
    late: Outcome,
    rules: Duel,
) -> None:
    changes = dict(changes)
    context = {name: changes.pop(name) for name in ("changes", "earlier") if name in changes}
    now, after = replace(CONTEXT, **context), replace(LATE, **context)
    found = verdict_on(rules=rules, context=now, **{"mean": BETTER} | changes)
    assert (found.issue, found.outcome) == (issue.word, better)
    assert verdict_on(rules=rules, context=now, **{"mean": -0.2} | changes).outcome is worse
    assert verdict_on(rules=rules, context=after, **{"mean": BETTER} | changes).outcome is late
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    "edge",
    [
        {"n": 900, "rows": 1000, "coverage": 0.9},
        {"coverage": 1.0 - 1e-9},
        {"rows": 1164, "rows_labelled": 1094, "rows_skipped": 94, "coverage": 1094 / 1164},
        {"newest": NOW - 8 * DAY},
        {"measured": NOW + HOUR / 12},
        {"newest": NOW - HOUR * 11 / 12},
        {"measured": CONTEXT.since, "newest": CONTEXT.since},
        # 2.497^2 is just below a tenth of 0.1 * 624, and 2.5 / sqrt(625) a tenth.
        {"n": 625, "mean": 0.0, "largest": 2.497},
    ],
    ids=str,
)
def test_values_at_a_limit_are_no_issue(edge: dict[str, Any]) -> None:
    assert verdict_on(**{"mean": BETTER} | edge).issue == ""


def test_only_a_clear_recent_regression_holds() -> None:
    assert verdict_on(BETTER, days=turned(-0.051)).outcome is PROMOTE
    held = verdict_on(BETTER, days=turned(-0.1))
    assert (held.issue, held.outcome) == (Issue.RECENT_REGRESSION.word, HOLD)
    assert held.reason == (
        "the challenger is worse lately: -0.1 (-0.1518 to -0.04825) on the newest 100 rows"
    )
    # A regression within the margin does not hold.
    assert verdict_on(BETTER, MARGIN, days=turned(-0.071)).outcome is PROMOTE
    assert verdict_on(BETTER, MARGIN, days=turned(-0.073)).outcome is HOLD
    # A longer window may show what a shorter one does not; fewer than min_rows rows do not count.
    slow = (
        DifferenceStats(600, 0.12, 0.1),
        DifferenceStats(300, -0.05, 0.1),
        DifferenceStats(100, -0.05, 0.1),
    )
    assert "on the newest 400 rows" in verdict_on(BETTER, days=slow).reason
    assert (
        verdict_on(
            BETTER, days=(DifferenceStats(901, 0.07, 0.1), DifferenceStats(99, -0.2, 0.1))
        ).outcome
        is PROMOTE
    )
    # Not reported where the mean over all rows shows it.
    assert verdict_on(-0.01, days=turned(-0.1)).issue == ""


def test_a_group_sequential_verdict() -> None:
    """By the boundaries of the third of seven looks after one with 400 rows: 2.753 standard errors
    of 0.01 for a promotion, 2.345 for a rollback."""
    after = replace(CONTEXT, earlier=(Look(2 / 7, 400.0),))
    found = verdict_on(BETTER, SEQUENTIAL, after)
    assert (found.low, found.high) == pytest.approx((0.02247, 0.07345), abs=1e-5)
    assert (found.outcome, found.look) == (PROMOTE, Look(3 / 7, 1000))
    # It stopped because the estimate was high.
    assert found.adjusted is not None
    assert found.low < found.adjusted < BETTER
    assert verdict_on(0.02, SEQUENTIAL, after).outcome is HOLD
    assert verdict_on(0.02, SEQUENTIAL, after).adjusted is None
    worse = verdict_on(-0.03, SEQUENTIAL, after)
    assert worse.outcome is ROLLBACK
    assert worse.adjusted is not None
    assert -0.03 < worse.adjusted < 0
    # Neighbouring floats are further apart than a standard error.
    assert verdict_on(-3e16, SEQUENTIAL, CONTEXT).adjusted == pytest.approx(-3e16)
    # A look at the same rows again has the same boundary, and one much later a lower one.
    again = replace(after, earlier=(*after.earlier, Look(3 / 7, 1000)))
    assert verdict_on(BETTER, SEQUENTIAL, again).low == pytest.approx(found.low)
    end = replace(again, now=NOW + 4 * DAY)
    assert verdict_on(0.02, SEQUENTIAL, end, **LATER, n=2000, **small_extremes(0.02)).outcome is (
        PROMOTE
    )


def test_a_challenger_that_can_hardly_be_promoted_any_more() -> None:
    after = replace(CONTEXT, now=NOW + 3 * DAY)  # day 6 of 7
    found = verdict_on(-0.005, FUTILE, after, **LATER)
    assert found.outcome is ROLLBACK
    assert found.reason == (
        "the challenger can hardly be promoted any more: the zero-one loss of y, champion's minus "
        f"challenger's, is -0.005 ({found.low:.4g} to {found.high:.4g}) on 1000 rows, and a low "
        "end above 0 by the end of its evaluation has become unlikely"
    )
    assert verdict_on(-0.005, SEQUENTIAL, after, **LATER).outcome is HOLD
    assert verdict_on(0.015, FUTILE, after, **LATER).outcome is HOLD
    # Early there is hope, and after the end the next challenger comes, or max_duration.
    assert verdict_on(-0.005, FUTILE, replace(CONTEXT, now=NOW - 2 * DAY)).outcome is INCONCLUSIVE
    assert verdict_on(-0.005, FUTILE, replace(CONTEXT, now=NOW + 5 * DAY), **LATER).outcome is HOLD
    # Bad input may not be futile either way.
    wrong = verdict_on(-0.005, FUTILE, after, **LATER, rows=999)
    assert wrong.outcome is INCONCLUSIVE


def test_the_smallest_number_of_rows_and_time() -> None:
    assert verdict_on(0.2, n=100, **small_extremes(0.2)).outcome is PROMOTE
    assert (
        verdict_on(BETTER, context=replace(CONTEXT, since=NOW - DAY), measured=NOW).outcome
        is PROMOTE
    )
    # Just above the limit: the row's weight is 2.499^2 / (0.1 * 624).
    heavy = verdict_on(0.0, n=625, largest=2.499)
    assert (heavy.issue, heavy.outcome) == (Issue.HEAVY_TAIL.word, HOLD)
    assert heavy.reason == (
        "one row, 2.499, carries 10.01% of the sum of squares, more than 10.00%"
    )
    # The smallest min_rows is 2.
    two = with_rules(RULES, min_rows=2)
    assert verdict_on(math.nan, two, n=2).issue == Issue.NOT_FINITE.word
    assert verdict_on(math.nan, two, n=1).issue == Issue.INSUFFICIENT_ROWS.word


def test_evidence_from_before_the_present_percentage() -> None:
    """It may roll back and never promote: each step is decided by rows since its start."""
    after = replace(CONTEXT, since=NOW - HOUR / 2)
    assert verdict_on(BETTER, context=after).issue == Issue.STALE.word
    assert verdict_on(BETTER, context=after).outcome is INCONCLUSIVE
    assert verdict_on(-0.2, context=after).outcome is ROLLBACK


def test_a_time_in_the_future() -> None:
    ahead = replace(CONTEXT, since=NOW + HOUR)
    assert verdict_on(-0.2, context=ahead).outcome is INCONCLUSIVE
    assert verdict_on(BETTER, context=replace(CONTEXT, now=NAIVE)).outcome is INCONCLUSIVE


def test_several_issues_allow_what_each_allows() -> None:
    stale = {"newest": NOW - 9 * DAY}
    assert verdict_on(-0.2, **FEW_LABELS, **stale).outcome is ROLLBACK
    assert verdict_on(-0.2, challenger_rows=2000, **stale).outcome is INCONCLUSIVE
    # More rows would settle only one of them.
    assert verdict_on(-0.2, n=50, **stale).outcome is INCONCLUSIVE
    # The most severe issue is reported.
    assert verdict_on(-0.2, n=50, loss="squared", **stale).issue == Issue.WRONG_SUBJECT.word


def test_every_issue_has_a_case() -> None:
    assert {issue for issue, *_ in CASES} == set(Issue)


def test_reasons() -> None:
    found = verdict_on(BETTER)
    low, high = interval(1000, 0.05, 0.1, 0.05, 100)
    assert found == Verdict(
        PROMOTE,
        "the challenger is better: the zero-one loss of y, champion's minus challenger's, is 0.05 "
        "(0.01754 to 0.08246) on 1000 rows",
        *("", 1000, 0.05, low, high, 0.0, 1.0, 3, None, Look(3 / 7, 1000)),
    )
    assert verdict_on(-0.2, newest=NOW - 9 * DAY).reason == (
        "the challenger is worse: the zero-one loss of y, champion's minus challenger's, is -0.2 "
        "(-0.2325 to -0.1675) on 1000 rows; and its newest row is of 2026-11-07 03:00 UTC, "
        "older than 8 d"
    )
    assert verdict_on(EQUAL, n=7, context=LATE).reason == (
        "nothing was decided in 28 d; and 7 rows are fewer than 100; the champion stays"
    )
    assert verdict_on(0.015, MARGIN, n=2000).reason.startswith(
        "the challenger is not worse by more than 0.02"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin": -0.1},
        {"margin": math.nan},
        {"margin": math.inf},
        {"alpha": 0},
        {"alpha": 0.6},
        {"alpha": math.nan},
        {"min_rows": 1},
        {"planned_rows": 0},
        {"min_label_coverage": 1.1},
        {"max_evidence_age": "0d"},
        {"heaviest_row": 0},
        {"min_duration": "-1d"},
        {"max_duration": DAY / 2},
    ],
    ids=str,
)
def test_invalid_rules_are_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        with_rules(RULES, **wrong)


anything = st.floats(allow_nan=True, allow_infinity=True)
counts = st.one_of(st.integers(-1, 10**4), st.sampled_from([1000, 2**53, 2**53 + 2]), anything)
times = st.one_of(
    st.timedeltas(-40 * DAY, 2 * DAY).map(lambda span: NOW + span),
    st.sampled_from(
        [NOW, NAIVE, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]
    ),
)
any_rules = st.sampled_from(
    [
        RULES,
        MARGIN,
        with_rules(RULES, on_timeout="manual"),
        with_rules(MARGIN, alpha=0.25, rollback_alpha=0.25, min_rows=2),
        SEQUENTIAL,
        FUTILE,
    ]
)
any_looks = st.lists(st.builds(Look, st.floats(0, 3), st.floats(2, 1e6)), max_size=3).map(tuple)
any_context = st.builds(
    EvaluationContext,
    st.just("old"),
    st.just("new"),
    times,
    times,
    st.integers(0, 99),
    any_rules.map(lambda rules: design_for(rules, CONTEXT.since)),
    earlier=any_looks,
)
any_evidence = st.builds(
    Evidence,
    st.sampled_from(["old", "older"]),
    st.just("new"),
    st.just("zero_one"),
    st.just("y"),
    counts,
    counts,
    *[anything] * 6,
    *[counts] * 7,
    st.none() | times,
    times,
    st.lists(st.builds(DifferenceStats, counts, anything, anything), max_size=4).map(tuple),
)
COUNTS = (
    *("rows", "rows_labelled", "rows_skipped", "champion_rows", "challenger_rows"),
    *("rows_compared", "champion_invalid_predictions", "challenger_invalid_predictions"),
)
# Mostly valid, with up to three invalid values, so that every case of the table occurs.
few_changes = st.dictionaries(
    st.sampled_from(["n", "mean", "variance", "coverage", *COUNTS]),
    st.one_of(anything, st.just(1000)),
    max_size=3,
)


@given(any_evidence, any_rules, any_context)
def test_any_evidence_has_a_verdict(
    given: Evidence, rules: Duel, context: EvaluationContext
) -> None:
    found = verdict(given, rules, context)
    assert found.reason
    assert (found.outcome is PROMOTE) <= (found.issue == "")


@given(st.floats(-1, 1), few_changes, any_rules, st.sampled_from([CONTEXT, LATE]))
def test_bad_input_never_promotes(
    mean: float, changes: dict[str, float], rules: Duel, context: EvaluationContext
) -> None:
    given = replace(evidence(mean), **changes)
    context = replace(context, design=design_for(rules, CONTEXT.since))
    found = verdict(given, rules, context)
    if found.outcome is PROMOTE:
        assert found.low is not None
        assert found.low > -rules.margin
        assert all(map(math.isfinite, (given.n, given.mean, given.variance)))
        assert given.champion_rows == given.challenger_rows == given.rows_compared
        assert given.n == given.rows_compared >= rules.min_rows
        assert given.n <= given.rows_labelled <= given.rows
        assert given.coverage == pytest.approx(given.rows_labelled / given.rows, abs=1e-6)
        assert given.challenger_invalid_predictions == 0
        assert given.variance > 0
        assert rules.min_label_coverage <= given.coverage <= 1


def small_extremes(mean: float, variance: float = 0.1) -> dict[str, float]:
    """Extremes at one standard deviation."""
    return {"smallest": mean - math.sqrt(variance), "largest": mean + math.sqrt(variance)}


MIRROR = {PROMOTE: ROLLBACK, ROLLBACK: PROMOTE, HOLD: HOLD}


@given(st.floats(-1, 1), st.integers(100, 10**6), st.floats(0.05, 1))
def test_without_a_margin_the_models_can_be_exchanged(mean: float, n: int, variance: float) -> None:
    one, other = (
        verdict_on(m, n=n, variance=variance, **small_extremes(m, variance)) for m in (mean, -mean)
    )
    assert other.outcome is MIRROR[one.outcome]
    assert one.low is not None
    assert other.high == -one.low


RANK = [ROLLBACK, HOLD, PROMOTE]


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(100, 10**6), any_rules)
def test_a_better_estimate_has_no_worse_outcome(
    one: float, other: float, n: int, rules: Duel
) -> None:
    low, high = sorted((one, other))
    found = [verdict_on(mean, rules, n=n, **small_extremes(mean)).outcome for mean in (low, high)]
    assert RANK.index(found[0]) <= RANK.index(found[1])


@given(st.floats(-1, 1), st.integers(100, 10**5), st.integers(-20, 20))
def test_the_verdict_does_not_depend_on_the_unit(mean: float, n: int, power: int) -> None:
    unit = 2.0**power
    rules = with_rules(MARGIN, margin=MARGIN.margin * unit)
    scaled = verdict_on(
        mean * unit, rules, n=n, variance=0.1 * unit * unit, smallest=-2 * unit, largest=2 * unit
    )
    assert scaled.outcome is verdict_on(mean, MARGIN, n=n, smallest=-2, largest=2).outcome


@given(st.integers(100, 10**6), st.integers(100, 10**6))
def test_more_rows_give_a_narrower_interval(one: int, other: int) -> None:
    few, many = (verdict_on(EQUAL, n=n) for n in sorted((one, other)))
    assert few.high is not None
    assert many.high is not None
    assert many.high <= few.high
