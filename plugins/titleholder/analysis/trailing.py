"""How the challenger has done lately: the newest days of a duel. No I/O."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DifferenceStats:
    """Some of a duel's rows: how many, and mean and sample variance (divisor n - 1, 0 of a single
    row) of their differences."""

    n: float
    mean: float
    variance: float


def are_consistent(days: Sequence[DifferenceStats], n: float) -> bool:
    """Whether they can be the days of `n` rows."""
    return sum(day.n for day in days) == n and all(
        1 <= day.n < math.inf
        and day.n == math.floor(day.n)
        and 0 <= day.variance < math.inf
        and abs(day.mean) < math.inf
        for day in days
    )


def trailing_windows(days: Sequence[DifferenceStats], least: float) -> Iterator[DifferenceStats]:
    """The newest day, the two newest, and so on, each as one, once they have `least` rows (2 or
    more); `days` are sound, and oldest first.

    Two parts make one by the sum of squares that lies between their means (Chan, Golub and LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
    """
    n = mean = squares = 0.0
    for day in reversed(days):
        apart = day.mean - mean
        squares += (day.n - 1) * day.variance + apart * apart * n * day.n / (n + day.n)
        mean += apart * day.n / (n + day.n)
        n += day.n
        if n >= max(least, 2):
            yield DifferenceStats(n, mean, squares / (n - 1))
