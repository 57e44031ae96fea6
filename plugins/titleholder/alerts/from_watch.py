"""Alerts for what watching the champion has found, from its events. No I/O."""

from collections.abc import Sequence

from titleholder.alerts.alert import Alert, AlertKind, Link
from titleholder.alerts.from_event import traffic_text
from titleholder.analysis.watching.retraining import EarlyTraining, Retraining
from titleholder.config.watch import Watch
from titleholder.events.event import Action, Event
from titleholder.gcp.console import endpoint_page

_KINDS: dict[str, AlertKind] = {
    Action.DECAYED: AlertKind.DECAYED,
    Action.RECOVERED: AlertKind.RECOVERED,
    Action.DATA_DRIFT: AlertKind.DATA_DRIFT,
}
ALERTED_ACTIONS = frozenset(_KINDS)
"""The actions of the events that `alert_for_watch_event` is for."""


def alert_for_watch_event(
    event: Event, decision: Retraining, watch: Watch, pages: Sequence[Link] = ()
) -> Alert:
    """The alert for an event of decay, recovery or data drift, with what follows from it."""
    kind = _KINDS[event.action]
    version = str(event.evidence.get("version") or event.model)
    return Alert(
        kind,
        event.model,
        version,
        f"{event.reason[:1].upper()}{event.reason[1:]}.",
        f"unchanged: {traffic_text(event)}",
        "Nothing now." if kind is AlertKind.RECOVERED else _next_step(event, decision, watch),
    ).linked(*pages, Link("Endpoint", endpoint_page(event.endpoint)))


def alert_for_training(event: Event, training: EarlyTraining, pages: Sequence[Link] = ()) -> Alert:
    """The alert for an early training that is started."""
    return Alert(
        AlertKind.EARLY_TRAINING,
        event.model,
        f"data of {training.interval}",
        f"{event.reason[:1].upper()}{event.reason[1:]}.",
        f"unchanged: {traffic_text(event)}",
        f"Nothing: {event.model}__train deploys its model as challenger if it passes the gate.",
    ).linked(*pages, Link("Endpoint", endpoint_page(event.endpoint)))


def _next_step(event: Event, decision: Retraining, watch: Watch) -> str:
    cause = "decay" if event.action == Action.DECAYED else "drift"
    returns = (
        " The previous champion returns by itself if it is better on the days from now on."
        if event.action == Action.DECAYED and watch.on_decay == "undo_promotion"
        else ""
    )
    if cause not in watch.retrain_on:
        return (
            f"Trigger {event.model}__train with a newer interval_end, or wait for its schedule."
            f"{returns}"
        )
    if decision.training is not None:
        return f"Nothing: a training on {decision.training.interval} is started now.{returns}"
    return f"Nothing: {decision.reason or 'a training is started as soon as possible'}.{returns}"
