"""What the rest of an evaluation is likely to bring, and what a design can find. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from titleholder.analysis.sequential.design import (
    Design,
    Look,
    boundaries_of,
    futility_boundaries,
)
from titleholder.analysis.sequential.group_sequential import crossing, detectable_drift

POWER = 0.8
"""The probability with which the smallest detectable improvement is found."""


@dataclass(frozen=True)
class Forecast:
    """The conditional power at the planned looks to come, if the true difference is the present
    estimate and labelled rows come as until now.

    `promotion` and `rollback` are the probabilities of these verdicts by the end. `decided_by` is
    the planned look by which one of them is likelier than not, None if neither is by the end.
    """

    promotion: float
    rollback: float
    decided_by: datetime | None


@dataclass(frozen=True)
class Power:
    """What a design does with a true mean `difference`: the probabilities of a promotion and of a
    rollback by its end, and the `duration` until the first of them or the end, on average."""

    difference: float
    promotion: float
    rollback: float
    duration: timedelta


_FORECAST: TypeAdapter[Forecast] = TypeAdapter(Forecast)


def forecast_to_json(found: Forecast) -> dict[str, Any]:
    """The forecast as it is recorded in an event."""
    by = found.decided_by.isoformat() if found.decided_by else None
    return asdict(found) | {"decided_by": by}


def parse_forecast(recorded: Any) -> Forecast | None:
    """The forecast of an event; None if it has none, or impossible probabilities."""
    try:
        found = _FORECAST.validate_python(recorded)
    except ValidationError:
        return None
    # Above 1 by the errors of the integration only.
    possible = all(0 <= one <= 1.001 for one in (found.promotion, found.rollback))
    return found if possible else None


def forecast(
    design: Design, looks: Sequence[Look], mean: float, variance: float
) -> Forecast | None:
    """The forecast at the last of these looks, whose rows have that mean difference and variance.

    None without looks to come, for a confidence sequence and without variance. Issues of evidence,
    such as a source that is late, are not foreseen.
    """
    now = looks[-1] if looks else Look(0.0, 0.0)
    if design.ends is None or design.kind == "confidence_sequence":
        return None
    if not (variance > 0 and now.rows > 0 and now.time > 0):
        return None
    planned = design.planned_looks(now.rows / now.time)
    coming = [one for one in planned if one.time > now.time + 0.5 / design.looks]
    if not coming:
        return None
    deviation = math.sqrt(variance)
    rows = [max(one.rows, now.rows) for one in coming]
    uppers, lowers = _both_boundaries(design, looks, coming, rows, deviation)
    drift = (mean - design.threshold) / deviation
    up, down = _crossings(rows, uppers, lowers, drift, (drift * math.sqrt(now.rows), now.rows))
    decided, by = 0.0, None
    for look, one, other in zip(coming, up, down, strict=True):
        decided += one + other
        if by is None and decided >= 0.5:
            by = design.begins + look.time * (design.ends - design.begins)
    return Forecast(sum(up), sum(down), by)


def power(design: Design, rows: float, variance: float, difference: float) -> Power | None:
    """What the design does with that true mean difference, when `rows` rows with that `variance` of
    the difference have come by its end; None for a confidence sequence, and without rows or
    variance."""
    if design.ends is None or not _has_power(design, rows, variance):
        return None
    looks, deviation = design.planned_looks(rows), math.sqrt(variance)
    parts = [one.rows for one in looks]
    uppers, lowers = _both_boundaries(design, (), looks, parts, deviation)
    up, down = _crossings(parts, uppers, lowers, (difference - design.threshold) / deviation)
    ended = [one + other for one, other in zip(up, down, strict=True)]
    time = 1.0 - sum(part * (1.0 - look.time) for part, look in zip(ended, looks, strict=True))
    return Power(difference, sum(up), sum(down), time * (design.ends - design.begins))


def detectable_difference(
    design: Design, rows: float, variance: float, probability: float = POWER
) -> float | None:
    """The smallest true mean difference that the design promotes with that probability by its end,
    when `rows` rows with that `variance` of the difference have come; None as for `power`.

    7 looks, alpha 0.05, 2,000 rows, variance 1: 2.55 / sqrt(2000) = 0.057.
    """
    if not _has_power(design, rows, variance):
        return None
    looks, deviation = design.planned_looks(rows), math.sqrt(variance)
    parts = [one.rows for one in looks]
    uppers, lowers = _both_boundaries(design, (), looks, parts, deviation)
    drift = detectable_drift(tuple(parts), uppers, probability, lowers)
    return design.threshold + drift * deviation


def _has_power(design: Design, rows: float, variance: float) -> bool:
    return design.kind == "group_sequential" and design.looks > 0 and rows > 0 and variance > 0


def _both_boundaries(
    design: Design,
    before: Sequence[Look],
    looks: Sequence[Look],
    rows: Sequence[float],
    deviation: float,
) -> tuple[tuple[float, ...], list[float]]:
    """The boundary of a promotion and that of a rollback, also for futility, at each of the looks
    after those `before`, both in standard errors from the threshold of a promotion."""
    whole = [*before, *looks]
    uppers, downs = (boundaries_of(design, whole, side) for side in ("promotion", "rollback"))
    # A rollback counts from -margin.
    apart = (design.threshold + design.margin) / deviation
    down = zip(downs[len(before) :], rows, strict=True)
    lowers = [-one - apart * math.sqrt(n) for one, n in down]
    if design.futility:
        futile = futility_boundaries(design, whole, uppers)[len(before) :]
        lowers = [
            max(lower, one) if look.time < 1 else lower
            for look, lower, one in zip(looks, lowers, futile, strict=True)
        ]
    return uppers[len(before) :], lowers


def _crossings(
    rows: Sequence[float],
    uppers: Sequence[float],
    lowers: Sequence[float],
    drift: float,
    start: tuple[float, float] = (0.0, 0.0),
) -> tuple[list[float], list[float]]:
    """The probability at each look to cross the upper, and to cross the lower boundary, each before
    the other."""
    up = crossing(rows, uppers, drift, start, lowers)
    mirrored = [-one for one in lowers], -drift, (-start[0], start[1])
    return up, crossing(rows, *mirrored, [-one for one in uppers])
