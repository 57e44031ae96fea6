"""Whether a training is started early, and on which data. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from titleholder.analysis.decay.day_loss import DayLoss
from titleholder.analysis.watching.history import last_training_start
from titleholder.config.watch import Watch
from titleholder.data_intervals import Interval, period_at, period_until
from titleholder.events.event import Action, Event

Cause = Literal["decay", "drift"]


@dataclass(frozen=True)
class Occasion:
    """A decay or data drift of the champion with this key. A decay has the day on which it was
    found: a champion may decay again after it has recovered."""

    cause: Cause
    champion: str
    found: date | None = None

    @property
    def run_id(self) -> str:
        """The id of the dag run that trains: Airflow accepts it once."""
        return "__".join(filter(None, ("early", self.cause, self.champion, self._day)))

    @property
    def _day(self) -> str:
        return self.found.isoformat() if self.found is not None else ""


@dataclass(frozen=True)
class EarlyTraining:
    """A dag run of the weekly DAG to start, on this interval."""

    run_id: str
    cause: Cause
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        """JSON for an event and an XCom."""
        return {
            "run_id": self.run_id,
            "cause": self.cause,
            "interval_start": f"{self.interval.start:%Y-%m-%dT%H:%M:%SZ}",
            "interval_end": f"{self.interval.end:%Y-%m-%dT%H:%M:%SZ}",
        }


@dataclass(frozen=True)
class Retraining:
    """The training to start, None for none, and why or why not; "" where nothing calls for one."""

    training: EarlyTraining | None = None
    reason: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What decides besides the occasion. `days` are the champion's counted days; `trained_until` is
    the end of the newest data that any registered version was trained on, `cron` the schedule of
    the weekly DAG; `challenger` is the version of the challenger, "" for none. All times are aware.
    """

    days: Sequence[DayLoss]
    trained_until: datetime | None
    challenger: str
    cron: str
    is_backfill: bool
    now: datetime


def retraining(
    watch: Watch, occasions: Sequence[Occasion], events: Sequence[Event], found: Circumstances
) -> Retraining:
    """The early training that follows from the first of the `occasions` that `watch.retrain_on`
    names and that has none yet. `events` are the endpoint's, oldest first.

    It is on the newest span of time as long as a data interval, up to the end of the newest counted
    day. None is started while there is a challenger, within the cooldown, or without a counted day
    that no registered version was trained on.
    """
    wanted = [one for one in occasions if one.cause in watch.retrain_on]
    if not wanted:
        return Retraining()
    started = {
        event.evidence.get("run_id"): event for event in events if event.action == Action.RETRAIN
    }
    open_ones = [one for one in wanted if one.run_id not in started]
    if not open_ones:
        event = started[wanted[0].run_id]
        return Retraining(None, f"its early training was started {event.time:%Y-%m-%d %H:%M} UTC")
    if reason := _postponed(watch, events, found):
        return Retraining(None, f"no early training yet: {reason}")
    newest = found.days[-1].day
    end = datetime.combine(newest + timedelta(days=1), time(), UTC)
    occasion = open_ones[0]
    interval = period_until(found.cron, end)
    reason = f"{occasion.cause} of the champion: an early training on {interval}"
    return Retraining(EarlyTraining(occasion.run_id, occasion.cause, interval), reason)


def _postponed(watch: Watch, events: Sequence[Event], found: Circumstances) -> str:
    if found.is_backfill:
        return "this run is a backfill"
    if found.challenger:
        return f"the challenger {found.challenger} is evaluated"
    cooldown = cooldown_of(watch, found.cron, found.now)
    last = last_training_start(events)
    if last is not None and found.now < last.time + cooldown:
        return f"the last one was started {last.time:%Y-%m-%d %H:%M} UTC, within retrain_cooldown"
    until = found.trained_until
    unseen = [
        day
        for day in found.days
        if until is None or datetime.combine(day.day, time(), UTC) >= until
    ]
    if not unseen:
        trained = f"{until:%Y-%m-%d %H:%M} UTC" if until is not None else "now"
        return f"no labelled day is newer than the newest training data, which end {trained}"
    return ""


def cooldown_of(watch: Watch, cron: str, now: datetime) -> timedelta:
    """The shortest time between two early trainings."""
    return watch.retrain_cooldown or period_at(cron, now)
