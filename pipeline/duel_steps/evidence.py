"""The evidence of a duel, from its accumulator."""

from typing import Any

from pipeline.duel_steps.accumulator import skewness, variance
from pipeline.duel_steps.rows import time_text


def make_evidence(
    accumulator: dict[str, Any], targets: list[str], primary_target: str, loss: str
) -> dict[str, Any]:
    """The evidence of docs/reference/duel.md, as JSON; an unknown value is None, never NaN."""
    from datetime import UTC, datetime

    empty = (0, 0.0, 0.0, 0.0)

    def summary(moments_by_key: dict[Any, Any], key: Any) -> dict[str, Any]:
        difference = moments_by_key.get((key, "difference"), empty)
        n = difference[0]
        return {
            "n": n,
            "mean": difference[1] if n else None,
            "variance": variance(difference),
            "champion_loss": moments_by_key.get((key, "champion"), empty)[1] if n else None,
            "challenger_loss": moments_by_key.get((key, "challenger"), empty)[1] if n else None,
        }

    def of_day(day: int) -> dict[str, Any]:
        text = f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"
        return {
            "day": text,
            **summary(accumulator["days"], day),
            "champion_variance": variance(accumulator["days"][day, "champion"]),
            "challenger_variance": variance(accumulator["days"][day, "challenger"]),
            **accumulator["day_rows"].get(text, {"rows": 0, "rows_labelled": 0}),
        }

    primary, rows = targets.index(primary_target), accumulator["rows"]
    labelled = accumulator["labelled"][primary]
    return {
        "loss": loss,
        "primary_target": primary_target,
        **summary(accumulator["targets"], primary),
        "skewness": skewness(accumulator["targets"].get((primary, "difference"), empty)),
        "rows": rows,
        "rows_compared": accumulator["compared"][primary],
        "rows_labelled": labelled,
        "rows_skipped": accumulator["skipped"],
        "coverage": labelled / rows if rows else 0.0,
        "champion_invalid_predictions": accumulator["invalid"]["champion"],
        "challenger_invalid_predictions": accumulator["invalid"]["challenger"],
        "champion_rows": accumulator["valid"]["champion"],
        "challenger_rows": accumulator["valid"]["challenger"],
        "smallest": accumulator["smallest"],
        "largest": accumulator["largest"],
        "first_row": time_text(accumulator["first"]),
        "last_row": time_text(accumulator["last"]),
        "targets": {
            name: {
                **summary(accumulator["targets"], number),
                "rows_compared": compared,
                "rows_labelled": labels,
            }
            for number, (name, compared, labels) in enumerate(
                zip(targets, accumulator["compared"], accumulator["labelled"], strict=True)
            )
        },
        "days": [of_day(day) for day in sorted({day for day, _ in accumulator["days"]})],
    }
