"""The content of one model's part of the page. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from titleholder.analysis.progress import Progress, progress
from titleholder.events.event import (
    NO_CHANGE_ACTIONS,
    Action,
    Event,
    champion_at,
    events_of_endpoint,
)
from titleholder.freshness import FreshnessState
from titleholder.page.chart import Chart, chart
from titleholder.page.facts import ModelFacts
from titleholder.page.freshness import IntervalFreshness, newest_freshness
from titleholder.page.loss_chart import LossChart, loss_chart
from titleholder.page.role_changes import RoleChange, role_changes
from titleholder.page.text import names_of
from titleholder.page.verdict_points import VerdictPoint, verdict_points
from titleholder.page.watching import Watching, watching
from titleholder.rollout.status import EndpointStatus, RoleHolder, endpoint_status
from titleholder.rollout.view import View

WIDE, NARROW = 760, 350
MAX_ENTRIES = 15


@dataclass(frozen=True)
class TrafficRow:
    """One deployed model; its part of the traffic bar begins at `start`, in per cent of the width.
    `data_interval_end` is None for a model that Titleholder did not deploy."""

    holder: RoleHolder
    start: int
    score: float | None
    data_interval_end: datetime | None

    @property
    def shown(self) -> bool:
        """Whether the overview has it: with traffic, or as challenger."""
        return self.holder.deployed_model.traffic_percentage > 0 or self.holder.role == "challenger"


@dataclass(frozen=True)
class Entry:
    """An event, and `more` of its action from the same time between two changes, newest first."""

    event: Event
    more: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class ModelSection:
    """One model's part of the page.

    `warnings` need a person; `operations` are the names of unfinished ones on the endpoint.
    `names` are those of text.names_of. The last verdict is `current` if it is on the present
    challenger, else `past`; then `ended` is the event with which that challenger's role ended.
    `progress` is the evaluation of the present challenger, None without one.
    `watching` is None for a model that is not watched.
    `role_note` and `chart_note` are sentences about what is missing, "" for nothing.
    """

    facts: ModelFacts
    names: dict[str, str]
    traffic: list[TrafficRow]
    warnings: list[str]
    operations: Sequence[str]
    role_note: str
    champion: Event | None
    points: list[VerdictPoint]
    current: VerdictPoint | None
    past: VerdictPoint | None
    ended: Event | None
    not_evaluated: str
    progress: Progress | None
    chart_note: str
    freshness: IntervalFreshness | None
    watching: Watching | None
    entries: list[Entry]

    # Of the section alone: an overview without sections computes neither.

    @cached_property
    def charts(self) -> list[Chart]:
        """The verdicts as a chart, for a wide and for a narrow screen; none without points."""
        points = self.points[::-1]
        return [drawn for width in (WIDE, NARROW) if (drawn := chart(points, width))]

    @cached_property
    def loss_charts(self) -> list[LossChart]:
        """The champion's loss as a chart, for a wide and for a narrow screen; none without days."""
        found = self.watching
        return [
            drawn
            for width in (WIDE, NARROW)
            if found and (drawn := loss_chart(found.points, found.promotions, width))
        ]

    @cached_property
    def changes(self) -> list[RoleChange]:
        """What a person may request now."""
        view = self.facts.view
        return role_changes(view, self.facts.config) if view is not None else []

    @property
    def late(self) -> bool:
        """Whether the source of the newest week was stale, empty or unknown, or a newer week has
        no event yet."""
        freshness = self.freshness
        in_time = (FreshnessState.FRESH, FreshnessState.WARN, "")
        return freshness is not None and bool(freshness.overdue or freshness.outcome not in in_time)


