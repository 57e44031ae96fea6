"""The days that a job has measured of one model, and which of them are counted. No I/O."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.duel_job import number_in

Role = Literal["champion", "challenger"]
# No loss is negative, so without a part p of the rows the mean is at most 1 / (1 - p) times as
# great: far from a decay.
_MOST_LEFT_OUT = 0.01


@dataclass(frozen=True)
class MeasuredDay:
    """One complete UTC day of a job: the loss of a model on its `n` units (rows or clusters) with
    its sample variance, and the day's rows, with and without labels. A number that is missing or
    invalid is NaN. `rival` is the other model of a duel, and `left_out` the part, 0 to 1, of
    the rows of its whole window on which only this model has a loss: they are not among the `n`."""

    day: date
    n: float
    loss: float
    variance: float
    rows: float
    rows_labelled: float
    rival: str = ""
    left_out: float = 0.0

    @property
    def coverage(self) -> float:
        """The labelled part of the rows, 0 to 1; NaN without rows."""
        return self.rows_labelled / self.rows if self.rows > 0 else math.nan


@dataclass(frozen=True)
class SkippedDay:
    """A day that is not counted, and why, as a phrase."""

    day: date
    reason: str


def measured_days(evidence: Mapping[str, Any], role: Role | None) -> tuple[MeasuredDay, ...]:
    """The days that are wholly within the window of the evidence, oldest first.

    `role` is that of the model in the evidence of a duel (docs/reference/duel.md), None for that of
    a watch job (docs/reference/watch-job.md). Total.
    """
    prefix = f"{role}_" if role is not None else ""
    rival = {"champion": "challenger", "challenger": "champion"}.get(role or "", "")
    own = number_in(evidence, f"{role}_rows") if rival else 0.0
    left_out = (own - number_in(evidence, "rows_compared")) / own if own > 0 else 0.0
    start, end = (_time(evidence.get(name)) for name in ("window_start", "window_end"))
    found = evidence.get("days")
    days: dict[date, MeasuredDay] = {}
    for raw in found if isinstance(found, list) else []:
        day = _day(raw.get("day")) if isinstance(raw, dict) else None
        if day is None or start is None or end is None or not _within(day, start, end):
            continue
        n = number_in(raw, "n")
        days[day] = MeasuredDay(
            day,
            n,
            number_in(raw, f"{prefix}loss"),
            # That of a single unit is unknown and has no weight.
            0.0 if n == 1 else number_in(raw, f"{prefix}variance"),
            number_in(raw, "rows"),
            number_in(raw, "rows_labelled"),
            rival,
            left_out,
        )
    return tuple(days[day] for day in sorted(days))


def count_days(
    measured: Iterable[MeasuredDay], after: date | None, min_rows: int, min_coverage: float
) -> tuple[tuple[DayLoss, ...], tuple[SkippedDay, ...]]:
    """The days that are counted, and those that are not, both oldest first.

    A day is counted once: `after` is the newest day that was counted before. An older one is left
    out without a word, also if its labels came late: the statistics of the days after it would
    change, and with them what has followed from them.
    """
    counted, skipped = [], []
    for one in measured:
        if after is not None and one.day <= after:
            continue
        if reason := _unusable(one, min_rows, min_coverage):
            skipped.append(SkippedDay(one.day, reason))
        else:
            counted.append(DayLoss(one.day, one.n, one.loss, one.variance))
    return tuple(counted), tuple(skipped)


def _unusable(one: MeasuredDay, min_rows: int, min_coverage: float) -> str:
    # The rows that are left out are seldom like the others: a reference without them would be that
    # of other rows than those of a watch job.
    if one.left_out > _MOST_LEFT_OUT:
        return (
            f"the duel leaves out {100 * one.left_out:.3g} % of the rows, for which the "
            f"{one.rival} has no valid prediction"
        )
    # Every comparison with NaN is false.
    if not one.coverage >= min_coverage:
        return (
            f"{one.rows_labelled:g} of {one.rows:g} rows have a label, fewer than the "
            f"{100 * min_coverage:.4g} % of duel.min_label_coverage"
        )
    if not one.n >= min_rows:
        return f"{one.n:g} were scored, fewer than min_rows {min_rows}"
    if not (math.isfinite(one.n) and math.isfinite(one.loss) and 0 <= one.variance < math.inf):
        return "its loss is not a finite number"
    return ""


def _within(day: date, start: datetime, end: datetime) -> bool:
    begins = datetime.combine(day, time(), UTC)
    return start <= begins and begins + timedelta(days=1) <= end


def _day(value: object) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(value) if isinstance(value, str) else None
    return None


def _time(value: object) -> datetime | None:
    with suppress(ValueError):
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found if found is None or found.tzinfo is not None else None
    return None
