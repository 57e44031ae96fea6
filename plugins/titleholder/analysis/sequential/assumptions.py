"""What is assumed of the rows of an evaluation before there are any. No I/O."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.analysis.sequential.design import Design
from titleholder.analysis.sequential.planning import PastDuel
from titleholder.analysis.sequential.sentences import units_text
from titleholder.config.duel import Duel, format_loss
from titleholder.data_intervals import Interval

_DAY = timedelta(days=1)

# Of the difference of two classifiers' losses, which no source shows: the one of a constant
# prediction has no bound for log loss, and for zero-one loss a useless one.
_ASSUMED = {
    "zero_one": (0.1, "that exactly one of the two models is right on 10 % of the rows"),
    "log_loss": (0.09, "that the two log losses of a row differ by some 0.3 nats"),
}


@dataclass(frozen=True)
class TargetStats:
    """The labels of a source since `first`, the time of the oldest row (None without rows).

    `rows` is the number of rows, and `units` that of the rows with a label, or of their clusters.
    `constant`: all labels are the same. `variance` is that of the loss of a model that always
    predicts the mean label, None for a classifier.
    """

    rows: int
    units: int
    first: datetime | None
    constant: bool
    variance: float | None


@dataclass(frozen=True)
class Assumption:
    """A value, and in words where it is from."""

    value: float
    origin: str


def rate_of_source(
    design: Design, stats: TargetStats, interval: Interval, table: str
) -> Assumption:
    """Labelled rows a day by the source's labels of the interval, of which there are some; or
    clusters, of which a longer interval has fewer a day; no more than a sample may have."""
    assert stats.first is not None, "there are labels"
    # A table that begins within the interval is younger.
    start = max(min(stats.first, interval.end - _DAY), interval.start)
    days = (interval.end - start) / _DAY
    most = design.max_rows_per_day or math.inf
    sampled = min(1.0, most * days / stats.rows)
    sample = f", in a sample of at most {most:,} rows a day" if sampled < 1 else ""
    return Assumption(
        sampled * stats.units / days,
        f"with a label of {design.target} in {table} from {Interval(start, interval.end)}{sample}",
    )


def variance_of_past(design: Design, past: PastDuel) -> Assumption:
    """The variance of the differences in an earlier duel."""
    return Assumption(
        past.variance,
        f"that of the last duel, on {past.version} at {past.time:%Y-%m-%d %H:%M} UTC with "
        f"{past.rows:,.0f} {units_text(design)}",
    )


def assumed_variance(duel: Duel, stats: TargetStats) -> Assumption:
    """The variance of the differences without any duel: an upper bound by the source's labels, or
    an assumption for a classifier.

    The variance of the difference of two losses is at most twice that of one if they are not
    negatively correlated.
    """
    if duel.loss in _ASSUMED:
        value, what = _ASSUMED[duel.loss]
        return Assumption(value, f"an assumption, as there is no duel yet: {what}")
    variance = stats.variance or 0.0
    return Assumption(
        2 * variance,
        f"an upper bound, as there is no duel yet: twice the variance {variance:.3g} of the "
        f"{format_loss(duel.loss)} of a constant prediction, as if both models erred "
        "independently; they usually err on the same rows, and then much smaller improvements are "
        "found",
    )
