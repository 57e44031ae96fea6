"""Statistics of a duel that accumulate batch by batch, in memory that does not grow with the rows.

Moments are merged by the formulas of Chan, Golub and LeVeque (1979): the difference of two large
sums, as in the textbook formula, would lose a small variance beside a large mean.
"""

from typing import Any


def new_accumulator(counts: dict[str, Any]) -> dict[str, Any]:
    """An accumulator of no losses yet; `counts` has those of the window, `rows`, `rows_skipped` and
    `rows_labelled` (a list, by target). Losses and their differences are moments by target and by
    day."""
    import numpy as np

    roles = ("champion", "challenger")
    return {
        # Metadata of Vertex AI are JSON, whose whole numbers may arrive as floats.
        "rows": int(counts["rows"]),
        "skipped": int(counts["rows_skipped"]),
        "labelled": [int(count) for count in counts["rows_labelled"]],
        "invalid": dict.fromkeys(roles, 0),
        "valid": dict.fromkeys(roles, 0),  # labelled rows of the primary target
        "smallest": None,
        "largest": None,
        "first": None,
        "last": None,
        "targets": {},  # (target's number, role or "difference") to moments
        "days": {},  # (day since 1970, role or "difference") to moments, of the primary target
        "residuals": {role: np.zeros(4001, np.int64) for role in roles},
    }


def update(
    accumulator: dict[str, Any], times: Any, champion: Any, challenger: Any, primary: int
) -> None:
    """Add scored rows; `champion` and `challenger` are results of `losses` for them, and `primary`
    is the number of the primary target.

    Rows with an invalid prediction of either model are counted and excluded from both means, so
    that the differences stay paired.
    """
    import numpy as np

    both = {"champion": champion, "challenger": challenger}
    for role, (loss, residual, invalid) in both.items():
        accumulator["invalid"][role] += int(invalid.sum())
        accumulator["valid"][role] += int((~invalid & ~np.isnan(loss[:, primary])).sum())
        accumulator["residuals"][role] += bin_counts(residual[:, primary][~invalid])
    valid = ~(champion[2] | challenger[2])
    values = {role: loss for role, (loss, _, _) in both.items()}
    with np.errstate(invalid="ignore"):
        values["difference"] = values["champion"] - values["challenger"]
    for target in range(values["champion"].shape[1]):
        paired = valid & ~np.isnan(values["difference"][:, target])
        days = times[paired] // 86_400_000_000
        for name, value in values.items():
            column = value[paired, target]
            add_moments(accumulator["targets"], (target, name), column)
            if target == primary:
                for day in np.unique(days):
                    add_moments(accumulator["days"], (int(day), name), column[days == day])
        if target == primary and paired.any():
            differences = values["difference"][paired, target]
            for key, better, value in (
                ("first", min, int(times[paired].min())),
                ("last", max, int(times[paired].max())),
                ("smallest", min, float(differences.min())),
                ("largest", max, float(differences.max())),
            ):
                known = accumulator[key]
                accumulator[key] = value if known is None else better(value, known)


def add_moments(moments_by_key: dict[Any, Any], key: Any, values: Any) -> None:
    """Merge the moments of `values` (1-d) into those of `key`."""
    known = moments_by_key.get(key, (0, 0.0, 0.0))
    moments_by_key[key] = merge(known, moments(values))


def moments(values: Any) -> tuple[int, float, float]:
    """Count, mean and sum of squared deviations from that mean, of a 1-d array of floats."""
    if not len(values):
        return 0, 0.0, 0.0
    mean = float(values.mean())
    return len(values), mean, float(((values - mean) ** 2).sum())


def merge(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> tuple[int, float, float]:
    """The moments of the union of both."""
    n = one[0] + other[0]
    if not n:
        return 0, 0.0, 0.0
    distance = other[1] - one[1]
    mean = one[1] + distance * other[0] / n
    return n, mean, one[2] + other[2] + distance**2 * one[0] * other[0] / n


def variance(of: tuple[int, float, float]) -> float | None:
    """The unbiased sample variance of these moments; None for fewer than two numbers."""
    return of[2] / (of[0] - 1) if of[0] > 1 else None


def bin_edges() -> Any:
    """4002 edges of a histogram, for any data: 2 % apart, from 1e-7 to 1.6e10, and their negatives.

    Fixed edges make the histogram independent of the batches; values beyond count in the outer
    bins.
    """
    import numpy as np

    positive = 1e-7 * 1.02 ** np.arange(2001)
    return np.concatenate([-positive[::-1], positive])


def bin_counts(values: Any) -> Any:
    """The number of `values` (1-d; NaN is ignored) in each bin of `bin_edges`."""
    import numpy as np

    edges = bin_edges()
    clipped = np.clip(values[~np.isnan(values)], edges[0], edges[-1])
    bins = np.clip(np.searchsorted(edges, clipped, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(bins, minlength=len(edges) - 1)
