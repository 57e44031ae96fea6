"""The champion's loss over time, as the events of the looks at it have it. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from titleholder.analysis.decay.day_loss import day_loss_from_json
from titleholder.analysis.watching.data_drift import ColumnDrift, parse_data_drift, sentence
from titleholder.config.watch import Watch
from titleholder.events.event import NO_CHANGE_ACTIONS, Action, Event


@dataclass(frozen=True)
class LossPoint:
    """The loss of one counted day, of `n` units; `champion` is a deployed model id, `version` its
    version, `reference` the mean loss of its reference days, None while they are counted.
    `decayed`: the day is one of a decay, from the day on which that was found."""

    day: date
    loss: float
    n: float
    champion: str
    version: str
    reference: float | None
    decayed: bool

    @property
    def time(self) -> datetime:
        """The middle of the day."""
        return datetime.combine(self.day, time(12), UTC)


@dataclass(frozen=True)
class Watching:
    """What watching has found. `reason` is the sentence of the last look, at `time`, and `phase`
    its first word; both are "" before the first look. `decay` says since when the champion has
    decayed, "" if it has not. `drift` has the columns of the last report, each with a sentence and
    whether it is above its limit. `promotions` are the changes of the champion."""

    points: list[LossPoint]
    phase: str
    reason: str
    follows: str
    time: datetime | None
    run: str
    job: str
    decay: str
    drift: list[tuple[ColumnDrift, str, bool]]
    drift_time: datetime | None
    promotions: list[tuple[datetime, str]]

    @property
    def tone(self) -> str:
        """The name of the phase's colour."""
        return {"steady": "good", "decayed": "bad"}.get(self.phase, "plain")


def watching(watch: Watch | None, events: Sequence[Event], champion: str) -> Watching | None:
    """By the events of one endpoint, oldest first; `champion` is the deployed model id of the
    present one, "" for none. None for a model that is not watched and never was."""
    looks = [event for event in events if event.action == Action.WATCHED]
    if watch is None and not looks:
        return None
    same = _same_version(events, champion)
    last = next((one for one in reversed(looks) if one.champion_after in same), None)
    state = _dict(last.evidence.get("state")) if last is not None else {}
    reported = [one for one in looks if isinstance(one.evidence.get("data_drift"), dict)]
    report = reported[-1] if reported and reported[-1].champion_after in same else None
    drifted = report.evidence.get("drifted") if report is not None else None
    above = drifted if isinstance(drifted, list) else []
    phase = str(state.get("phase") or "")
    return Watching(
        points=_points(looks),
        phase=phase,
        reason=last.reason if last is not None else "",
        follows=str(_dict(last.evidence.get("retraining")).get("reason") or "") if last else "",
        time=last.time if last is not None else None,
        run=last.run if last is not None else "",
        job=str(last.evidence.get("job") or "") if last is not None else "",
        decay=last.reason if last is not None and phase == "decayed" else "",
        drift=[
            (column, sentence(column), column.column in above)
            for column in (parse_data_drift(report.evidence["data_drift"]) if report else ())
        ],
        drift_time=report.time if report is not None else None,
        promotions=_promotions(events),
    )


def _same_version(events: Sequence[Event], champion: str) -> set[str]:
    """The deployed model ids of the champion's version, which may have been deployed again."""
    versions = {one: version for event in events for one, version in event.versions.items()}
    own = versions.get(champion)
    return {champion} | {one for one, version in versions.items() if own and version == own}


def _points(looks: Sequence[Event]) -> list[LossPoint]:
    """One for each day that was counted, oldest first."""
    found: dict[tuple[str, date], LossPoint] = {}
    references: dict[str, float] = {}
    decays: dict[str, list[dict[str, Any]]] = {}
    for event in looks:
        champion, state = event.champion_after or "", _dict(event.evidence.get("state"))
        finding = _dict(state.get("finding"))
        if isinstance(mean := finding.get("reference_mean"), int | float):
            references[champion] = float(mean)
        episodes = state.get("episodes")
        decays[champion] = episodes if isinstance(episodes, list) else []
    for event in looks:
        champion = event.champion_after or ""
        days = event.evidence.get("days")
        for raw in days if isinstance(days, list) else []:
            if (day := day_loss_from_json(raw)) is None:
                continue
            point = LossPoint(
                day.day,
                day.loss,
                day.n,
                champion,
                event.version_text(champion),
                references.get(champion),
                any(_covers(one, day.day) for one in decays[champion]),
            )
            found.setdefault((champion, day.day), point)
    return sorted(found.values(), key=lambda point: (point.day, point.champion))


def _covers(episode: Any, day: date) -> bool:
    alarm, recovered = _dict(episode).get("alarm"), _dict(episode).get("recovered")
    text = day.isoformat()
    return isinstance(alarm, str) and alarm <= text and (not recovered or text < str(recovered))


def _promotions(events: Sequence[Event]) -> list[tuple[datetime, str]]:
    """The times at which the champion changed to another version, with that version."""
    found: list[tuple[datetime, str]] = []
    for event in events:
        after = event.champion_after
        if event.action in NO_CHANGE_ACTIONS or after is None or event.champion_before is None:
            continue
        if event.version_text(after) != event.version_text(event.champion_before):
            found.append((event.time, event.version_text(after)))
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
