"""Whether the counts of a duel can all be those of the same rows. No I/O."""

import math

from titleholder.analysis.evidence import Evidence

# Beyond it a float does not hold every whole number.
_MOST_ROWS = 2.0**53
# A share that was rounded on its way is still the same share.
_ROUNDED = 1e-6
_COUNTED = (
    *("rows", "rows_labelled", "rows_skipped", "champion_rows", "challenger_rows", "n"),
    *("champion_invalid_predictions", "challenger_invalid_predictions"),
)


def contradiction(evidence: Evidence) -> str:
    """Which counts contradict the definitions of docs/duel.md, in half a sentence; empty where
    there can be rows that have all of them. Total."""
    counts = {name: getattr(evidence, name) for name in _COUNTED}
    if not (all(map(_is_whole_number, counts.values())) and _possible(**counts)):
        listed = ", ".join(f"{name} {count:.16g}" for name, count in counts.items())
        return f"these counts cannot be those of the same rows: {listed}"
    rows, labelled, coverage = evidence.rows, evidence.rows_labelled, evidence.coverage
    share = labelled / rows if rows else 0.0
    if not abs(coverage - share) <= _ROUNDED:
        return f"a coverage of {coverage} cannot be that of {labelled:.0f} in {rows:.0f} rows"
    return ""


def _possible(
    rows: float,
    rows_labelled: float,
    rows_skipped: float,
    champion_rows: float,
    challenger_rows: float,
    n: float,
    champion_invalid_predictions: float,
    challenger_invalid_predictions: float,
) -> bool:
    """Whether some number of rows can be those that are labelled and usable.

    The rows with a label are these and unusable ones. Of these rows each model gave a sound
    prediction for its own, and a bad one for the others; n is of both. Bad ones may also be of
    usable rows that have the label of another target alone.
    """
    usable = rows - rows_skipped
    champion_scored = champion_rows + champion_invalid_predictions
    challenger_scored = challenger_rows + challenger_invalid_predictions
    either = champion_rows + challenger_rows - n
    return (
        rows_labelled <= rows
        and n <= min(champion_rows, challenger_rows)
        and max(champion_scored, challenger_scored) <= usable
        and max(either, rows_labelled - rows_skipped)
        <= min(rows_labelled, champion_scored, challenger_scored)
    )


def _is_whole_number(count: float) -> bool:
    return 0 <= count <= _MOST_ROWS and count == math.floor(count)
