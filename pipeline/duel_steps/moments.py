"""Count, mean and spread of numbers that come in batches, without keeping them.

Batches are merged as Chan, Golub and LeVeque do (1979): subtracting two large sums, as the
textbook formula does, would leave nothing of a small variance beside a large mean.
"""

from typing import Any


def moments(values: Any) -> tuple[int, float, float]:
    """Count, mean and sum of squared deviations from that mean, of a 1-d array of floats."""
    if not len(values):
        return 0, 0.0, 0.0
    mean = float(values.mean())
    return len(values), mean, float(((values - mean) ** 2).sum())


def merge(
    one: tuple[int, float, float], other: tuple[int, float, float]
) -> tuple[int, float, float]:
    """The moments of both together."""
    n = one[0] + other[0]
    if not n:
        return 0, 0.0, 0.0
    apart = other[1] - one[1]
    mean = one[1] + apart * other[0] / n
    return n, mean, one[2] + other[2] + apart**2 * one[0] * other[0] / n


def variance(of: tuple[int, float, float]) -> float | None:
    """The unbiased sample variance; None for fewer than two numbers."""
    return of[2] / (of[0] - 1) if of[0] > 1 else None
