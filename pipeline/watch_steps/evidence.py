"""The evidence of a watch job, from the accumulator of its one model."""

from typing import Any

from pipeline.duel_steps.accumulator import variance
from pipeline.duel_steps.rows import time_text


def watch_evidence(
    accumulator: dict[str, Any], primary: int, primary_target: str, loss: str
) -> dict[str, Any]:
    """The evidence of docs/reference/watch-job.md on the losses of the champion, as JSON; an
    unknown value is None, never NaN. `primary` is the number of the primary target.

    Its days are all that have rows, so that a day without labels or valid predictions shows.
    """
    from datetime import UTC, datetime

    empty = (0, 0.0, 0.0, 0.0)

    def date(day: int) -> str:
        return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"

    scored = {date(day): found for (day, _), found in accumulator["days"].items()}
    whole = accumulator["targets"].get((primary, "champion"), empty)
    rows, labelled = accumulator["rows"], accumulator["labelled"][primary]
    return {
        "loss": loss,
        "primary_target": primary_target,
        "n": whole[0],
        "mean": whole[1] if whole[0] else None,
        "variance": variance(whole),
        "rows": rows,
        "rows_labelled": labelled,
        "rows_skipped": accumulator["skipped"],
        "coverage": labelled / rows if rows else 0.0,
        "invalid_predictions": accumulator["invalid"]["champion"],
        "rows_compared": accumulator["compared"][primary],
        "first_row": time_text(accumulator["first"]),
        "last_row": time_text(accumulator["last"]),
        "days": [
            {
                "day": day,
                "n": scored.get(day, empty)[0],
                "loss": scored[day][1] if day in scored else None,
                "variance": variance(scored.get(day, empty)),
                **accumulator["day_rows"].get(day, {"rows": 0, "rows_labelled": 0}),
            }
            for day in sorted(scored.keys() | accumulator["day_rows"].keys())
        ],
    }
