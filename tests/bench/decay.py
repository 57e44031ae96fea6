"""How often the watch of a champion alarms without a reason, and how long it takes with one.

Many champions at once, of each a loss a day: the test for decay, a CUSUM chart whose mean and
standard deviation are those of the reference, and the rule that most people would write, which is
an alarm on each day that is a tenth worse than the reference.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from titleholder.analysis.decay.day_series import DaySeries, from_arrays
from titleholder.analysis.decay.decay_state import DecayRules
from titleholder.analysis.decay.evaluation import evaluate_day

Floats = NDArray[np.float64]

RULES = DecayRules()
NOISE = 0.08
"""The standard deviation of a day's mean loss, which is 1."""
TWO_YEARS = 731
NAIVE = 0.1
# Of CUSUM: the usual allowance, which is best for an increase of one standard deviation.
ALLOWANCE = 0.5
_BLOCK = 100


@dataclass(frozen=True)
class Champions:
    """`losses` has a champion a row and a day a column, and the first days are the `reference`;
    `n` units a day with that `variance` of one unit, one number for each day."""

    losses: Floats
    n: Floats
    variance: float
    reference: int = RULES.reference_days

    @property
    def monitored(self) -> int:
        """The number of days after the reference."""
        return self.losses.shape[1] - self.reference


Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