def build_section(facts: ModelFacts) -> ModelSection:
    """The section, also if little or nothing could be read."""
    events, view = facts.events or (), facts.view
    status = endpoint_status(view) if view is not None else EndpointStatus([], None, "")
    holders = status.holders
    warnings = [*facts.unreachable, *filter(None, [status.needs_action])]
    present = events
    if view is not None:
        present = events_of_endpoint(events, view.endpoint, view.created)
    points = verdict_points(present)
    last = points[-1] if points else None
    challenger = next((one.deployed_model for one in holders if one.role == "challenger"), None)
    current = last if last and challenger and last.challenger == challenger.id else None
    past = None if current else last
    freshness, evaluated = None, None
    if view is not None and facts.events is not None:
        evaluated = progress(facts.config, view, status.roles, events, facts.now)
    if facts.events is not None:
        freshness = newest_freshness(facts.config.schedule.cron, events, facts.now)
    roles = status.roles
    watched = watching(facts.config.watch, present, roles.champion if roles is not None else "")
    if watched is not None and watched.decay:
        warnings.append(f"The champion has {watched.decay}.")
    return ModelSection(
        facts=facts,
        names=names_of(view, events),
        traffic=_traffic_rows(view, holders, present),
        warnings=warnings,
        operations=view.pending_operations if view is not None else (),
        role_note=_role_note(facts, holders),
        champion=champion_at(present, facts.now),
        points=points[::-1],
        current=current,
        past=past,
        ended=_end_of_role(past, present),
        not_evaluated=challenger.model if challenger and past else "",
        progress=evaluated,
        chart_note=_chart_note(facts, points),
        freshness=freshness,
        watching=watched if facts.events is not None else None,
        entries=event_entries(events, MAX_ENTRIES),
    )


def event_entries(events: Sequence[Event], most: int) -> list[Entry]:
    """The newest `most` entries, newest first, of events that are oldest first: one for each
    change, and between two changes one for each action that changed nothing, with all its events.
    """
    entries: list[Entry] = []
    since_change: dict[str, Entry] = {}
    for event in reversed(events):
        if event.action not in NO_CHANGE_ACTIONS:
            since_change = {}
        elif event.action in since_change:
            since_change[event.action].more.append(event)
            continue
        if len(entries) == most:
            break
        since_change[event.action] = Entry(event)
        entries.append(since_change[event.action])
    return entries


def _traffic_rows(
    view: View | None, holders: Sequence[RoleHolder], events: Sequence[Event]
) -> list[TrafficRow]:
    rows, start = [], 0
    for holder in holders:
        until = view.data_interval_end(holder.deployed_model) if view is not None else None
        rows.append(TrafficRow(holder, start, _score(holder.deployed_model.id, events), until))
        start += holder.deployed_model.traffic_percentage
    return rows


def _score(deployed_model_id: str, events: Sequence[Event]) -> float | None:
    """The score in the event with which the model was deployed."""
    for event in events:
        after = deployed_model_id in (event.champion_after, event.challenger_after)
        before = (event.champion_before, event.challenger_before)
        redeployed = event.action == Action.UPDATE_RESOURCES
        if after and deployed_model_id not in before and redeployed:
            versions = {one: event.versions.get(one) for one in filter(None, before)}
            same = [o for o, v in versions.items() if v == event.versions.get(deployed_model_id)]
            return _score(same[0], events) if same else None
        if after and deployed_model_id not in before:
            score = event.evidence.get("score")
            return float(score) if isinstance(score, int | float) else None
    return None


def _role_note(facts: ModelFacts, holders: Sequence[RoleHolder]) -> str:
    if facts.view is None:
        return ""
    if facts.view.endpoint is None:
        return "There is no endpoint yet: with endpoint.create the first weekly run creates it."
    if not holders:
        return "No model is deployed on the endpoint."
    if not any(holder.role == "challenger" for holder in holders):
        return "There is no challenger: the next weekly run deploys one."
    return ""


def _end_of_role(past: VerdictPoint | None, events: Sequence[Event]) -> Event | None:
    """The change that ended the role of the challenger of this verdict; None if not known."""
    if past is None:
        return None
    for event in events:
        later = event.time >= past.time and event.action not in NO_CHANGE_ACTIONS
        if later and event.challenger_after != past.challenger:
            return event
    return None


def _chart_note(facts: ModelFacts, points: Sequence[VerdictPoint]) -> str:
    """Why there is no chart; "" when there is one."""
    if facts.events is None:
        return "The verdicts are not known now."
    if any(point.estimate is not None for point in points):
        return ""
    if points:
        return "No verdict so far had rows to estimate a difference from."
    if facts.config.duel is None:
        return "This model has no section duel, so its challengers are not evaluated automatically."
    return "No challenger has been evaluated yet."
