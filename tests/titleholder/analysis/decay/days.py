"""Days of a champion, by their losses."""

from collections.abc import Sequence
from datetime import date, timedelta

from titleholder.analysis.decay.day_loss import DayLoss

MONDAY = date(2026, 6, 1)


def days_of(
    losses: Sequence[float], n: float = 1_000, variance: float = 0.2, start: date = MONDAY
) -> list[DayLoss]:
    """One day after the other, from a Monday on."""
    return [
        DayLoss(start + timedelta(days=place), n, float(loss), variance)
        for place, loss in enumerate(losses)
    ]


def quiet(count: int, mean: float = 1.0, sd: float = 0.08) -> list[float]:
    """Losses of that mean and about that standard deviation: normal quantiles in a fixed order that
    has no trend."""
    from statistics import NormalDist

    spread = [NormalDist().inv_cdf((place * 0.6180339887 + 0.5) % 1) for place in range(count)]
    return [mean + sd * one for one in spread]
