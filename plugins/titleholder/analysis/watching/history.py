"""What the events say of a watched champion: its counted days, and what followed. No I/O."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from titleholder.analysis.decay.day_loss import DayLoss, day_loss_from_json
from titleholder.analysis.trailing_windows import DifferenceStats
from titleholder.analysis.watching.measured_days import count_days, measured_days
from titleholder.config.duel import Duel
from titleholder.events.event import Action, Event


@dataclass(frozen=True)
class WatchHistory:
    """The days that other looks at a champion have counted, oldest first; `from_duel` of them are
    those of the last duel in which it was challenger. `own` are those that an earlier attempt of
    this look has counted."""

    days: tuple[DayLoss, ...] = ()
    from_duel: int = 0
    own: tuple[DayLoss, ...] = ()

    @property
    def newest(self) -> date | None:
        """The newest counted day."""
        return self.days[-1].day if self.days else None


def watch_history(
    events: Sequence[Event], ids: Collection[str], duel: Duel, min_rows: int, job: str = ""
) -> WatchHistory:
    """By the events of one endpoint, oldest first; `ids` are the champion's deployed model ids.

    The days of the looks with `job` are apart, so that a repeated look has the same result. Before
    the first look, the days are those of the last duel in which the model was challenger. Losses of
    another kind than those of `duel` do not count.
    """
    days: dict[date, DayLoss] = {}
    own: dict[date, DayLoss] = {}
    looks = list(watch_events(events, ids, duel))
    others = [event for event in looks if event.evidence.get("job") != job]
    for event in looks:
        into = own if event.evidence.get("job") == job else days
        for raw in _list(event.evidence.get("days")):
            found = day_loss_from_json(raw)
            if found is not None:
                into.setdefault(found.day, found)
    of_job = tuple(own[day] for day in sorted(own))
    if others:
        from_duel = _count(others[0].evidence.get("from_duel"))
        return WatchHistory(tuple(days[day] for day in sorted(days)), from_duel, of_job)
    duels = [
        event
        for event in events
        if event.action == Action.EVALUATED and event.challenger_after in ids
    ]
    evidence = duels[-1].evidence.get("duel") if duels else None
    if not isinstance(evidence, dict) or not is_same_loss(evidence, duel):
        return WatchHistory(own=of_job)
    counted, _ = count_days(
        measured_days(evidence, "challenger"), None, min_rows, duel.min_label_coverage
    )
    return WatchHistory(counted, len(counted), of_job)


def watch_events(events: Sequence[Event], ids: Collection[str], duel: Duel) -> Iterator[Event]:
    """The looks at the champion with these deployed model ids, at losses of the kind of `duel`.

    An endpoint whose labels were removed has no label of the champion: then the id of the evidence
    counts.
    """
    return (
        event
        for event in events
        if event.action == Action.WATCHED
        and (event.champion_after or event.evidence.get("champion")) in ids
        and is_same_loss(event.evidence, duel)
    )


def last_phase(events: Sequence[Event], ids: Collection[str], duel: Duel) -> str:
    """The phase that the last of the looks at this champion found, "" without one."""
    phase = ""
    for event in watch_events(events, ids, duel):
        state = event.evidence.get("state")
        phase = str(state.get("phase") or "") if isinstance(state, dict) else ""
    return phase


def loss_kind(duel: Duel) -> dict[str, str | None]:
    """What losses must have in common to be compared, as in the evidence of a job."""
    return {
        "loss": duel.loss,
        "primary_target": duel.target,
        "cluster_column": duel.cluster_column,
    }


def is_same_loss(evidence: Mapping[str, Any], duel: Duel) -> bool:
    """Whether the evidence of a job, or a look, is about losses of that kind. What it does not say
    is taken to be the same."""
    return all(
        (evidence.get(name, expected) or None) == expected
        for name, expected in loss_kind(duel).items()
    )


def compared_days(
    events: Sequence[Event], ids: Collection[str], duel: Duel, previous: str, after: date
) -> dict[date, DifferenceStats]:
    """The differences, loss of the champion minus that of the previous champion with the deployed
    model id `previous`, of each counted day after that one."""
    found: dict[date, DifferenceStats] = {}
    for event in watch_events(events, ids, duel):
        comparison = event.evidence.get("comparison")
        if not isinstance(comparison, dict) or comparison.get("previous") != previous:
            continue
        for raw in _list(comparison.get("days")):
            day = difference_from_json(raw)
            if day is not None and day[0] > after:
                found.setdefault(*day)
    return found


def difference_to_json(day: date, stats: DifferenceStats) -> dict[str, Any]:
    """JSON for `difference_from_json`."""
    return {"day": day.isoformat(), "n": stats.n, "mean": stats.mean, "variance": stats.variance}


def difference_from_json(raw: Any) -> tuple[date, DifferenceStats] | None:
    """None for any other value."""
    try:
        day = date.fromisoformat(raw["day"])
        return day, DifferenceStats(*(float(raw[name]) for name in ("n", "mean", "variance")))
    except (KeyError, TypeError, ValueError):
        return None


def last_training_start(events: Sequence[Event]) -> Event | None:
    """The newest event of an early training, for any champion."""
    return next((event for event in reversed(events) if event.action == Action.RETRAIN), None)


def history_since(data_interval_end: str, now: datetime, cooldown: timedelta) -> datetime:
    """The time from which events are read: a champion is not older than its training data, and an
    early training that still counts is not older than `cooldown`."""
    return min(datetime.fromisoformat(data_interval_end), now - cooldown)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
