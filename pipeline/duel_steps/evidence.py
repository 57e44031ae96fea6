"""The evidence of a duel, out of its book."""

from typing import Any

from pipeline.duel_steps.moments import variance


def make_evidence(
    book: dict[str, Any], targets: list[str], primary_target: str, loss: str
) -> dict[str, Any]:
    """What docs/duel.md lists, as JSON knows it: what nothing is known of is None, never NaN."""
    from datetime import UTC, datetime

    def summary(kept: dict[Any, Any], key: Any) -> dict[str, Any]:
        empty = (0, 0.0, 0.0)
        paired = kept.get((key, "difference"), empty)
        n = paired[0]
        return {
            "n": n,
            "mean": paired[1] if n else None,
            "variance": variance(paired),
            "champion_loss": kept.get((key, "champion"), empty)[1] if n else None,
            "challenger_loss": kept.get((key, "challenger"), empty)[1] if n else None,
        }

    def moment(microseconds: int | None) -> str | None:
        if microseconds is None:
            return None
        second, rest = divmod(microseconds, 1_000_000)
        time = datetime.fromtimestamp(second, UTC).replace(microsecond=rest)
        return f"{time.isoformat().removesuffix('+00:00')}Z"

    deciding, rows = targets.index(primary_target), book["rows"]
    labelled = int(book["labelled"][deciding])
    return {
        "loss": loss,
        "primary_target": primary_target,
        **summary(book["targets"], deciding),
        "rows": rows,
        "rows_labelled": labelled,
        "rows_skipped": book["unusable"],
        "coverage": labelled / rows if rows else 0.0,
        "champion_invalid_predictions": book["bad"]["champion"],
        "challenger_invalid_predictions": book["bad"]["challenger"],
        "champion_rows": book["finite"]["champion"],
        "challenger_rows": book["finite"]["challenger"],
        "smallest": book["smallest"],
        "largest": book["largest"],
        "first_row": moment(book["first"]),
        "last_row": moment(book["last"]),
        "targets": {
            name: {**summary(book["targets"], number), "rows_labelled": int(count)}
            for number, (name, count) in enumerate(zip(targets, book["labelled"], strict=True))
        },
        "days": [
            {"day": f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"}
            | summary(book["days"], day)
            for day in sorted({day for day, _ in book["days"]})
        ],
    }
