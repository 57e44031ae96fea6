"""The design of the verdicts on one challenger: when they end, and how they share their error
rates. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from titleholder.analysis.sequential.confidence_sequence import radius, rho_squared
from titleholder.analysis.sequential.group_sequential import (
    adjusted_drift,
    boundaries,
    detectable_drift,
    lower_boundaries,
)
from titleholder.analysis.sequential.spending import beyond_the_end, power_family
from titleholder.config.duel import Duel
from titleholder.config.model import ModelConfig
from titleholder.data_intervals import fires_between, next_fire

# Exponents of the spent error. A promotion keeps most of it for the end, where the power is; a
# harmful challenger has to be found early.
_PROMOTION_RHO = 3.0
_ROLLBACK_RHO = 1.0
_FUTILITY_RHO = 3.0
FUTILITY_BETA = 0.1
"""The probability that futility ends a challenger with the improvement which the design finds with
the probability 1 - FUTILITY_BETA."""
# Beyond this, in standard errors, nothing is; it keeps the ends of an interval finite.
_FARTHEST = 8.0
# Beyond this, in standard errors, floats overflow.
_OVERFLOW = 1e100
# Before this part of the duration futility spends nothing; the rows at the end stay finite.
_EARLIEST = 1e-6


Side = Literal["promotion", "rollback"]


@dataclass(frozen=True)
class Look:
    """A verdict with an interval: the `time` since the design's beginning, as a part of its
    duration, and the number of `rows` compared until then, or of clusters."""

    time: float
    rows: float


@dataclass(frozen=True)
class Design:
    """How a challenger is judged; fixed at the first look.

    It `begins` with the challenger's deployment. It `ends` when the challenger will be replaced, or
    at `max_duration` if that is earlier; None without an end. `looks` are planned in between, as a
    confidence sequence needs none. `alpha` and `rollback_alpha` are one-sided error rates.
    """

    kind: Literal["group_sequential", "confidence_sequence"]
    begins: datetime
    ends: datetime | None
    looks: int
    alpha: float
    rollback_alpha: float
    hypothesis: str
    margin: float
    target: str
    loss: str
    futility: bool
    planned_rows: int
    cluster_column: str = ""
    max_rows_per_day: int | None = None

    @property
    def threshold(self) -> float:
        """What the low end of the interval has to exceed for a promotion."""
        return 0.0 if self.hypothesis == "superiority" else 0.0 - self.margin

    def time(self, now: datetime) -> float:
        """The part of the planned duration that is over at `now`; 0 without an end."""
        if self.ends is None:
            return 0.0
        duration = max((self.ends - self.begins).total_seconds(), 1.0)
        return max((now - self.begins).total_seconds() / duration, 0.0)

    def planned_looks(self, rows: float) -> list[Look]:
        """The planned looks, equally far apart, with `rows` at the end."""
        parts = [(number + 1) / self.looks for number in range(self.looks)]
        return [Look(part, part * rows) for part in parts]


@dataclass(frozen=True)
class Interval:
    """The repeated confidence interval at a look; `futile` if a promotion has become too unlikely.

    The low end is above the threshold exactly when the boundary of a promotion is crossed, the high
    end below `-margin` exactly when that of a rollback is.
    """

    low: float
    high: float
    futile: bool = False


_DESIGN: TypeAdapter[Design] = TypeAdapter(Design)


def plan_design(config: ModelConfig, duel: Duel, deployed: datetime) -> Design:
    """The design for a challenger that was deployed then, by the model's file.

    The next weekly run replaces the challenger, unless `on_new_challenger` is `keep_current`; the
    last evaluation before is the last planned look.
    """
    ends = deployed + duel.max_duration if duel.max_duration is not None else None
    if config.rollout.on_new_challenger == "replace":
        replaced = next_fire(config.schedule.cron, deployed)
        ends = replaced if ends is None else min(ends, replaced)
    kind = duel.design or ("confidence_sequence" if ends is None else "group_sequential")
    looks = 0
    if ends is not None:
        fires = fires_between(duel.schedule, deployed, ends)
        ends = fires[-1] if fires else ends
        looks = 1
        if len(fires) > 1:  # the first may come right after the deployment
            looks = max(round((ends - deployed) / (ends - fires[0]) * (len(fires) - 1)), 1)
    return Design(
        kind,
        deployed,
        ends,
        looks,
        duel.alpha,
        duel.rollback_alpha,
        duel.hypothesis,
        duel.margin,
        duel.target,
        duel.loss,
        duel.futility,
        duel.planned_rows or duel.min_rows,
        duel.cluster_column or "",
        duel.max_rows_per_day,
    )


def design_to_json(design: Design) -> dict[str, Any]:
    """The design as it is recorded in an event."""
    return dict(_DESIGN.dump_python(design, mode="json"))


def parse_design(recorded: Any) -> Design | None:
    """The design of an event; None if it has none."""
    try:
        return _DESIGN.validate_python(recorded)
    except ValidationError:
        return None


def design_changes(recorded: Design, present: Design) -> str:
    """What the model's file has changed since the first look: `alpha is 0.1 and was 0.05`; "" for
    nothing. The number of looks and `planned_rows` of a group sequential design may change."""
    ignored = {"looks", "begins"}
    if recorded.kind == present.kind == "group_sequential":
        ignored.add("planned_rows")
    was, now = design_to_json(recorded), design_to_json(present)
    names = {"kind": "design", "ends": "the planned end"}
    return ", ".join(
        f"{names.get(key, key)} is {now[key]} and was {was[key]}"
        for key in was
        if key not in ignored and was[key] != now[key]
    )


def interval_at(
    design: Design,
    earlier: Sequence[Look],
    look: Look,
    mean: float,
    variance: float,
    skewness: float = 0.0,
) -> Interval:
    """The interval of the mean difference at `look`, after the `earlier` ones, in their order.

    `mean`, `variance` (divisor n - 1) and `skewness` are those of `look.rows` rows, at least one.
    Looks are of any number and at any times; with fewer rows than an earlier one a look counts as
    one without new rows.
    """
    n, error = look.rows, math.sqrt(variance / look.rows)
    looks, futile = [*earlier, look], False
    if design.kind == "confidence_sequence":
        # The two-sided intervals with twice the error: half of it on each side.
        low, high = (
            radius(n, 2 * alpha, rho_squared(2 * alpha, design.planned_rows)) * math.sqrt(n)
            for alpha in (design.alpha, design.rollback_alpha)
        )
    else:
        uppers = boundaries_of(design, looks, "promotion")
        low = min(uppers[-1], _FARTHEST)
        high = min(boundaries_of(design, looks, "rollback")[-1], _FARTHEST)
        if design.futility and _EARLIEST < look.time < 1 and error:
            boundary = futility_boundaries(design, looks, uppers)[-1]
            futile = (mean - design.threshold) / error < boundary
    low += skewness_correction(low, -skewness, n)
    high += skewness_correction(high, skewness, n)
    return Interval(mean - low * error, mean + high * error, futile)


def skewness_correction(boundary: float, skewness: float, n: float) -> float:
    """What has to be added to a boundary of the studentised mean of `n` rows whose tail against the
    verdict is the longer one, by a `skewness` above 0; 0 for any other, as a shorter tail is no
    reason to decide earlier.

    Rare great losses are missing from most samples, and their mean looks too good: the first term
    of the Edgeworth expansion of P(T > b) is the normal tail plus the density times

        skewness (2 b^2 + 1) / (6 sqrt(n))

    Hall, "Inverting an Edgeworth expansion", Annals of Statistics 11 (1983). Skewness 33, 8,000
    rows, b = 1.9: 33 * 8.22 / (6 * 89.4) = 0.51.
    """
    return max(skewness, 0.0) * (2 * boundary * boundary + 1) / (6 * math.sqrt(n))


def adjusted_estimate(
    design: Design, looks: Sequence[Look], mean: float, variance: float, crossed: Side
) -> float | None:
    """The median unbiased estimate of the mean difference at the last of these looks, where a
    boundary is crossed: the plain mean is too far out, as it stopped there. None for a confidence
    sequence, which has none, and beyond 1e100 standard errors."""
    if design.kind == "confidence_sequence" or not variance:
        return None
    promotes = crossed == "promotion"
    origin, sign = (design.threshold, 1.0) if promotes else (-design.margin, -1.0)
    deviation = math.sqrt(variance)
    z = sign * (mean - origin) / deviation * math.sqrt(looks[-1].rows)
    if abs(z) > _OVERFLOW:
        return None
    rows = tuple(one.rows for one in _rising(looks))
    drift = adjusted_drift(rows, boundaries_of(design, looks, crossed), z)
    return origin + sign * drift * deviation


def boundaries_of(design: Design, looks: Sequence[Look], side: Side) -> tuple[float, ...]:
    """The boundary at each of these looks, in standard errors above the threshold of a promotion,
    or below `-margin` for a rollback."""
    alpha, rho = {
        "promotion": (design.alpha, _PROMOTION_RHO),
        "rollback": (design.rollback_alpha, _ROLLBACK_RHO),
    }[side]
    known = _rising(looks)
    spent = tuple(beyond_the_end(one.time, alpha, rho) for one in known)
    return boundaries(tuple(one.rows for one in known), spent)


def futility_boundaries(
    design: Design, looks: Sequence[Look], uppers: tuple[float, ...]
) -> tuple[float, ...]:
    """The futility boundary at each of these looks, in standard errors above the threshold of a
    promotion; `uppers` are those of a promotion. The rows at the end are those of the last look
    extrapolated by its time, which is above 0.

    It is not binding: the boundaries of a promotion do not rely on it.
    """
    known = _rising(looks)
    planned = design.planned_looks(known[-1].rows / known[-1].time)
    whole = boundaries_of(design, planned, "promotion")
    rows = tuple(one.rows for one in planned)
    drift = detectable_drift(rows, whole, 1 - FUTILITY_BETA)
    spent = tuple(power_family(one.time, FUTILITY_BETA, _FUTILITY_RHO) for one in known)
    return lower_boundaries(tuple(one.rows for one in known), uppers, spent, drift)


def _rising(looks: Sequence[Look]) -> list[Look]:
    """The looks with times and rows that do not fall."""
    found: list[Look] = []
    for one in looks:
        last = found[-1] if found else Look(0.0, 0.0)
        found.append(replace(one, time=max(one.time, last.time), rows=max(one.rows, last.rows)))
    return found
