"""Updates Airflow's assets of a model, once for each change of its champion or challenger.

Airflow registers the asset events of a task only when the attempt succeeds. So the updates of each
change are kept in the task state store, which survives deferrals, retries and clears, before the
change is made; and what Airflow has registered is read before it is repeated.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, AssetAlias

from titleholder.events.assets import AssetUpdate, asset_updates
from titleholder.events.event import Event
from titleholder.gcp.errors import error_message
from titleholder.operators.base import ModelOperator

_KEY = "asset-updates"
# A change that another caller made is left to it for an hour: it may still run. After two weeks
# `airflow db clean` may have removed the asset event, so that it would be registered twice.
_OTHERS_TURN, _TOO_OLD = timedelta(hours=1), timedelta(weeks=2)
_NEWEST = 100


def asset_alias(model: str) -> AssetAlias:
    """Inlet and outlet of the tasks that update the assets of a model; it has the model's name.

    An alias: an asset as outlet is updated by every success of its task. And a task does not start
    where another DAG gives its asset's name to another asset, but a rollback has to.
    """
    return AssetAlias(model)


class Announcements:
    """The asset updates of one attempt of a task.

    Never raises: what happens to an endpoint does not depend on them.
    """

    def __init__(self, operator: ModelOperator, context: Mapping[str, Any]) -> None:
        self._operator, self._context = operator, context
        self._alias = asset_alias(operator.config.model)

    def before_change(self, event: Event) -> None:
        """Keep the updates of a change that is about to be made."""
        if updates := [{**asdict(one), "made": False} for one in asset_updates(event)]:
            # A try that failed before has the same id.
            others = [one for one in self._kept() if one["extra"]["event"] != event.id]
            self._keep(others + updates)

    def after_changes(self, recorded: Iterable[Event]) -> None:
        """Note which of the kept changes have been made, by the events of this attempt, of which
        one may be the endpoint's last change, by any caller."""
        ids = {event.id for event in recorded}
        kept = self._kept() if ids else []
        if made := [one for one in kept if not one["made"] and one["extra"]["event"] in ids]:
            self._keep([one | {"made": one["made"] or one in made} for one in kept])

    def register(self, recorded: Iterable[Event]) -> None:
        """Update the assets for the changes of this task, in this attempt and earlier ones, and for
        the endpoint's last change where its caller did not; Airflow does so if the attempt
        succeeds."""
        now, recorded = self._operator.clock(), list(recorded)
        own = [one for event in recorded if not event.reconstructed for one in asset_updates(event)]
        earlier = [
            update
            for update in (AssetUpdate(one["asset"], one["extra"]) for one in self._kept(made=True))
            if update not in own and now - update.time < _TOO_OLD
        ]
        last = [
            event
            for event in recorded
            if event.reconstructed and _OTHERS_TURN < now - event.time < _TOO_OLD
        ]
        if earlier or last:
            there = self._registered()
            if there is None:  # rather an event too few than one too many
                earlier, last, there = [], [], []
            ids = {one.extra.get("event") for one in there}
            earlier = [one for one in earlier if one.extra["event"] not in ids]
            missed = [one for event in last for one in asset_updates(event, there)]
            ids |= {one.extra["event"] for one in earlier}
            own = [*earlier, *(one for one in missed if one.extra["event"] not in ids), *own]
        for update in own:
            self._operator.log.info("updating the asset %s", update.asset)
            outlet = self._context["outlet_events"][self._alias]
            outlet.add(Asset(update.asset), extra=update.extra)

    def _registered(self) -> Sequence[AssetUpdate] | None:
        """The updates that Airflow has registered, newest first; None if it does not say."""
        try:
            events = self._context["inlet_events"][self._alias].ascending(False).limit(_NEWEST)
            return [AssetUpdate(event.asset.name, event.extra) for event in events]
        except Exception as error:
            self._warn(error)
            return None

    def _kept(self, made: bool = False) -> list[dict[str, Any]]:
        try:
            kept: list[dict[str, Any]] = self._context["task_state_store"].get(_KEY) or []
        except Exception as error:
            self._warn(error)
            return []
        return [one for one in kept if one["made"] or not made]

    def _keep(self, updates: list[dict[str, Any]]) -> None:
        try:
            self._context["task_state_store"].set(_KEY, updates)
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        self._operator.log.warning(
            "the assets of %s may miss an update: %s",
            self._operator.config.model,
            error_message(error),
        )
