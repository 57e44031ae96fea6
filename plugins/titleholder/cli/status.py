"""The verb `status`."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from titleholder.analysis.progress import progress
from titleholder.cli.context import CommandContext
from titleholder.cli.evaluation import evaluation_lines, evaluation_to_json
from titleholder.cli.history import event_line, event_to_json
from titleholder.cli.terminal import print_line
from titleholder.events.event import NO_CHANGE_ACTIONS, Event
from titleholder.gcp.errors import user_message
from titleholder.labels import Label
from titleholder.rollout.display_names import version_name
from titleholder.rollout.resources import settings_text
from titleholder.rollout.status import endpoint_status
from titleholder.rollout.view import View

LOOK_BACK = timedelta(days=90)
# The time limit for reading the events, which must not delay the rest.
EVENTS_SECONDS = 10.0


@dataclass(frozen=True)
class LastChanges:
    """The last recorded change, the one that removed the last challenger (None: not recorded), and
    why the events could not be read, "" if they were."""

    last: Event | None = None
    removal: Event | None = None
    unreadable: str = ""


def status(context: CommandContext, options: argparse.Namespace) -> int:
    """Print the deployed models with role and traffic, the last change, and the evaluation of the
    challenger; 1 when a person has to act."""
    now = datetime.now(UTC)
    view = context.endpoints.observe()
    holders, roles, needs_action = endpoint_status(view)
    deployed = [
        {
            "role": role,
            "traffic_percentage": one.traffic_percentage,
            "id": one.id,
            "version": one.model,
            "display_name": one.display_name,
            "data_interval_end": end.isoformat() if (end := view.data_interval_end(one)) else None,
        }
        for one, role in holders
    ]
    not_deployed = {
        role.value: found
        for role in (Label.PREVIOUS_CHAMPION, Label.LAST_CHALLENGER)
        if roles is not None and (found := _not_deployed(view, roles.holder(role)))
    }
    settings = settings_text(view)
    events, unreadable = _events(context, now - LOOK_BACK)
    changes = _last_changes(events, unreadable, roles.last_challenger if roles else None)
    evaluation = None if unreadable else progress(context.config, view, roles, events, now)
    if options.json:
        answer = {
            "model": view.model,
            "endpoint": view.endpoint,
            "address": view.address or None,
            "deployed": deployed,
            "not_deployed": not_deployed,
            "last_change": event_to_json(changes.last) if changes.last else None,
            "challenger_removed_by": event_to_json(changes.removal) if changes.removal else None,
            "evaluation": evaluation_to_json(evaluation) if evaluation else None,
            "events_unreadable": changes.unreadable or None,
            "pending_operations": view.pending_operations,
            "machine_settings_differ": settings or None,
            "needs_action": needs_action or None,
        }
        print(json.dumps(answer))
        return 1 if needs_action else 0
    print_line(f"{view.model}: {view.endpoint or 'no endpoint yet'}")
    if view.endpoint:
        print_line(f"  address: {view.address or 'none; Private Service Connect only'}")
    for row in deployed:
        data_end = row["data_interval_end"]
        until = f"data until {data_end:.16}" if data_end else "not deployed by Titleholder"
        print_line(
            f"  {row['role'] or 'no role':17} {row['traffic_percentage']:3} %  "
            f"{row['version']:20} id {row['id']}  {until}"
        )
    for role, model in not_deployed.items():
        undo = role == Label.PREVIOUS_CHAMPION
        remedy = "; undo-promotion deploys it again" if undo else ""
        print_line(
            f"  {role:17}     -  {model['version'] or 'unknown version':20} id {model['id']}  "
            f"not deployed{remedy}"
        )
    if view.endpoint and not deployed:
        print_line("  no model is deployed")
    for operation in view.pending_operations:
        print_line(f"  pending operation: {operation}")
    for line in _change_lines(changes, view):
        print_line(f"  {line}")
    for line in evaluation_lines(evaluation) if evaluation else ():
        print_line(f"  {line}")
    for line in settings:
        print_line(f"  {line}")
    if needs_action:
        print_line(needs_action)
    return 1 if needs_action else 0


def _not_deployed(view: View, deployed_model_id: str | None) -> dict[str, str | None] | None:
    """Id and version of a model that has a role and is not deployed."""
    if deployed_model_id is None or view.deployed_model(deployed_model_id):
        return None
    version = view.version_for_deployment(deployed_model_id)
    name = version_name(view.model, version.number) if version else None
    return {"id": deployed_model_id, "version": name}


def _events(context: CommandContext, since: datetime) -> tuple[list[Event], str]:
    """The events since then, and why they could not be read, "" if they were; raises nothing, since
    `status` must work without BigQuery."""
    try:
        return context.events_within(EVENTS_SECONDS).read(context.config.model, since=since), ""
    except Exception as error:
        return [], user_message(error) or f"{type(error).__name__}: {error}"


def _last_changes(
    events: Sequence[Event], unreadable: str, last_challenger: str | None
) -> LastChanges:
    """The last changes among these events, oldest first. `last_challenger` is an id."""
    changes = [event for event in events if event.action not in NO_CHANGE_ACTIONS]
    removals = [
        event
        for event in changes
        if last_challenger is not None
        and event.challenger_before == last_challenger
        and event.challenger_after != last_challenger
    ]
    return LastChanges(
        changes[-1] if changes else None, removals[-1] if removals else None, unreadable
    )


def _change_lines(changes: LastChanges, view: View) -> Iterator[str]:
    """The last change, and the one that removed the last challenger if that is another."""
    last, removal = changes.last, changes.removal
    labelled = view.labels.get(Label.LAST_EVENT, "")
    action = labelled.partition("-")[0]
    if changes.unreadable:
        reason = changes.unreadable
        yield f"last change: {action or 'unknown'}; the events cannot be read: {reason}"
    elif last is not None and last.id == labelled:
        yield f"last change: {event_line(last)}"
    elif labelled:
        yield f"last change: {action}, which is not recorded"
    if last is not None and last.id != labelled:
        yield f"last recorded: {event_line(last)}"
    if removal is not None and removal != last:
        yield f"challenger removed by: {event_line(removal)}"
