"""Trailing windows: statistics of the newest days of a duel. No I/O."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DifferenceStats:
    """Number of rows, and mean and sample variance (divisor n - 1; 0 for a single row) of their
    differences."""

    n: float
    mean: float
    variance: float


def are_consistent(days: Sequence[DifferenceStats], n: float) -> bool:
    """Whether the days are valid and have `n` rows together."""
    return sum(day.n for day in days) == n and all(
        1 <= day.n < math.inf
        and day.n == math.floor(day.n)
        and 0 <= day.variance < math.inf
        and abs(day.mean) < math.inf
        for day in days
    )


def trailing_windows(days: Sequence[DifferenceStats], min_rows: float) -> Iterator[DifferenceStats]:
    """The statistics of the newest day, the two newest days and so on, of those windows that have
    `min_rows` rows (at least 2). `days` must be consistent, oldest first.

    The sums of squares are combined by Chan, Golub and LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", 1979.
    """
    n = mean = squares = 0.0
    for day in reversed(days):
        delta = day.mean - mean
        squares += (day.n - 1) * day.variance + delta * delta * n * day.n / (n + day.n)
        mean += delta * day.n / (n + day.n)
        n += day.n
        if n >= max(min_rows, 2):
            yield DifferenceStats(n, mean, squares / (n - 1))
