"""What `status` shows of one model, read from Vertex AI and the events table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from titleholder.analysis.progress import Progress, progress
from titleholder.cli.context import CommandContext
from titleholder.events.event import NO_CHANGE_ACTIONS, Event
from titleholder.gcp.errors import user_message
from titleholder.labels import Label
from titleholder.rollout.display_names import version_name
from titleholder.rollout.resources import settings_text
from titleholder.rollout.status import EndpointStatus, endpoint_status
from titleholder.rollout.view import View

LOOK_BACK = timedelta(days=90)
# The time limit for reading the events, which must not delay the rest.
EVENTS_SECONDS = 10.0


class NotDeployed(NamedTuple):
    """A model that has a role and is not deployed; `version` is None if it is not registered."""

    id: str
    version: str | None


@dataclass(frozen=True)
class StatusFacts:
    """The facts at `now` (aware).

    `last` is the last recorded change, `removal` the one that removed the last challenger, None if
    not recorded; `unreadable` says why the events could not be read, "" if they were. `settings`
    are sentences about machine settings that differ from the file's.
    """

    now: datetime
    view: View
    status: EndpointStatus
    last: Event | None
    removal: Event | None
    unreadable: str
    evaluation: Progress | None
    settings: Sequence[str]

    @property
    def not_deployed(self) -> dict[str, NotDeployed]:
        """Role to model, for the roles of models that are not deployed."""
        roles = self.status.roles
        if roles is None:
            return {}
        return {
            role.value: NotDeployed(found, _version(self.view, found))
            for role in (Label.PREVIOUS_CHAMPION, Label.LAST_CHALLENGER)
            if (found := roles.holder(role)) and not self.view.deployed_model(found)
        }


def read_status(context: CommandContext, now: datetime) -> StatusFacts:
    """The facts of the model. Raises as Endpoints.observe does; without the events the rest is
    read."""
    view = context.endpoints.observe()
    status = endpoint_status(view)
    events, unreadable = _events(context, now - LOOK_BACK)
    changes = [event for event in events if event.action not in NO_CHANGE_ACTIONS]
    last_challenger = status.roles.last_challenger if status.roles else None
    removals = [
        event
        for event in changes
        if last_challenger is not None
        and event.challenger_before == last_challenger
        and event.challenger_after != last_challenger
    ]
    return StatusFacts(
        now,
        view,
        status,
        changes[-1] if changes else None,
        removals[-1] if removals else None,
        unreadable,
        None if unreadable else progress(context.config, view, status.roles, events, now),
        settings_text(view),
    )


def _version(view: View, deployed_model_id: str) -> str | None:
    version = view.version_for_deployment(deployed_model_id)
    return version_name(view.model, version.number) if version else None


def _events(context: CommandContext, since: datetime) -> tuple[list[Event], str]:
    """The events since then, and why they could not be read, "" if they were; raises nothing, since
    `status` must work without BigQuery."""
    try:
        return context.events_within(EVENTS_SECONDS).read(context.config.model, since=since), ""
    except Exception as error:
        return [], user_message(error) or f"{type(error).__name__}: {error}"
