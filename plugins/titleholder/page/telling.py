"""What a page says of one model, ready to be written down. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.events import Event, champion_at
from titleholder.page import links
from titleholder.page.chart import Chart, chart
from titleholder.page.facts import Facts
from titleholder.page.looks import Look, looks
from titleholder.page.week import Week, week
from titleholder.rollout.seats import Seated, Standing, seated
from titleholder.rollout.view import View

WIDE, NARROW = 760, 350
LAST = 15


@dataclass(frozen=True)
class Part:
    """One deployed model's part of the bar, in per cent of its width; `data_until` is None for a
    model that no run of ours deployed."""

    holder: Seated
    start: int
    score: float | None
    data_until: datetime | None


@dataclass(frozen=True)
class Told:
    """One model's part of the page; `charts` are the same one for a wide and a narrow screen."""

    facts: Facts
    parts: list[Part]
    warnings: list[str]
    nobody: str
    champion: Event | None
    looks: list[Look]
    unjudged: str
    silence: str
    charts: list[Chart]
    week: Week | None
    events: list[Event]
    endpoint: str


def tell(facts: Facts) -> Told:
    """What there is to say, also where little or nothing could be read."""
    events, view = facts.events or (), facts.view
    standing = seated(view) if view is not None else Standing([], None, "")
    holders = standing.holders
    warnings = [*facts.away, *filter(None, [standing.undecided])]
    if view is not None:
        warnings += [f"In the works: {operation}" for operation in view.busy]
    judged = looks(events)
    return Told(
        facts=facts,
        parts=_parts(view, holders, events),
        warnings=warnings,
        nobody=_nobody(facts, holders),
        champion=champion_at(events, facts.now),
        looks=judged[::-1],
        unjudged=_unjudged(holders, judged),
        silence=_silence(facts, judged),
        charts=[drawn for width in (WIDE, NARROW) if (drawn := chart(judged, width))],
        week=None if facts.events is None else week(facts.config.schedule, events, facts.now),
        events=list(events)[::-1][:LAST],
        endpoint=links.endpoint(view.endpoint or "") if view else "",
    )


def moment(time: datetime) -> str:
    """In UTC, to the minute, without saying so."""
    return f"{time:%Y-%m-%d %H:%M}"


def _parts(view: View | None, holders: Sequence[Seated], events: Sequence[Event]) -> list[Part]:
    parts, start = [], 0
    for holder in holders:
        until = view.data_until(holder.seat) if view is not None else None
        parts.append(Part(holder, start, _score(holder.seat.id, events), until))
        start += holder.seat.share
    return parts


def _score(seat: str, events: Sequence[Event]) -> float | None:
    """The score with which that model came to the endpoint."""
    for event in events:
        score = event.evidence.get("score")
        came = seat in (event.champion_after, event.challenger_after)
        if came and seat not in (event.champion_before, event.challenger_before):
            return float(score) if isinstance(score, int | float) else None
    return None


def _nobody(facts: Facts, holders: Sequence[Seated]) -> str:
    if facts.view is None:
        return ""
    if facts.view.endpoint is None:
        return "There is no endpoint yet: with endpoint.create the first weekly run makes it."
    if not holders:
        return "No model is deployed on the endpoint."
    if not any(holder.role == "challenger" for holder in holders):
        return "There is no challenger: the next weekly run seats one."
    return ""


def _unjudged(holders: Sequence[Seated], judged: Sequence[Look]) -> str:
    """The challenger that no verdict is about, where others were judged; else ""."""
    challenger = next((one.seat.model for one in holders if one.role == "challenger"), "")
    return challenger if judged and judged[-1].version != challenger else ""


def _silence(facts: Facts, judged: Sequence[Look]) -> str:
    """Why there is no chart; "" when there is one."""
    if facts.events is None:
        return "The verdicts are not known now."
    if any(look.estimate is not None for look in judged):
        return ""
    if judged:
        return "No verdict so far had rows to estimate a difference from."
    if facts.config.duel is None:
        return "This model has no section duel, so nobody is judged but by people."
    return "No challenger has been judged yet."