def normal(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Independent normal days."""
    return rng.standard_normal(size)


def heavy_tailed(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Student's t with four degrees of freedom: one day in 60 is beyond 3 standard deviations."""
    return rng.standard_t(4, size) / math.sqrt(2)


def resembling(rng: np.random.Generator, size: tuple[int, int], by: float = 0.3) -> Floats:
    """Days with that correlation with the day before."""
    found = rng.standard_normal(size)
    for day in range(1, size[1]):
        found[:, day] = by * found[:, day - 1] + math.sqrt(1 - by * by) * found[:, day]
    return found


def champions(
    rng: np.random.Generator,
    count: int,
    days: int,
    draw: Draw = normal,
    reference: int = RULES.reference_days,
) -> Champions:
    """Champions without decay, with that many days after the reference and 1,000 rows on each."""
    size = (count, reference + days)
    return Champions(1 + NOISE * draw(rng, size), np.full(size[1], 1_000.0), 0.2, reference)


def few_rows_at_weekends(rng: np.random.Generator, count: int, days: int) -> Champions:
    """A tenth of the rows on two days of seven: half of a weekday's variance is between days."""
    found = champions(rng, count, days)
    weekend = is_weekend(found.losses.shape[1])
    n = np.where(weekend, 100.0, 1_000.0)
    within = NOISE**2 / 2
    deviation = np.sqrt(NOISE**2 / 2 + within * 1_000 / n)
    losses = 1 + deviation * rng.standard_normal(found.losses.shape)
    return replace(found, losses=losses, n=n, variance=within * 1_000)


def worse_at_weekends(
    rng: np.random.Generator, count: int, days: int, reference: int = RULES.reference_days
) -> Champions:
    """A loss that is 15 % higher on two days of seven."""
    found = champions(rng, count, days, reference=reference)
    return replace(found, losses=found.losses + 0.15 * is_weekend(found.losses.shape[1]))


def is_weekend(days: int) -> NDArray[np.bool_]:
    """Which days are; the first one is a Monday."""
    return np.arange(days) % 7 >= 5


def decayed(found: Champions, quiet: int, sd: float = 0.0, sd_a_day: float = 0.0) -> Champions:
    """The same, with a loss that is higher by `sd` standard deviations of a day after that many
    `quiet` ones, with the reference, and rises by `sd_a_day` from then on."""
    since = np.maximum(np.arange(found.losses.shape[1]) - quiet + 1, 0)
    return replace(found, losses=found.losses + NOISE * (sd * (since > 0) + sd_a_day * since))


def first_alarms(
    found: Champions,
    rules: DecayRules = RULES,
    until: Floats | None = None,
) -> Floats:
    """The day of each champion's first alarm by the test for decay, counted from 1 after the
    reference; infinite without one, or after its day `until`."""
    ends = np.full(len(found.losses), float(found.monitored)) if until is None else until
    blocks = [slice(at, at + _BLOCK) for at in range(0, len(found.losses), _BLOCK)]
    parts = [_first_alarms(replace(found, losses=found.losses[b]), rules, ends[b]) for b in blocks]
    return np.concatenate(parts)


def _first_alarms(found: Champions, rules: DecayRules, ends: Floats) -> Floats:
    count, days = found.losses.shape
    series = from_arrays(
        found.losses,
        found.n[None, :],
        np.full((1, days), found.variance),
        np.arange(days) % 7 * rules.weekly,
        found.reference,
    )
    alarms = np.full(count, np.inf)
    left = np.arange(count)
    for day in range(1, found.monitored + 1):
        alarm = evaluate_day(
            series, found.reference + day, rules.days_per_false_alarm, rules.min_increase
        ).alarm
        alarms[left[alarm]] = day
        go_on = ~alarm & (ends[left] > day)
        if not go_on.all():
            left, series = left[go_on], _rows(series, go_on)
        if not left.size:
            break
    return alarms


def _rows(series: DaySeries, which: NDArray[np.bool_]) -> DaySeries:
    """These series alone."""
    names = ("center", "scale", "deviations", "clipped", "weights")
    return replace(series, **{name: getattr(series, name)[which] for name in names})


def false_alarms(found: Champions, rules: DecayRules = RULES) -> Floats:
    """The number of alarms of the test for each champion, started anew after each with the same
    reference."""
    counts = np.zeros(len(found.losses))
    left, losses = np.arange(len(counts)), found.losses
    ends = np.full(len(counts), float(found.monitored))
    while left.size:
        alarms = first_alarms(replace(found, losses=losses), rules, ends)
        again = np.isfinite(alarms)
        counts[left[again]] += 1
        # The days after the alarm follow the reference; what is behind the end is not looked at.
        moved = [
            np.concatenate([one[: found.reference], np.roll(one[found.reference :], -int(alarm))])
            for one, alarm in zip(losses[again], alarms[again], strict=True)
        ]
        left, ends = left[again], ends[again] - alarms[again]
        losses = np.array(moved).reshape(len(left), found.losses.shape[1])
    return counts


def naive_alarms(found: Champions) -> NDArray[np.bool_]:
    """By champion and day after the reference, whether the day is a tenth worse than that."""
    mean = found.losses[:, : found.reference].mean(axis=1, keepdims=True)
    return found.losses[:, found.reference :] > (1 + NAIVE) * mean


def cusum_alarms(found: Champions) -> NDArray[np.bool_]:
    """By champion and day, whether the one-sided CUSUM chart alarms, which begins anew then."""
    own = found.losses[:, : found.reference]
    mean, deviation = own.mean(axis=1), own.std(axis=1, ddof=1)
    limit, total = decision_interval(TWO_YEARS), np.zeros(len(own))
    alarms = np.zeros((len(own), found.monitored), bool)
    for day in range(found.monitored):
        z = (found.losses[:, found.reference + day] - mean) / deviation
        total = np.maximum(total + z - ALLOWANCE, 0)
        alarms[:, day] = total > limit
        total[alarms[:, day]] = 0
    return alarms


def decision_interval(run_length: float) -> float:
    """The h of a CUSUM with that mean number of days until a false alarm, if mean and standard
    deviation are known: Siegmund, "Sequential Analysis" (1985), by (exp(2 k b) - 2 k b - 1) /
    (2 k^2) = ARL with b = h + 1.166."""
    b = 1.0
    for _ in range(60):
        b = math.log(run_length * 2 * ALLOWANCE**2 + 1 + 2 * ALLOWANCE * b) / (2 * ALLOWANCE)
    return b - 1.166


def delays(found: Champions, quiet: int, rules: DecayRules = RULES) -> dict[str, Floats]:
    """By way, the days from the beginning of a decay after that many `quiet` days, with the
    reference, to the first alarm; infinite without one. Champions with a false alarm of the test
    before the decay are left out for it."""
    before = quiet - found.reference
    ours = first_alarms(found, rules) - before
    others = {"cusum": cusum_alarms(found), "naive": naive_alarms(found)}
    late = {way: alarms[:, before:] for way, alarms in others.items()}
    first = {
        way: np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1.0, np.inf)
        for way, alarms in late.items()
    }
    return {"test": ours[ours > 0], **first}


def broken_day(count: int, size: float, seed: int = 6) -> dict[str, float]:
    """By way, the share of champions with an alarm on one day that is `size` standard deviations
    worse, after 28 quiet days, or on the next."""
    found = champions(np.random.default_rng(seed), count, 16)
    found.losses[:, 28] += size * NOISE
    ours = np.isin(first_alarms(found), (15, 16))
    others = {"cusum": cusum_alarms(found), "naive": naive_alarms(found)}
    shares = {way: float(alarms[:, 14:16].any(axis=1).mean()) for way, alarms in others.items()}
    return {"test": float(ours.mean()), **shares}
