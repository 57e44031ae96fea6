"""A watched champion, its events and measurements, for tests."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from titleholder.analysis.model_pair import RegisteredModel
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.look import ChampionLook, Measured, look_at
from titleholder.config.duel import Duel
from titleholder.config.watch import Watch
from titleholder.events.event import Action, Event

DUEL = Duel(target="y", loss="absolute", min_rows=100)
WATCH = Watch()
FIRST = date(2026, 10, 1)
CHAMPION = WatchedChampion(
    model=RegisteredModel("21", "m1@3", "gs://b/3", "3" * 64, "2026-09-30T00:00:00Z"),
    ids=("21", "22"),
    data_interval_start="2026-09-23T00:00:00Z",
    deployed="2026-09-30T01:00:00+00:00",
    held_out_loss=1.9,
    previous=RegisteredModel("11", "m1@2", "gs://b/2", "2" * 64, "2026-09-23T00:00:00Z"),
    request_log="",
    endpoint="1",
)


def at(number: int) -> date:
    """A day; the first is number 0."""
    return FIRST + timedelta(days=number)


def days(first: int, last: int, broken: int | None = None, **also: Any) -> list[dict[str, Any]]:
    """Days of a watch job's evidence, both inclusive; from `broken` on the loss is 40 % greater."""
    found = []
    for number in range(first, last + 1):
        loss = 2.0 + 0.1 * random.Random(number).gauss(0, 1)
        if broken is not None and number >= broken:
            loss += 0.8
        one = {"n": 400, "loss": loss, "variance": 1.0, "rows": 400, "rows_labelled": 400}
        found.append({"day": at(number).isoformat(), **one, **also})
    return found


def measured(found: Sequence[dict[str, Any]], job: str = "j1", **changes: Any) -> Measured:
    """A measurement with these days."""
    last = date.fromisoformat(found[-1]["day"]) if found else FIRST
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    evidence = {"window_start": "2026-09-01T00:00:00Z", "window_end": end.isoformat()}
    evidence["days"] = list(found)  # type: ignore[assignment]
    evidence |= changes.pop("evidence", {})
    return Measured(job, end, evidence, **changes)


def event_of(look: ChampionLook, action: Action = Action.WATCHED, **changes: Any) -> Event:
    """The event that records a look."""
    job = look.record["job"]
    fields: dict[str, Any] = {
        "id": f"{action}-{job}",
        "time": datetime.fromisoformat(look.record["measured"]),
        "model": "m1",
        "action": action,
        "reason": look.reason,
        "endpoint": "e",
        "champion_after": CHAMPION.model.id,
        "evidence": look.record,
    }
    return Event(**{**fields, **changes})


def look(events: Sequence[Event], one: Measured, watch: Watch = WATCH) -> ChampionLook:
    """A look at CHAMPION."""
    return look_at(DUEL, watch, CHAMPION, events, one)
