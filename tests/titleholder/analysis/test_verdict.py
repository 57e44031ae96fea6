"""The truth table cell by cell, and what holds for any evidence."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.analysis.confidence_sequence import interval
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.issues import EvidenceIssue
from titleholder.analysis.trailing import DifferenceStats
from titleholder.analysis.verdict import Outcome, Verdict, verdict
from titleholder.config.duel import Duel

NOW = datetime(2026, 11, 16, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = Duel(loss="zero_one", target="y")
MARGIN = Duel(loss="zero_one", target="y", hypothesis="non_inferiority", margin=0.02)
DUEL = EvaluationContext("old", "new", NOW - 3 * DAY, NOW, 3)
LATE = replace(DUEL, since=NOW - 28 * DAY)
NONE = {"n": 0, "champion_rows": 0, "challenger_rows": 0, "newest": None}


def evidence(mean: float, **changes: Any) -> Evidence:
    """1,000 rows of which 100 differ; the interval is the mean and 0.033 to either side. Rows of
    which nothing is said are such that all counts are of the same rows."""
    made = Evidence(
        champion="old",
        challenger="new",
        loss="zero-one",
        target="y",
        n=1000,
        mean=mean,
        variance=0.1,
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
        made = replace(made, champion_rows=changes["n"], challenger_rows=changes["n"])
    made = replace(made, **changes)
    either = made.champion_rows + made.challenger_rows - made.n
    silent = {"champion": either - made.champion_rows, "challenger": either - made.challenger_rows}
    counts = {"rows": either, "rows_labelled": either}
    counts |= {f"bad_{who}": rows for who, rows in silent.items()}
    counts |= {"coverage": 1.0 if either else 0.0}
    made = replace(made, **{**counts, **changes})
    if "days" not in changes:
        made = replace(made, days=(DifferenceStats(made.n, made.mean, made.variance),))
    return made


def told(
    mean: float, rules: Duel = RULES, duel: EvaluationContext = DUEL, **changes: Any
) -> Verdict:
    return verdict(evidence(mean, **changes), rules, duel)


PROMOTE, ROLLBACK, HOLD, ASK = Outcome
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
        # With superiority a margin only spares from being sent home.
        (0.015, with_rules(RULES, margin=0.02), HOLD),
        (-0.05, with_rules(RULES, margin=0.02), HOLD),
        (BETTER, with_rules(RULES, margin=0.02), PROMOTE),
    ],
)
def test_sound_evidence(mean: float, rules: Duel, outcome: Outcome) -> None:
    assert told(mean, rules).outcome is outcome


def test_time() -> None:
    young = replace(DUEL, since=NOW - 2 * HOUR)
    assert told(BETTER, duel=young).outcome is HOLD
    assert "live for less than 1 d:" in told(BETTER, duel=young).reason
    # Harm waits for nothing.
    assert told(WORSE, duel=young).outcome is ROLLBACK
    assert told(EQUAL, duel=LATE).outcome is ROLLBACK
    assert told(BETTER, duel=LATE).outcome is PROMOTE
    assert told(EQUAL, with_rules(RULES, on_timeout="manual"), LATE).outcome is ASK
    assert told(EQUAL, with_rules(RULES, max_duration=None), LATE).outcome is HOLD


def turned(mean: float, variance: float = 0.1) -> tuple[DifferenceStats, ...]:
    """900 rows, and then 100 in two days with that mean and variance. An interval of these for one
    look is 0.062 to either side."""
    return (
        DifferenceStats(900, 0.0777, 0.1),
        DifferenceStats(40, mean, variance),
        DifferenceStats(60, mean, variance),
    )


# What is wrong; the outcome on evidence that is otherwise for the challenger, and that is clearly
# against it; and for it after the deadline.
NAIVE = datetime(2026, 11, 15)
SILENT_TOGETHER = {
    "rows": 1005,
    "rows_labelled": 1005,
    "champion_invalid_predictions": 5,
    "challenger_invalid_predictions": 5,
}
LABELLED_TOO_FEW = {"rows": 1112, "coverage": 1000 / 1112}
CELLS: list[tuple[EvidenceIssue, dict[str, Any], Outcome, Outcome, Outcome]] = [
    (EvidenceIssue.CLOCK_SKEW, {"measured": NOW + HOUR}, ASK, ASK, ASK),
    (EvidenceIssue.CLOCK_SKEW, {"newest": NOW}, ASK, ASK, ASK),
    (EvidenceIssue.CLOCK_SKEW, {"newest": None}, ASK, ASK, ASK),
    (EvidenceIssue.CLOCK_SKEW, {"newest": NAIVE}, ASK, ASK, ASK),
    (EvidenceIssue.CLOCK_SKEW, {"measured": NAIVE}, ASK, ASK, ASK),
    (EvidenceIssue.CHAMPION_INVALID, {"challenger_rows": 1100}, ASK, ASK, ASK),
    (EvidenceIssue.CHAMPION_INVALID, {"n": 0, "challenger_rows": 7, "newest": None}, ASK, ASK, ASK),
    (EvidenceIssue.WRONG_SUBJECT, {"challenger": "newer"}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.WRONG_SUBJECT, {"champion": "older"}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.WRONG_SUBJECT, {"loss": "squared"}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.WRONG_SUBJECT, {"target": "z"}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"n": 999.5}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"n": math.nan}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"n": math.inf}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"n": -5}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"champion_rows": 999}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"challenger_rows": math.nan}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"coverage": 1.01}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"coverage": -0.1}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"coverage": math.nan}, ASK, ASK, ROLLBACK),
    # The share of the labelled in the window's rows, and there are no rows to have a label.
    (EvidenceIssue.INVALID_COUNTS, {"coverage": 0.97}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"rows": 0}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"rows": 0, "coverage": 0}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"rows_labelled": 999, "coverage": 0.999}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"rows_skipped": 1}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"challenger_invalid_predictions": 1}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INVALID_COUNTS, {"rows_labelled": math.nan}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NO_ROWS, NONE, HOLD, HOLD, ROLLBACK),
    (
        EvidenceIssue.NO_ROWS,
        NONE | dict.fromkeys(["mean", "variance", "largest"], math.nan),
        HOLD,
        HOLD,
        ROLLBACK,
    ),
    (EvidenceIssue.NOT_FINITE, {"mean": math.nan}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NOT_FINITE, {"mean": math.inf}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NOT_FINITE, {"mean": -math.inf}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NOT_FINITE, {"variance": math.nan}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NOT_FINITE, {"variance": math.inf}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.NEGATIVE_VARIANCE, {"variance": -0.1}, ASK, ASK, ROLLBACK),
    (EvidenceIssue.INSUFFICIENT_ROWS, {"n": 99}, HOLD, HOLD, ROLLBACK),
    (EvidenceIssue.INSUFFICIENT_ROWS, {"n": 1, "variance": math.nan}, HOLD, HOLD, ROLLBACK),
    (EvidenceIssue.ZERO_VARIANCE, {"variance": 0.0}, ASK, ROLLBACK, ROLLBACK),
    # 100 failures where the champion has none are a verdict of their own.
    (EvidenceIssue.CHALLENGER_INVALID, {"champion_rows": 1100}, ROLLBACK, ROLLBACK, ROLLBACK),
    (
        EvidenceIssue.NO_ROWS,
        NONE | {"champion_rows": 100, "newest": NOW - DAY},
        *(ROLLBACK, ROLLBACK, ROLLBACK),
    ),
    (EvidenceIssue.MISSING_PREDICTIONS, {"champion_rows": 1099}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.MISSING_PREDICTIONS, {"challenger_rows": 1099}, ASK, ROLLBACK, ROLLBACK),
    # On rows that the champion did not answer either, or that have another target's label alone.
    (EvidenceIssue.MISSING_PREDICTIONS, SILENT_TOGETHER, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.LOW_COVERAGE, LABELLED_TOO_FEW, ASK, ROLLBACK, ROLLBACK),
    # (4 - 0.05)^2 / 0.1 = 156 of the 999 that all rows have together: 16 %.
    (EvidenceIssue.HEAVY_TAIL, {"largest": 4.0}, HOLD, ROLLBACK, ROLLBACK),
    (EvidenceIssue.HEAVY_TAIL, {"smallest": math.nan}, HOLD, ROLLBACK, ROLLBACK),
    (EvidenceIssue.STALE, {"newest": NOW - 8 * DAY - HOUR}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.RECENT_REGRESSION, {"days": turned(-0.2)}, HOLD, ROLLBACK, ROLLBACK),
    (EvidenceIssue.RECENT_REGRESSION, {"days": turned(-0.2, 0)}, HOLD, ROLLBACK, ROLLBACK),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": ()}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": turned(0.05)[1:]}, ASK, ROLLBACK, ROLLBACK),
    (
        EvidenceIssue.NO_DAILY_BREAKDOWN,
        {"days": (DifferenceStats(899.5, 0.05, 0.1), DifferenceStats(100.5, 0.05, 0.1))},
        ASK,
        ROLLBACK,
        ROLLBACK,
    ),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": turned(math.nan)}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": turned(math.inf)}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": turned(0.05, math.nan)}, ASK, ROLLBACK, ROLLBACK),
    (EvidenceIssue.NO_DAILY_BREAKDOWN, {"days": turned(0.05, -0.1)}, ASK, ROLLBACK, ROLLBACK),
]


@pytest.mark.parametrize(("doubt", "wrong", "good", "bad", "late"), CELLS)
def test_no_cell_promotes(
    doubt: EvidenceIssue, wrong: dict[str, Any], good: Outcome, bad: Outcome, late: Outcome
) -> None:
    found = told(**{"mean": BETTER} | wrong)
    assert (found.issue, found.outcome) == (doubt.word, good)
    assert told(**{"mean": -0.2} | wrong).outcome is bad
    assert told(duel=LATE, **{"mean": BETTER} | wrong).outcome is late
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
        {"measured": DUEL.since, "newest": DUEL.since},
        # 3.1^2 is exactly a tenth of 0.1 * 961; one row more, as the last digit may be lost.
        {"n": 963, "mean": 0.0, "largest": 3.1},
    ],
    ids=str,
)
def test_what_is_just_right_raises_no_doubt(edge: dict[str, Any]) -> None:
    assert told(**{"mean": BETTER} | edge).issue == ""


def test_only_what_is_clearly_worse_lately_holds() -> None:
    assert told(BETTER, days=turned(-0.061)).outcome is PROMOTE
    held = told(BETTER, days=turned(-0.1))
    assert (held.issue, held.outcome) == (EvidenceIssue.RECENT_REGRESSION.word, HOLD)
    assert held.reason == (
        "lately the challenger is worse: -0.1 (-0.1617 to -0.03833) on the newest 100 rows"
    )
    # As much worse as is allowed is no reason.
    assert told(BETTER, MARGIN, days=turned(-0.081)).outcome is PROMOTE
    assert told(BETTER, MARGIN, days=turned(-0.083)).outcome is HOLD
    # A longer stretch may tell what a shorter one does not; fewer than min_rows rows tell nothing.
    slow = (
        DifferenceStats(600, 0.12, 0.1),
        DifferenceStats(300, -0.05, 0.1),
        DifferenceStats(100, -0.05, 0.1),
    )
    assert "on the newest 400 rows" in told(BETTER, days=slow).reason
    assert (
        told(BETTER, days=(DifferenceStats(901, 0.07, 0.1), DifferenceStats(99, -0.2, 0.1))).outcome
        is PROMOTE
    )
    # Where all rows say so, it is no news.
    assert told(-0.01, days=turned(-0.1)).issue == ""


def test_the_least_number_of_rows_and_of_time() -> None:
    assert told(0.2, n=100, **light(0.2)).outcome is PROMOTE
    assert told(BETTER, duel=replace(DUEL, since=NOW - DAY), measured=NOW).outcome is PROMOTE
    # Just over: the heaviest row's part is 3.1^2 / (0.1 * 960).
    heavy = told(0.0, n=961, largest=3.1)
    assert (heavy.issue, heavy.outcome) == (EvidenceIssue.HEAVY_TAIL.word, HOLD)
    assert heavy.reason == ("one row, 3.1, carries 10.01% of the sum of squares, more than 10.00%")
    # Two rows are measured by two: a rule may ask for no more.
    two = with_rules(RULES, min_rows=2)
    assert told(math.nan, two, n=2).issue == EvidenceIssue.NOT_FINITE.word
    assert told(math.nan, two, n=1).issue == EvidenceIssue.INSUFFICIENT_ROWS.word


def test_evidence_of_before_the_present_share() -> None:
    """It may send home, and never moves on: each step is decided by rows seen since it began."""
    after = replace(DUEL, since=NOW - HOUR / 2)
    assert told(BETTER, duel=after).issue == EvidenceIssue.STALE.word
    assert told(BETTER, duel=after).outcome is ASK
    assert told(-0.2, duel=after).outcome is ROLLBACK


def test_the_challenger_comes_from_the_future() -> None:
    ahead = replace(DUEL, since=NOW + HOUR)
    assert told(-0.2, duel=ahead).outcome is ASK
    assert told(BETTER, duel=replace(DUEL, now=NAIVE)).outcome is ASK


def test_several_doubts_allow_what_all_allow() -> None:
    stale = {"newest": NOW - 9 * DAY}
    assert told(-0.2, **LABELLED_TOO_FEW, **stale).outcome is ROLLBACK
    assert told(-0.2, challenger_rows=2000, **stale).outcome is ASK
    # More rows would settle the one, but not the other.
    assert told(-0.2, n=50, **stale).outcome is ASK
    # The one that is named is the gravest.
    assert told(-0.2, n=50, loss="squared", **stale).issue == EvidenceIssue.WRONG_SUBJECT.word


def test_every_doubt_has_a_cell() -> None:
    assert {doubt for doubt, *_ in CELLS} == set(EvidenceIssue)


def test_what_a_person_reads() -> None:
    found = told(BETTER)
    low, high = interval(1000, 0.05, 0.1, 0.05, 100)
    assert found == Verdict(
        PROMOTE,
        "the challenger is better: the zero-one loss of y, champion's minus challenger's, is 0.05 "
        "(0.01754 to 0.08246) on 1000 rows",
        *("", 1000, 0.05, low, high, 0.0, 1.0, 3),
    )
    assert told(-0.2, newest=NOW - 9 * DAY).reason == (
        "the challenger is worse: the zero-one loss of y, champion's minus challenger's, is -0.2 "
        "(-0.2325 to -0.1675) on 1000 rows; and its newest row is of 2026-11-07 03:00 UTC, "
        "older than 8 d"
    )
    assert told(EQUAL, n=7, duel=LATE).reason == (
        "nothing was decided in 28 d; and 7 rows are fewer than 100; the champion keeps the title"
    )
    assert told(0.015, MARGIN, n=2000).reason.startswith(
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
        {"max_evidence_age": timedelta(0)},
        {"heaviest_row": 0},
        {"min_duration": -DAY},
        {"max_duration": DAY / 2},
    ],
    ids=str,
)
def test_rules_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must"):
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
        with_rules(MARGIN, alpha=0.5, min_rows=2),
    ]
)
any_duel = st.builds(
    EvaluationContext, st.just("old"), st.just("new"), times, times, st.integers(0, 99)
)
any_evidence = st.builds(
    Evidence,
    st.sampled_from(["old", "older"]),
    st.just("new"),
    st.just("zero-one"),
    st.just("y"),
    counts,
    *[anything] * 5,
    *[counts] * 7,
    st.none() | times,
    times,
    st.lists(st.builds(DifferenceStats, counts, anything, anything), max_size=4).map(tuple),
)
COUNTS = (
    *("rows", "rows_labelled", "rows_skipped", "champion_rows", "challenger_rows", "n"),
    *("champion_invalid_predictions", "challenger_invalid_predictions"),
)
# Mostly sound, with one to three things wrong, so that every corner of the table is met.
bent = st.dictionaries(
    st.sampled_from(["mean", "variance", "coverage", *COUNTS]),
    st.one_of(anything, st.just(1000)),
    max_size=3,
)


@given(any_evidence, any_rules, any_duel)
def test_any_evidence_has_a_verdict(given: Evidence, rules: Duel, duel: EvaluationContext) -> None:
    found = verdict(given, rules, duel)
    assert found.reason
    assert (found.outcome is PROMOTE) <= (found.issue == "")


@given(st.floats(-1, 1), bent, any_rules, st.sampled_from([DUEL, LATE]))
def test_bad_input_never_promotes(
    mean: float, changes: dict[str, float], rules: Duel, duel: EvaluationContext
) -> None:
    given = replace(evidence(mean), **changes)
    found = verdict(given, rules, duel)
    if found.outcome is PROMOTE:
        assert found.low is not None
        assert found.low > -rules.margin
        assert all(map(math.isfinite, (given.n, given.mean, given.variance)))
        assert given.n == given.champion_rows == given.challenger_rows >= rules.min_rows
        assert given.n <= given.rows_labelled <= given.rows
        assert given.coverage == pytest.approx(given.rows_labelled / given.rows, abs=1e-6)
        assert given.challenger_invalid_predictions == 0
        assert given.variance > 0
        assert rules.min_label_coverage <= given.coverage <= 1


def light(mean: float, variance: float = 0.1) -> dict[str, float]:
    """Extremes of one standard deviation."""
    return {"smallest": mean - math.sqrt(variance), "largest": mean + math.sqrt(variance)}


MIRROR = {PROMOTE: ROLLBACK, ROLLBACK: PROMOTE, HOLD: HOLD}


@given(st.floats(-1, 1), st.integers(100, 10**6), st.floats(0.05, 1))
def test_with_no_margin_the_models_can_be_exchanged(mean: float, n: int, variance: float) -> None:
    one, other = (told(m, n=n, variance=variance, **light(m, variance)) for m in (mean, -mean))
    assert other.outcome is MIRROR[one.outcome]
    assert one.low is not None
    assert other.high == -one.low


RANK = [ROLLBACK, HOLD, PROMOTE]


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(100, 10**6), any_rules)
def test_a_better_estimate_never_fares_worse(one: float, other: float, n: int, rules: Duel) -> None:
    low, high = sorted((one, other))
    found = [told(mean, rules, n=n, **light(mean)).outcome for mean in (low, high)]
    assert RANK.index(found[0]) <= RANK.index(found[1])


@given(st.floats(-1, 1), st.integers(100, 10**5), st.integers(-20, 20))
def test_the_unit_of_the_loss_does_not_matter(mean: float, n: int, power: int) -> None:
    unit = 2.0**power
    rules = with_rules(MARGIN, margin=MARGIN.margin * unit)
    scaled = told(
        mean * unit, rules, n=n, variance=0.1 * unit * unit, smallest=-2 * unit, largest=2 * unit
    )
    assert scaled.outcome is told(mean, MARGIN, n=n, smallest=-2, largest=2).outcome


@given(st.integers(100, 10**6), st.integers(100, 10**6))
def test_more_rows_narrow_it(one: int, other: int) -> None:
    few, many = (told(EQUAL, n=n) for n in sorted((one, other)))
    assert few.high is not None
    assert many.high is not None
    assert many.high <= few.high
