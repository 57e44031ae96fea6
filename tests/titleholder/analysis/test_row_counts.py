"""Counts are consistent exactly if some set of rows has all of them."""

import itertools
import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.titleholder.analysis.test_verdict import BETTER, CONTEXT, COUNTS, RULES, evidence
from titleholder.analysis.row_counts import contradiction
from titleholder.analysis.verdict import Outcome, verdict

# What one row adds to each of COUNTS, by docs/reference/duel.md. A skipped row and a row without
# any label are not scored; a prediction is valid or invalid, whichever target's label the row has.
SKIPPED = [(1, labelled, 1, 0, 0, 0, 0, 0) for labelled in (0, 1)]
UNSCORED = [(1, 0, 0, 0, 0, 0, 0, 0)]
SCORED = [
    (1, labelled, 0, labelled * one, labelled * other, labelled * one * other, 1 - one, 1 - other)
    for labelled, one, other in itertools.product((0, 1), repeat=3)
]
ROW_KINDS = [*SKIPPED, *UNSCORED, *SCORED]
MAX_ROWS = 3
VALID = evidence(BETTER)


def total(rows: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True))) or (0,) * len(COUNTS)


def contradiction_in(counts: tuple[int, ...]) -> str:
    rows, labelled = counts[:2]
    named = dict(zip(COUNTS, counts, strict=True))
    named["n"] = named["rows_compared"]
    return contradiction(replace(VALID, **named, coverage=labelled / rows if rows else 0.0))


def test_counts_are_consistent_exactly_if_some_rows_have_them() -> None:
    """All combinations of counts up to three, against all duels of up to three rows."""
    possible = {
        total(rows)
        for number in range(MAX_ROWS + 1)
        for rows in itertools.combinations_with_replacement(ROW_KINDS, number)
    }
    for counts in itertools.product(range(MAX_ROWS + 1), repeat=len(COUNTS)):
        assert (contradiction_in(counts) == "") == (counts in possible), counts


def test_clusters_have_at_least_a_row_each_and_rows_are_counted_one_by_one() -> None:
    for cluster_column, possible in (("", [1000]), ("customer", [1, 999, 1000])):
        clusters = replace(VALID, cluster_column=cluster_column)
        for n in (-1, 0, 0.5, 1, 999, 1000, 1001, math.nan):
            assert (contradiction(replace(clusters, n=n)) == "") == (n in possible), n
    none = dict.fromkeys(COUNTS, 0)
    empty = replace(VALID, **none, coverage=0.0, cluster_column="customer")
    assert contradiction(replace(empty, n=0)) == ""
    assert contradiction(replace(empty, n=1)) == "1 clusters cannot be those of 0 rows"
    lost = replace(VALID, n=999)
    assert contradiction(lost) == "n is 999, and 1000 rows were compared, each by itself"


numbers = st.sampled_from([0, 1, 50, 99, 100, 101, 999, 1000, 1001, 2000])
duels = st.lists(st.tuples(st.sampled_from(ROW_KINDS), numbers), min_size=1, max_size=4)


@given(duels)
def test_the_counts_of_any_rows_are_consistent(duel: list[tuple[tuple[int, ...], int]]) -> None:
    assert (
        contradiction_in(total(tuple(tuple(n * count for count in kind) for kind, n in duel))) == ""
    )


@given(st.dictionaries(st.sampled_from(["n", *COUNTS, "coverage"]), numbers | st.floats(0, 1)))
def test_no_inconsistent_evidence_is_ever_promoted(changes: dict[str, float]) -> None:
    """All other evidence is in favour of the challenger."""
    assert verdict(VALID, RULES, CONTEXT).outcome is Outcome.PROMOTE
    found = replace(VALID, **changes)
    if verdict(found, RULES, CONTEXT).outcome is Outcome.PROMOTE:
        assert contradiction(found) == ""
        assert found.n == found.champion_rows == found.challenger_rows
        assert found.n <= found.rows_labelled <= found.rows
        assert found.n <= found.rows - found.rows_skipped
        assert abs(found.coverage - found.rows_labelled / found.rows) < 1e-5
