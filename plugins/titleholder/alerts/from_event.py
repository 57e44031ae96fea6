"""Alerts for changes to an endpoint, from their events. No I/O."""

from collections.abc import Callable, Mapping
from datetime import datetime

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.events.event import STILL_DIFFERS, Action, Event
from titleholder.gcp.console import endpoint_page, object_page, pipeline_page, version_page

_NOTHING = "Nothing now."
# Kind, the deployed model that the change is about, summary and next step.
_Text = tuple[AlertKind, str | None, str, str]


def alert_for_event(event: Event, has_duel: bool) -> Alert | None:
    """The alert for a change by a rollout; None for an event that has none, as when a challenger
    makes room. `has_duel`: the model's challengers are evaluated automatically."""
    text_for = _TEXTS.get(event.action)
    if text_for is None or event.reconstructed:
        return None
    kind, deployed_model_id, summary, next_step = text_for(event, has_duel)
    because = f" ({event.evidence['reason']})" if event.evidence.get("reason") else ""
    by = "" if event.actor in ("", "airflow") else f" Requested by {event.actor}."
    subject = _model_name(event, deployed_model_id)
    if event.interval_start and event.interval_end:
        span = f"{event.interval_start:%Y-%m-%d %H:%M} to {event.interval_end:%Y-%m-%d %H:%M}"
        subject = f"data of {span} UTC"
    traffic = traffic_text(event)
    alert = Alert(kind, event.model, subject, f"{summary}{because}.{by}", traffic, next_step)
    version = event.versions.get(deployed_model_id or "", "")
    report = object_page(str(event.evidence.get("report", "")))
    return alert.linked(
        Link("Endpoint", endpoint_page(event.endpoint)),
        Link(f"Model {version}", version_page(event.endpoint, version)),
        Link("Duel" if report else "Pipeline", pipeline_page(str(event.evidence.get("job", "")))),
        Link("Report", report),
    )


def _model_name(event: Event, deployed_model_id: str | None) -> str:
    """A deployed model by its version, and the end of its training data."""
    if deployed_model_id is None:
        return "no model"
    until = event.data_interval_end.get(deployed_model_id)
    trained = f" (data until {datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC)" if until else ""
    return f"{event.version_text(deployed_model_id)}{trained}"


def traffic_text(event: Event) -> str:
    """The traffic split after the event, in words."""
    if not event.split_after:
        return "No model receives traffic: the endpoint has no traffic split."
    roles = {event.champion_after: "the champion", event.challenger_after: "the challenger"}
    parts = [
        f"{percentage} % to {roles.get(deployed, 'a model without role,')} "
        f"{event.version_text(deployed)}"
        for deployed, percentage in event.split_after.items()
    ]
    return f"{', '.join(parts)}."


def _first_champion(event: Event, has_duel: bool) -> _Text:
    new = event.champion_after
    summary = f"{_model_name(event, new)} is the first champion"
    return AlertKind.FIRST_CHAMPION, new, summary, _NOTHING


def _deploy_challenger(event: Event, has_duel: bool) -> _Text:
    new, replaced = event.challenger_after, event.challenger_before
    place = f", instead of {_model_name(event, replaced)}" if replaced and replaced != new else ""
    next_step = (
        f"Nothing: {event.model}__rollout evaluates it."
        if has_duel
        else f"Compare it with the champion, then trigger {event.model}__rollout with the intent "
        "promote or rollback."
    )
    summary = f"{_model_name(event, new)} is challenger{place}"
    return AlertKind.CHALLENGER_DEPLOYED, new, summary, next_step


def _set_traffic(event: Event, has_duel: bool) -> _Text:
    target = event.challenger_after or ""
    splits = (event.split_before, event.split_after)
    before, after = ((split or {}).get(target, 0) for split in splits)
    summary = f"{_model_name(event, target)} went from {before} % to {after} % of the traffic"
    next_step = _undo(event, "abort", "take its traffic at once")
    return AlertKind.TRAFFIC_CHANGED, target, summary, next_step


def _promote(event: Event, has_duel: bool) -> _Text:
    new, before = event.champion_after, event.champion_before
    summary = f"{_model_name(event, new)} is champion, {_model_name(event, before)} is not any more"
    return AlertKind.PROMOTED, new, summary, _undo(event, "undo_promotion", "go back")


def _rollback(event: Event, has_duel: bool) -> _Text:
    removed = _without_traffic(event)
    state = "is not challenger" if removed in (None, event.challenger_before) else "has no traffic"
    summary = f"{_model_name(event, removed)} {state} any more"
    next_step = _differences(event) or "Nothing: the next weekly model is the next challenger."
    return AlertKind.ROLLED_BACK, removed, summary, next_step


def _abort(event: Event, has_duel: bool) -> _Text:
    kind, removed, summary, _ = _rollback(event, has_duel)
    next_step = _differences(event) or (
        f"Trigger {event.model}__rollout with the intent set_traffic to give it traffic again, or "
        "rollback to undeploy it."
    )
    return kind, removed, f"{summary}, and stays deployed without traffic", next_step


def _without_traffic(event: Event) -> str | None:
    """The challenger, unless it is still challenger: on an endpoint that was changed by hand
    another model may have lost its traffic."""
    before = event.challenger_before
    if before is not None and before != event.challenger_after:
        return before
    removed = (event.split_before or {}).keys() - (event.split_after or {}).keys()
    return next(iter(removed), before)


def _differences(event: Event) -> str:
    remaining = event.evidence.get(STILL_DIFFERS)
    return (
        "The endpoint was changed by hand and still differs from the record "
        f"({'; '.join(remaining)}): trigger {event.model}__rollout with the intent adopt or "
        "restore."
        if remaining
        else ""
    )


def _undo_promotion(event: Event, has_duel: bool) -> _Text:
    champion, before = event.champion_after, event.champion_before
    summary = (
        f"{_model_name(event, champion)} is champion again instead of {_model_name(event, before)}"
    )
    return AlertKind.PROMOTION_UNDONE, champion, summary, _NOTHING


def _update_resources(event: Event, has_duel: bool) -> _Text:
    moved = event.challenger_after != event.challenger_before
    about = event.challenger_after if moved else event.champion_after
    return AlertKind.MACHINES_CHANGED, about, event.reason, _NOTHING


def _resolve_drift(event: Event, has_duel: bool) -> _Text:
    adopted = event.action == Action.ADOPT
    how = "was recorded as it was found" if adopted else "is as it was recorded again"
    summary = f"the endpoint {how}, with {_model_name(event, event.champion_after)} as champion"
    return AlertKind.DRIFT_RESOLVED, event.champion_after, summary, _NOTHING


def _undo(event: Event, intent: str, purpose: str) -> str:
    return f"Nothing. To {purpose}, trigger {event.model}__rollout with the intent {intent}."


_TEXTS: Mapping[str, Callable[[Event, bool], _Text]] = {
    Action.FIRST_CHAMPION: _first_champion,
    Action.DEPLOY_CHALLENGER: _deploy_challenger,
    Action.SET_TRAFFIC: _set_traffic,
    Action.PROMOTE: _promote,
    Action.ROLLBACK: _rollback,
    Action.ABORT: _abort,
    Action.UNDO_PROMOTION: _undo_promotion,
    Action.UPDATE_RESOURCES: _update_resources,
    Action.ADOPT: _resolve_drift,
    Action.RESTORE: _resolve_drift,
}
