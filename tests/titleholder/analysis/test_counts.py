"""Counts are believed only where there can be rows that have them all."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.titleholder.analysis.test_verdict import BETTER, COUNTS, DUEL, RULES, evidence
from titleholder.analysis.counts import contradiction
from titleholder.analysis.verdict import Outcome, verdict

# What one row adds to each of COUNTS, by docs/reference/duel.md. A row that is not usable is not
# scored, nor is one without any label; an invalid prediction is none, whichever label the row has.
UNUSABLE = [(1, labelled, 1, 0, 0, 0, 0, 0) for labelled in (0, 1)]
UNSCORED = [(1, 0, 0, 0, 0, 0, 0, 0)]
SCORED = [
    (1, labelled, 0, labelled * one, labelled * other, labelled * one * other, 1 - one, 1 - other)
    for labelled, one, other in itertools.product((0, 1), repeat=3)
]
KINDS = [*UNUSABLE, *UNSCORED, *SCORED]
FEW = 3
SOUND = evidence(BETTER)


def total(rows: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True))) or (0,) * len(COUNTS)


def wrong(counts: tuple[int, ...]) -> str:
    rows, labelled = counts[:2]
    named = dict(zip(COUNTS, counts, strict=True))
    return contradiction(replace(SOUND, **named, coverage=labelled / rows if rows else 0.0))


def test_exactly_the_counts_that_some_rows_have_are_believed() -> None:
    """Every eight numbers up to three are tried, on every duel of up to three rows."""
    there_are = {
        total(rows)
        for number in range(FEW + 1)
        for rows in itertools.combinations_with_replacement(KINDS, number)
    }
    for counts in itertools.product(range(FEW + 1), repeat=len(COUNTS)):
        assert (wrong(counts) == "") == (counts in there_are), counts


numbers = st.sampled_from([0, 1, 50, 99, 100, 101, 999, 1000, 1001, 2000])
duels = st.lists(st.tuples(st.sampled_from(KINDS), numbers), min_size=1, max_size=4)


@given(duels)
def test_no_rows_contradict_themselves(duel: list[tuple[tuple[int, ...], int]]) -> None:
    assert wrong(total(tuple(tuple(n * one for one in kind) for kind, n in duel))) == ""


@given(st.dictionaries(st.sampled_from([*COUNTS, "coverage"]), numbers | st.floats(0, 1)))
def test_no_inconsistent_evidence_is_ever_promoted(changes: dict[str, float]) -> None:
    """The rest of it is as good as can be: 1,000 rows, and a better challenger."""
    assert verdict(SOUND, RULES, DUEL).outcome is Outcome.PROMOTE
    found = replace(SOUND, **changes)
    if verdict(found, RULES, DUEL).outcome is Outcome.PROMOTE:
        assert contradiction(found) == ""
        assert found.n == found.champion_rows == found.challenger_rows
        assert found.n <= found.rows_labelled <= found.rows
        assert found.n <= found.rows - found.rows_skipped
        assert abs(found.coverage - found.rows_labelled / found.rows) < 1e-5
