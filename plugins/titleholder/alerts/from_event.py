"""What is told of a change to the endpoint, by its event."""

from collections.abc import Callable, Mapping
from datetime import datetime

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.events.event import OWED, Event
from titleholder.gcp.console import endpoint_page, object_page, pipeline_page, version_page

_WATCH = "Nothing now."


def alert_for_event(event: Event, judged: bool) -> Alert | None:
    """The alert of a change that a rollout made; None where there is nothing to tell, as when an
    old challenger makes place. `judged`: the model has duels, so nobody need judge it by hand."""
    tell = _TEXTS.get(event.action)
    if tell is None or event.reconstructed:
        return None
    kind, whom, what, todo = tell(event, judged)
    because = f" ({event.evidence['reason']})" if event.evidence.get("reason") else ""
    by = "" if event.actor in ("", "airflow") else f" Asked for by {event.actor}."
    interval = event.interval_start and event.interval_end
    about = (
        f"data of {event.interval_start:%Y-%m-%d %H:%M} to {event.interval_end:%Y-%m-%d %H:%M} UTC"
        if interval
        else model_name(event, whom)
    )
    alert = Alert(
        kind, event.model, about, f"{what}{because}.{by}", shares(event.split_after, event), todo
    )
    version = event.versions.get(whom or "", "")
    report = object_page(str(event.evidence.get("report", "")))
    return alert.linked(
        Link("Endpoint", endpoint_page(event.endpoint)),
        Link(f"Model {version}", version_page(event.endpoint, version)),
        Link("Duel" if report else "Pipeline", pipeline_page(str(event.evidence.get("job", "")))),
        Link("Report", report),
    )


def model_name(event: Event, deployed_model_id: str | None) -> str:
    """A deployed model for a person: its version, and the week it was trained on."""
    if deployed_model_id is None:
        return "nobody"
    until = event.data_interval_end.get(deployed_model_id)
    trained = f" (data until {datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC)" if until else ""
    return f"{event.version_text(deployed_model_id)}{trained}"


def shares(split: Mapping[str, int] | None, event: Event) -> str:
    """Who answers what, as a sentence."""
    if not split:
        return "Nobody answers: the endpoint has no traffic split."
    roles = {event.champion_after: "the champion", event.challenger_after: "the challenger"}
    called = {
        seat: f"{roles[seat]} {event.version_text(seat)}"
        if seat in roles
        else f"{event.version_text(seat)}, which has no role"
        for seat in split
    }
    parts = [f"{share} % of the requests go to {called[seat]}" for seat, share in split.items()]
    return f"{', '.join(parts)}."


_Text = tuple[AlertKind, str | None, str, str]


def _crown(event: Event, judged: bool) -> _Text:
    new = event.champion_after
    return AlertKind.FIRST_CHAMPION, new, f"{model_name(event, new)} is the first champion", _WATCH


def _seat(event: Event, judged: bool) -> _Text:
    new = event.challenger_after
    old = event.challenger_before
    place = f", in the place of {model_name(event, old)}" if old and old != new else ""
    todo = (
        f"Nothing: {event.model}__rollout judges it by itself."
        if judged
        else f"Compare it with the champion, then trigger {event.model}__rollout with the intent "
        "promote or rollback."
    )
    return (
        AlertKind.CHALLENGER_DEPLOYED,
        new,
        f"{model_name(event, new)} is challenger{place}",
        todo,
    )


def _share(event: Event, judged: bool) -> _Text:
    who = event.challenger_after or ""
    before, after = ((split or {}).get(who, 0) for split in (event.split_before, event.split_after))
    what = f"{model_name(event, who)} went from {before} % to {after} % of the requests"
    return (
        AlertKind.TRAFFIC_CHANGED,
        who,
        what,
        _back(event, "abort", "take it off live traffic at once"),
    )


def _promote(event: Event, judged: bool) -> _Text:
    new, old = event.champion_after, event.champion_before
    what = f"{model_name(event, new)} is champion, {model_name(event, old)} is not any more"
    return AlertKind.PROMOTED, new, what, _back(event, "reinstate", "go back")


def _leave(event: Event, judged: bool) -> _Text:
    gone = _withdrawn(event)
    todo = _owed(event) or "Nothing: the next weekly model is the next challenger."
    return AlertKind.ROLLED_BACK, gone, f"{_named_as(event, gone)} no more", todo


def _abort(event: Event, judged: bool) -> _Text:
    kind, gone, what, _ = _leave(event, judged)
    todo = _owed(event) or (
        f"Trigger {event.model}__rollout with the intent share to bring it back, or rollback to "
        "undeploy it."
    )
    return kind, gone, f"{what}, and stays deployed without traffic", todo


def _withdrawn(event: Event) -> str | None:
    """The challenger, unless it is still there: on an endpoint that was changed by hand another
    model may have lost its traffic."""
    before, now = event.challenger_before, event.challenger_after
    if before is not None and before != now:
        return before
    left = (event.split_before or {}).keys() - (event.split_after or {}).keys()
    return next(iter(left), before)


def _named_as(event: Event, gone: str | None) -> str:
    challenger = gone is None or gone == event.challenger_before
    return f"{model_name(event, gone)} {'is challenger' if challenger else 'has traffic'}"


def _owed(event: Event) -> str:
    owed = event.evidence.get(OWED)
    return (
        f"The endpoint was changed by hand and still differs from the record ({'; '.join(owed)}): "
        f"trigger {event.model}__rollout with the intent adopt or restore."
        if owed
        else ""
    )


def _reinstate(event: Event, judged: bool) -> _Text:
    back, gone = event.champion_after, event.champion_before
    what = f"{model_name(event, back)} is champion again instead of {model_name(event, gone)}"
    return AlertKind.PROMOTION_UNDONE, back, what, _WATCH


def _settle(event: Event, judged: bool) -> _Text:
    how = "was taken as it was found" if event.action == "adopt" else "is as it was recorded again"
    what = f"the endpoint {how}, with {model_name(event, event.champion_after)} as champion"
    return AlertKind.SETTLED, event.champion_after, what, _WATCH


def _back(event: Event, intent: str, purpose: str) -> str:
    return f"Nothing. To {purpose}, trigger {event.model}__rollout with the intent {intent}."


_TEXTS: Mapping[str, Callable[[Event, bool], _Text]] = {
    "crown": _crown,
    "seat": _seat,
    "share": _share,
    "promote": _promote,
    "rollback": _leave,
    "abort": _abort,
    "reinstate": _reinstate,
    "adopt": _settle,
    "restore": _settle,
}
