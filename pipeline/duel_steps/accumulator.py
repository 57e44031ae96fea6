"""Statistics of a duel, or of one model, that accumulate batch by batch, in memory that does not
grow with the rows, only with the clusters if rows are clustered.

Moments are count, mean, and the sums of squares and of cubes of the deviations from that mean.
They are merged by the formulas of Chan, Golub and LeVeque (1979) and, for the cubes, of Pebay
(2008): the difference of two large sums, as in the textbook formula, would lose a small variance
beside a large mean.
"""

from typing import Any

from pipeline.duel_steps.clusters import add_to_sums, cluster_means, new_sums


def new_accumulator(
    counts: dict[str, Any],
    clustered: bool = False,
    roles: tuple[str, ...] = ("champion", "challenger"),
) -> dict[str, Any]:
    """An accumulator of no losses yet, of one model or two; `counts` are those of the rows read,
    see the metadata of `read_rows`. Losses, and the differences of two models, are moments by
    target and by day, of rows, or of the means of clusters."""
    import numpy as np

    targets = range(len(counts["rows_labelled"]))
    return {
        # Metadata of Vertex AI are JSON, whose whole numbers may arrive as floats.
        "rows": int(counts["rows"]),
        "skipped": int(counts["rows_skipped"]),
        "labelled": [int(count) for count in counts["rows_labelled"]],
        "day_rows": {
            one["day"]: {"rows": int(one["rows"]), "rows_labelled": int(one["rows_labelled"])}
            for one in counts["days"]
        },
        # The last is the one that is judged: the difference, or the loss of a single model.
        "names": roles if len(roles) == 1 else (*roles, "difference"),
        "invalid": dict.fromkeys(roles, 0),
        "valid": dict.fromkeys(roles, 0),  # labelled rows of the primary target
        "compared": [0 for _ in targets],  # rows behind the moments
        "clusters": [new_sums() for _ in targets] if clustered else None,
        "smallest": None,
        "largest": None,
        "first": None,
        "last": None,
        "targets": {},  # (target's number, one of `names`) to moments
        "days": {},  # (day since 1970, one of `names`) to moments, of the primary target
        "residuals": {role: np.zeros(4001, np.int64) for role in roles},
    }


def update(
    accumulator: dict[str, Any],
    times: Any,
    scored: dict[str, Any],
    primary: int,
    keys: Any = None,
) -> None:
    """Add scored rows; `scored` has for each role the result of `losses` for them, `primary` is
    the number of the primary target, and `keys` are those of their clusters, if clustered.

    Rows with an invalid prediction of any model are counted and excluded from all means, so that
    the differences stay paired.
    """
    import numpy as np

    for role, (loss, residual, invalid) in scored.items():
        accumulator["invalid"][role] += int(invalid.sum())
        accumulator["valid"][role] += int((~invalid & ~np.isnan(loss[:, primary])).sum())
        accumulator["residuals"][role] += bin_counts(residual[:, primary][~invalid])
    valid = ~np.logical_or.reduce([invalid for _, _, invalid in scored.values()])
    values = {role: loss for role, (loss, _, _) in scored.items()}
    if len(values) == 2:
        with np.errstate(invalid="ignore"):
            values["difference"] = np.subtract(*values.values())
    judged = values[accumulator["names"][-1]]
    for target in range(judged.shape[1]):
        paired = valid & ~np.isnan(judged[:, target])
        columns = {name: value[paired, target] for name, value in values.items()}
        accumulator["compared"][target] += int(paired.sum())
        if accumulator["clusters"] is None:
            add_units(accumulator, target, primary, times[paired], columns)
        else:
            table = np.column_stack(list(columns.values()))
            add_to_sums(accumulator["clusters"][target], keys[paired], times[paired], table)
        if target == primary and paired.any():
            extend(accumulator, "first", "last", times[paired])


def add_clusters(accumulator: dict[str, Any], primary: int) -> None:
    """Add the means of all clusters, after the last row; each is of the day of its newest row."""
    names = accumulator["names"]
    for target, sums in enumerate(accumulator["clusters"] or []):
        newest, means = cluster_means(sums, len(names))
        columns = dict(zip(names, means.T, strict=True))
        add_units(accumulator, target, primary, newest, columns)


def add_units(
    accumulator: dict[str, Any], target: int, primary: int, times: Any, columns: dict[str, Any]
) -> None:
    """Add losses and differences of one target, by name, to its moments: of rows or of clusters."""
    import numpy as np

    for name, column in columns.items():
        add_moments(accumulator["targets"], (target, name), column)
    if target != primary or not len(times):
        return
    days = times // 86_400_000_000
    for day in np.unique(days):
        for name, column in columns.items():
            add_moments(accumulator["days"], (int(day), name), column[days == day])
    extend(accumulator, "smallest", "largest", columns[accumulator["names"][-1]])


def extend(accumulator: dict[str, Any], least: str, most: str, values: Any) -> None:
    """Extend the range from `least` to `most` by these values (1-d, not empty)."""
    for key, better, value in ((least, min, values.min()), (most, max, values.max())):
        known = accumulator[key]
        accumulator[key] = value.item() if known is None else better(value.item(), known)


def add_moments(moments_by_key: dict[Any, Any], key: Any, values: Any) -> None:
    """Merge the moments of `values` (1-d) into those of `key`."""
    known = moments_by_key.get(key, (0, 0.0, 0.0, 0.0))
    moments_by_key[key] = merge(known, moments(values))


def moments(values: Any) -> tuple[int, float, float, float]:
    """The moments of a 1-d array of floats."""
    if not len(values):
        return 0, 0.0, 0.0, 0.0
    mean = float(values.mean())
    deviations = values - mean
    squares = deviations**2
    return len(values), mean, float(squares.sum()), float((squares * deviations).sum())


def merge(
    one: tuple[int, float, float, float], other: tuple[int, float, float, float]
) -> tuple[int, float, float, float]:
    """The moments of the union of both."""
    n = one[0] + other[0]
    if not n:
        return 0, 0.0, 0.0, 0.0
    distance, part, rest = other[1] - one[1], one[0] / n, other[0] / n
    squares = one[2] + other[2] + distance**2 * n * part * rest
    cubes = one[3] + other[3] + 3 * distance * (part * other[2] - rest * one[2])
    cubes += distance**3 * n * part * rest * (part - rest)
    return n, one[1] + distance * rest, squares, cubes


def variance(of: tuple[int, float, float, float]) -> float | None:
    """The unbiased sample variance of these moments; None for fewer than two numbers."""
    return of[2] / (of[0] - 1) if of[0] > 1 else None


def skewness(of: tuple[int, float, float, float]) -> float | None:
    """The third central moment over the third power of the standard deviation (divisor n in both);
    None for fewer than two numbers, 0 for numbers that do not differ."""
    n, _, squares, cubes = of
    if n < 2:
        return None
    return cubes / n / (squares / n) ** 1.5 if squares / n > 1e-200 else 0.0


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
