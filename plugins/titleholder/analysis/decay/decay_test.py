"""The sequential test whether the champion's loss has risen. No I/O."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.day_series import day_series
from titleholder.analysis.decay.evaluation import evaluate_day


@dataclass(frozen=True)
class DecayFinding:
    """The test after one day.

    There is an `alarm` if the `statistic` reaches the `threshold`, also with the worst day since
    the change only as bad as the second worst, and if the `increase` is large enough to matter.
    `since` is the most likely first day of the decay, None if there is no candidate, and `increase`
    the estimated increase of the loss since then, in its unit; `relative_increase` is its part of
    `reference_mean`, None unless that is positive. `daily_sd` is the standard deviation of a day's
    loss around both means, of a day with as many rows as the reference has. Without variation the
    statistic is 0; without a reference, without monitored days or where numbers overflow all are.
    """

    statistic: float
    threshold: float
    alarm: bool
    since: date | None
    increase: float
    relative_increase: float | None
    reference_mean: float
    daily_sd: float


def check_decay(
    reference: Sequence[DayLoss],
    monitored: Sequence[DayLoss],
    *,
    threshold: float,
    min_increase: float,
    weekly: bool = False,
) -> DecayFinding:
    """Test the `monitored` days, in order of time and later than the `reference`. Pure and total.

    If the daily losses are independent and normal and their mean does not change, the mean number
    of days until an alarm is at least `threshold`: exactly for equal weights of the days, and but
    for the clipping of day_series.py. `min_increase` is the least increase that counts, as a part
    of the reference's mean. With `weekly` each weekday has a mean of its own. Invalid days are left
    out.
    """
    *_, found = decay_path(
        reference, monitored, threshold=threshold, min_increase=min_increase, weekly=weekly, last=1
    )
    return found


def decay_path(
    reference: Sequence[DayLoss],
    monitored: Sequence[DayLoss],
    *,
    threshold: float,
    min_increase: float,
    weekly: bool = False,
    last: int | None = None,
) -> Iterator[DecayFinding]:
    """The findings of `check_decay` after each valid monitored day, or only after the `last` of
    them, each without knowledge of the later days. At least one."""
    before = [day for day in reference if day.is_valid]
    after = [day for day in monitored if day.is_valid]
    if not before or not after:
        yield _nothing(threshold)
        return
    series = day_series(before, after, weekly)
    days = [*before, *after]
    for end in range(len(days) - min(last or len(after), len(after)) + 1, len(days) + 1):
        found = evaluate_day(series, end, threshold, min_increase)
        numbers = [float(one[0]) for one in (found.increase, found.reference_mean, found.daily_sd)]
        if not all(map(math.isfinite, numbers)):
            yield _nothing(threshold)
            continue
        increase, mean, deviation = numbers
        relative = increase / mean if mean > 0 else 0.0
        yield DecayFinding(
            statistic=float(found.statistic[0]),
            threshold=threshold,
            alarm=bool(found.alarm[0]),
            since=days[found.change[0]].day if found.statistic[0] > 0 else None,
            increase=increase,
            relative_increase=relative if mean > 0 and math.isfinite(relative) else None,
            reference_mean=mean,
            daily_sd=deviation,
        )


def _nothing(threshold: float) -> DecayFinding:
    return DecayFinding(0.0, threshold, False, None, 0.0, None, 0.0, 0.0)
