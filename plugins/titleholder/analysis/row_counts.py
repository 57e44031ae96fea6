"""Consistency of the counts of a duel. No I/O."""

import math

from titleholder.analysis.evidence import Evidence

# Above it a float cannot represent every integer.
_MAX_COUNT = 2.0**53
# The tolerance for a coverage that was rounded.
_TOLERANCE = 1e-6
_COUNTS = (
    *("rows", "rows_labelled", "rows_skipped", "champion_rows", "challenger_rows"),
    *("rows_compared", "champion_invalid_predictions", "challenger_invalid_predictions"),
)


def contradiction(evidence: Evidence) -> str:
    """The counts that contradict the definitions in docs/reference/duel.md, as a reason; "" if some
    rows can have all of them. Total."""
    counts = {name: getattr(evidence, name) for name in _COUNTS}
    if not (all(map(_is_whole_number, counts.values())) and _possible(**counts)):
        listed = ", ".join(f"{name} {count:.16g}" for name, count in counts.items())
        return f"these counts cannot be those of the same rows: {listed}"
    n, compared = evidence.n, evidence.rows_compared
    if not (_is_whole_number(n) and min(compared, 1) <= n <= compared):
        return f"{n:.16g} {evidence.units} cannot be those of {compared:.0f} rows"
    if n < compared and not evidence.cluster_column:
        return f"n is {n:.0f}, and {compared:.0f} rows were compared, each by itself"
    rows, labelled, coverage = evidence.rows, evidence.rows_labelled, evidence.coverage
    expected = labelled / rows if rows else 0.0
    if not abs(coverage - expected) <= _TOLERANCE:
        return f"a coverage of {coverage} cannot be that of {labelled:.0f} in {rows:.0f} rows"
    return ""


def _possible(
    rows: float,
    rows_labelled: float,
    rows_skipped: float,
    champion_rows: float,
    challenger_rows: float,
    rows_compared: float,
    champion_invalid_predictions: float,
    challenger_invalid_predictions: float,
) -> bool:
    """Whether some number of labelled and usable rows fits all counts.

    A labelled row is usable or skipped. On each labelled and usable row a model's prediction is
    valid or invalid; both are valid on the rows compared. Invalid predictions may also be of usable
    rows that have only the label of another target.
    """
    usable = rows - rows_skipped
    champion_scored = champion_rows + champion_invalid_predictions
    challenger_scored = challenger_rows + challenger_invalid_predictions
    either = champion_rows + challenger_rows - rows_compared
    return (
        rows_labelled <= rows
        and rows_compared <= min(champion_rows, challenger_rows)
        and max(champion_scored, challenger_scored) <= usable
        and max(either, rows_labelled - rows_skipped)
        <= min(rows_labelled, champion_scored, challenger_scored)
    )


def _is_whole_number(count: float) -> bool:
    return 0 <= count <= _MAX_COUNT and count == math.floor(count)
