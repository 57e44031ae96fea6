"""The values of the metrics, from what a task has found. No I/O."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from titleholder.analysis.verdict import Verdict
from titleholder.analysis.watching.look import ChampionLook
from titleholder.data_intervals import Interval
from titleholder.errors import (
    DriftDetected,
    InvalidRequest,
    ManualActionRequired,
    TitleholderError,
)
from titleholder.events.event import CHAMPION_ACTIONS, Event, champion_at
from titleholder.labels import Label
from titleholder.metrics.metric import Metric, Refusal, Sample
from titleholder.rollout.view import View

_DAY_SECONDS = 86400


def traffic_samples(view: View) -> Iterator[Sample]:
    """Traffic percentage and version of champion and challenger; without an endpoint none."""
    if view.endpoint is None:
        return
    for role in (Label.CHAMPION, Label.CHALLENGER):
        deployed = view.deployed_model(view.labels.get(role))
        percentage = deployed.traffic_percentage if deployed else 0
        number = deployed.version_number if deployed else "0"
        yield Sample(Metric.TRAFFIC_PERCENTAGE, view.model, percentage, role.value)
        if number.isdecimal():
            yield Sample(Metric.VERSION, view.model, int(number), role.value)


def champion_age_samples(
    view: View, events: Iterable[Event], since: datetime, now: datetime
) -> Iterator[Sample]:
    """The age of the champion by the events of its endpoint since `since`; none without one.

    A champion that is older than these events has the age of `since`, or of the endpoint if that is
    newer.
    """
    if Label.CHAMPION not in view.labels:
        return
    event = champion_at(events, now)
    if event is not None and _changed_champion(event):
        start = event.time
    else:
        start = max(since, view.created or since)
    age = (now - start).total_seconds() / _DAY_SECONDS
    yield Sample(Metric.CHAMPION_AGE_DAYS, view.model, round(age, 4))


def freshness_samples(model: str, interval: Interval, newest: datetime | None) -> Iterator[Sample]:
    """The lag of the source; `newest` is the time of the newest row of the interval, if any."""
    lag = interval.end - (newest or interval.start)
    yield Sample(Metric.FRESHNESS_LAG_SECONDS, model, lag.total_seconds())


def score_samples(model: str, score: float, min_score: float) -> Iterator[Sample]:
    """The score of a trained model, and the gate."""
    yield Sample(Metric.SCORE, model, score)
    yield Sample(Metric.MIN_SCORE, model, min_score)


def verdict_samples(model: str, challenger: str, verdict: Verdict) -> Iterator[Sample]:
    """The statistics of a verdict on the registered version `challenger` (`linnerud@3`), as far as
    it has them; its number only with the interval."""
    number = challenger.partition("@")[2]
    values = (
        (Metric.VERDICT_ESTIMATE, verdict.estimate),
        (Metric.VERDICT_LOW, verdict.low),
        (Metric.VERDICT_HIGH, verdict.high),
        (Metric.VERDICT_ROWS, verdict.n),
        # Last: until then an interval that has just been sent counts as that of the one before.
        (Metric.VERDICT_VERSION, None if verdict.high is None else int(number)),
    )
    for metric, value in values:
        # The statistics of evidence that is invalid may be NaN.
        if value is not None and math.isfinite(value):
            yield Sample(metric, model, value)


def watch_samples(model: str, look: ChampionLook) -> Iterator[Sample]:
    """Loss, reference and statistic of a look at the champion, and data drift, as far as it has
    them."""
    finding = look.state.finding
    if look.days:
        yield Sample(Metric.CHAMPION_LOSS, model, look.days[-1].loss)
    if finding is not None:
        yield Sample(Metric.REFERENCE_LOSS, model, finding.reference_mean)
        yield Sample(Metric.DECAY_STATISTIC, model, finding.statistic)
    # Always: a gauge keeps its value, here that of a decayed champion before this one.
    yield Sample(Metric.DECAYED, model, int(look.state.decay is not None))
    for column in look.drift:
        if not math.isnan(column.psi):
            # A dot would be another part of a plain name.
            name = column.column.replace(".", "_")
            yield Sample(Metric.DATA_DRIFT_PSI, model, column.psi, name)


def _changed_champion(event: Event) -> bool:
    before, after = event.champion_before, event.champion_after
    if before is None or after is None:
        # A reconstructed event does not know the champion before it.
        return not event.reconstructed or event.action in CHAMPION_ACTIONS
    return event.versions.get(before, before) != event.versions.get(after, after)


def refusal_sample(model: str, refusal: Refusal) -> Sample:
    """One refusal."""
    return Sample(Metric.REFUSALS, model, 1, refusal.value)


def refusal_of(error: TitleholderError) -> Refusal | None:
    """The kind of refusal that the error is; None for one that refuses nothing."""
    if isinstance(error, DriftDetected):
        return Refusal.MANUAL_CHANGE
    if isinstance(error, ManualActionRequired):
        return Refusal.BLOCKED
    return Refusal.INVALID_REQUEST if isinstance(error, InvalidRequest) else None
