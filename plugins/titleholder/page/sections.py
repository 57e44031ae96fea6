"""What a page says of one model, ready to be written down. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from titleholder.events.event import NO_CHANGE_ACTIONS, Event, champion_at, events_of_endpoint
from titleholder.page import links
from titleholder.page.chart import Chart, chart
from titleholder.page.event_list import Entry, event_entries
from titleholder.page.facts import ModelFacts
from titleholder.page.freshness import SourceWeek, newest_week
from titleholder.page.text import names_of
from titleholder.page.verdict_points import VerdictPoint, verdict_points
from titleholder.rollout.status import EndpointStatus, RoleHolder, endpoint_status
from titleholder.rollout.view import View

WIDE, NARROW = 760, 350
LAST = 15


@dataclass(frozen=True)
class TrafficRow:
    """One deployed model's part of the bar, in per cent of its width; `data_interval_end` is None
    for a model that no run of ours deployed."""

    holder: RoleHolder
    start: int
    score: float | None
    data_interval_end: datetime | None


@dataclass(frozen=True)
class ModelSection:
    """One model's part of the page; `charts` are the same one for a wide and a narrow screen.

    `names` are those of text.names_of. Of the last verdict, `current` is one on the challenger
    that is there, `past` one on an earlier challenger, whose role ended with the event `ended`.
    """

    facts: ModelFacts
    names: dict[str, str]
    traffic: list[TrafficRow]
    warnings: list[str]
    no_champion: str
    champion: Event | None
    points: list[VerdictPoint]
    current: VerdictPoint | None
    past: VerdictPoint | None
    ended: Event | None
    not_evaluated: str
    silence: str
    charts: list[Chart]
    week: SourceWeek | None
    entries: list[Entry]
    endpoint: str


def build_section(facts: ModelFacts) -> ModelSection:
    """What there is to say, also where little or nothing could be read."""
    events, view = facts.events or (), facts.view
    standing = endpoint_status(view) if view is not None else EndpointStatus([], None, "")
    holders = standing.holders
    warnings = [*facts.unreachable, *filter(None, [standing.needs_action])]
    if view is not None:
        warnings += [f"In the works: {operation}" for operation in view.pending_operations]
    present = events
    if view is not None:
        present = events_of_endpoint(events, view.endpoint, view.created)
    judged = verdict_points(present)
    last = judged[-1] if judged else None
    challenger = next((one.deployed_model for one in holders if one.role == "challenger"), None)
    current = last if last and challenger and last.challenger == challenger.id else None
    past = None if current else last
    return ModelSection(
        facts=facts,
        names=names_of(view, events),
        traffic=_parts(view, holders, present),
        warnings=warnings,
        no_champion=_nobody(facts, holders),
        champion=champion_at(present, facts.now),
        points=judged[::-1],
        current=current,
        past=past,
        ended=_ended(past, present),
        not_evaluated=challenger.model if challenger and past else "",
        silence=_silence(facts, judged),
        charts=[drawn for width in (WIDE, NARROW) if (drawn := chart(judged, width))],
        week=None
        if facts.events is None
        else newest_week(facts.config.schedule, events, facts.now),
        entries=event_entries(events, LAST),
        endpoint=links.endpoint(view.endpoint or "") if view else "",
    )


def _parts(
    view: View | None, holders: Sequence[RoleHolder], events: Sequence[Event]
) -> list[TrafficRow]:
    parts, start = [], 0
    for holder in holders:
        until = view.data_interval_end(holder.deployed_model) if view is not None else None
        parts.append(TrafficRow(holder, start, _score(holder.deployed_model.id, events), until))
        start += holder.deployed_model.traffic_percentage
    return parts


def _score(seat: str, events: Sequence[Event]) -> float | None:
    """The score with which that model came to the endpoint."""
    for event in events:
        score = event.evidence.get("score")
        came = seat in (event.champion_after, event.challenger_after)
        if came and seat not in (event.champion_before, event.challenger_before):
            return float(score) if isinstance(score, int | float) else None
    return None


def _nobody(facts: ModelFacts, holders: Sequence[RoleHolder]) -> str:
    if facts.view is None:
        return ""
    if facts.view.endpoint is None:
        return "There is no endpoint yet: with endpoint.create the first weekly run makes it."
    if not holders:
        return "No model is deployed on the endpoint."
    if not any(holder.role == "challenger" for holder in holders):
        return "There is no challenger: the next weekly run seats one."
    return ""


def _ended(past: VerdictPoint | None, events: Sequence[Event]) -> Event | None:
    """The change by which a challenger that was judged was one no longer; None when not known."""
    if past is None:
        return None
    for event in events:
        later = event.time >= past.time and event.action not in NO_CHANGE_ACTIONS
        if later and event.challenger_after != past.challenger:
            return event
    return None


def _silence(facts: ModelFacts, judged: Sequence[VerdictPoint]) -> str:
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
