"""The duel's book: what is known so far, of a size that does not depend on the rows."""

from typing import Any

from pipeline.duel_steps.histogram import bin_counts
from pipeline.duel_steps.moments import merge, moments


def new_accumulator(targets: list[str]) -> dict[str, Any]:
    """An empty book. Losses and their differences are kept as moments, by target and by day."""
    import numpy as np

    return {
        "rows": 0,
        "unusable": 0,
        "labelled": np.zeros(len(targets), np.int64),
        "bad": {"champion": 0, "challenger": 0},
        "finite": {"champion": 0, "challenger": 0},  # rows of the deciding target
        "smallest": None,
        "largest": None,
        "first": None,
        "last": None,
        "targets": {},  # (target's number, what) to moments
        "days": {},  # (day since 1970, what) to moments, of the deciding target
        "residuals": {role: np.zeros(4001, np.int64) for role in ("champion", "challenger")},
    }


def update(book: dict[str, Any], times: Any, champion: Any, challenger: Any, deciding: int) -> None:
    """Enter scored rows; `champion` and `challenger` are what `losses` gave for them.

    Rows with a bad prediction are counted, and take no part in the means: paired, they leave both.
    """
    import numpy as np

    both = {"champion": champion, "challenger": challenger}
    for role, (loss, residual, bad) in both.items():
        book["bad"][role] += int(bad.sum())
        book["finite"][role] += int((~bad & ~np.isnan(loss[:, deciding])).sum())
        book["residuals"][role] += bin_counts(residual[:, deciding][~bad])
    sound = ~(champion[2] | challenger[2])
    values = {role: loss for role, (loss, _, _) in both.items()}
    with np.errstate(invalid="ignore"):
        values["difference"] = values["champion"] - values["challenger"]
    for target in range(values["champion"].shape[1]):
        kept = sound & ~np.isnan(values["difference"][:, target])
        days = times[kept] // 86_400_000_000
        for what, value in values.items():
            column = value[kept, target]
            add(book["targets"], (target, what), column)
            if target == deciding:
                for day in np.unique(days):
                    add(book["days"], (int(day), what), column[days == day])
        if target == deciding and kept.any():
            low, high = int(times[kept].min()), int(times[kept].max())
            book["first"] = low if book["first"] is None else min(low, book["first"])
            book["last"] = high if book["last"] is None else max(high, book["last"])
            paired = values["difference"][kept, target]
            least, most = float(paired.min()), float(paired.max())
            book["smallest"] = least if book["smallest"] is None else min(least, book["smallest"])
            book["largest"] = most if book["largest"] is None else max(most, book["largest"])


def add(kept: dict[Any, Any], key: Any, values: Any) -> None:
    """Merge `values` (1-d) into the moments under `key`."""
    kept[key] = merge(kept.get(key, (0, 0.0, 0.0)), moments(values))
