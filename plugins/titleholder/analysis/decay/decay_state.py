"""From the champion's daily losses to the state of the watch: a fold over days. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.decay.day_series import day_series
from titleholder.analysis.decay.decay_test import DecayFinding, decay_path

RECOVERY_DAYS = 7
"""The newest days that decide whether a decay is over."""
# Each weekday three times.
_WEEKLY_REFERENCE = 21


@dataclass(frozen=True)
class DecayRules:
    """How a champion is watched.

    Its first `reference_days` are the reference, at least 2, and at least 21 with `weekly`, by
    which each weekday has a mean of its own. If nothing changes, an alarm comes at most once in
    `days_per_false_alarm` days on average. An increase below `min_increase`, as a part of the
    reference's mean loss, is no decay.
    """

    reference_days: int = 14
    days_per_false_alarm: float = 731
    min_increase: float = 0.05
    weekly: bool = False

    @property
    def reference_length(self) -> int:
        """The number of days of the reference."""
        return max(self.reference_days, _WEEKLY_REFERENCE if self.weekly else 2)


@dataclass(frozen=True)
class Decay:
    """One episode of a raised loss.

    `alarm` is the day after which the test alarmed; it identifies the episode. `since` is the most
    likely first day, as of the alarm, and `increase` that of the loss, in its unit and relative to
    the reference's mean. `recovered` is the day after which it was over, None while it lasts.
    """

    alarm: date
    since: date
    increase: float
    relative_increase: float | None
    recovered: date | None = None


@dataclass(frozen=True)
class WatchState:
    """What the days come to.

    The `phase` is `learning` until the `reference` is complete, `decayed` from an alarm until the
    recovery, and `steady` otherwise. `finding` is the last test's, while `decayed` that of the
    alarm, and None before the first test since the reference or a recovery. `decay` is the present
    episode, `episodes` has all of them, oldest first.
    """

    phase: Literal["learning", "steady", "decayed"]
    reference: tuple[DayLoss, ...]
    finding: DecayFinding | None
    decay: Decay | None
    episodes: tuple[Decay, ...]


def watch_state(days: Sequence[DayLoss], rules: DecayRules) -> WatchState:
    """The state after the last of the days. Pure and total.

    Days are taken in the order of time, invalid ones and repetitions of a day are left out. An
    alarm does not change when days are added after the last one.
    """
    in_order: dict[date, DayLoss] = {}
    for day in sorted(days, key=lambda one: one.day):
        if day.is_valid:
            in_order.setdefault(day.day, day)
    valid = list(in_order.values())
    reference, monitored = valid[: rules.reference_length], valid[rules.reference_length :]
    if len(reference) < rules.reference_length:
        return WatchState("learning", tuple(reference), None, None, ())
    episodes: list[Decay] = []
    finding: DecayFinding | None = None
    while monitored:
        position, finding = _first_alarm(reference, monitored, rules)
        if position is None:
            break
        alarm = Decay(
            monitored[position].day,
            finding.since or monitored[position].day,
            finding.increase,
            finding.relative_increase,
        )
        after = monitored[position + 1 :]
        over = _recovery(reference, after, finding.reference_mean, rules)
        if over is None:
            episodes.append(alarm)
            return WatchState("decayed", tuple(reference), finding, alarm, tuple(episodes))
        episodes.append(replace(alarm, recovered=after[over].day))
        monitored, finding = after[over + 1 :], None
    return WatchState("steady", tuple(reference), finding, None, tuple(episodes))


def _first_alarm(
    reference: Sequence[DayLoss], monitored: Sequence[DayLoss], rules: DecayRules
) -> tuple[int | None, DecayFinding]:
    """The position of the first day with an alarm, None without one, and the last finding."""
    path = decay_path(
        reference,
        monitored,
        threshold=rules.days_per_false_alarm,
        min_increase=rules.min_increase,
        weekly=rules.weekly,
    )
    for position, finding in enumerate(path):
        if finding.alarm:
            return position, finding
    return None, finding


def _recovery(
    reference: Sequence[DayLoss], after: Sequence[DayLoss], mean: float, rules: DecayRules
) -> int | None:
    """The position of the first day at which the weighted mean of the newest days is below the
    least loss that counts as decay; None if there is none."""
    limit = mean + rules.min_increase * max(mean, 0)
    weights = day_series(reference, after, rules.weekly).weights[0, len(reference) :].tolist()
    for end in range(RECOVERY_DAYS, len(after) + 1):
        newest = range(end - RECOVERY_DAYS, end)
        total = math.fsum(weights[one] for one in newest)
        if math.fsum(weights[one] / total * after[one].loss for one in newest) < limit:
            return end - 1
    return None
