"""What the rest of an evaluation is likely to bring, and what a design can find. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.analysis.sequential.design import Design, Look, boundaries_of
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
    whole, deviation = [*looks, *coming], math.sqrt(variance)
    uppers, downs = (
        boundaries_of(design, whole, side)[len(looks) :] for side in ("promotion", "rollback")
    )
    rows = [max(one.rows, now.rows) for one in coming]
    # Both verdicts are boundaries of the same paths, the distance apart in standard deviations.
    apart = (design.threshold + design.margin) / deviation
    drifts = (mean - design.threshold) / deviation, -(mean + design.margin) / deviation
    up, down = (
        crossing(
            rows,
            own,
            drift,
            (drift * math.sqrt(now.rows), now.rows),
            [-one - apart * math.sqrt(n) for one, n in zip(other, rows, strict=True)],
        )
        for drift, own, other in ((drifts[0], uppers, downs), (drifts[1], downs, uppers))
    )
    decided, by = 0.0, None
    for look, one, other in zip(coming, up, down, strict=True):
        decided += one + other
        if by is None and decided >= 0.5:
            by = design.begins + look.time * (design.ends - design.begins)
    return Forecast(sum(up), sum(down), by)


def detectable_difference(design: Design, rows: float, variance: float) -> float | None:
    """The smallest true mean difference that the design promotes with the probability POWER by its
    end, when `rows` rows with that `variance` of the difference have come; None for a confidence
    sequence.

    7 looks, alpha 0.05, 2,000 rows, variance 1: 2.55 / sqrt(2000) = 0.057.
    """
    if design.kind == "confidence_sequence" or not design.looks or rows <= 0:
        return None
    looks = design.planned_looks(rows)
    uppers = boundaries_of(design, looks, "promotion")
    drift = detectable_drift(tuple(one.rows for one in looks), uppers, POWER)
    return design.threshold + drift * math.sqrt(variance)
