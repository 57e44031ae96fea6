"""Updates Airflow's assets of a model, once for each change of its champion or challenger.

Airflow registers the asset events of a task only when the attempt succeeds. So the updates of each
change are kept in the task state store, which survives deferrals, retries and clears, before the
change is made; and what Airflow has registered is read before it is repeated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypeVar

from airflow.sdk import Asset, AssetAlias

from titleholder.events.assets import AssetUpdate, asset_updates
from titleholder.events.event import Event
from titleholder.gcp.errors import error_message
from titleholder.operators.base import ModelOperator

T = TypeVar("T")

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

    Never raises: what happens to an endpoint does not depend on them. Where Airflow has failed to
    answer once, an attempt does not ask it again, as each answer may take half a minute.
    """

    def __init__(self, operator: ModelOperator, context: Mapping[str, Any]) -> None:
        self._operator, self._context = operator, context
        self._alias = asset_alias(operator.config.model)
        self._failed = False

    def before_change(self, event: Event) -> None:
        """Keep the updates of a change that is about to be made."""

        def keep() -> None:
            if updates := [{**asdict(one), "made": False} for one in asset_updates(event)]:
                # A try that failed before has the same id.
                others = [one for one in self._kept() if one["extra"]["event"] != event.id]
                self._context["task_state_store"].set(_KEY, others + updates)

        self._try(keep, None)

    def after_changes(self, recorded: Iterable[Event]) -> None:
        """Note which of the kept changes have been made, by the events of this attempt, of which
        one may be the endpoint's last change, by any caller."""
        ids = {event.id for event in recorded}

        def note() -> None:
            kept = self._kept()
            if made := [one for one in kept if not one["made"] and one["extra"]["event"] in ids]:
                updates = [one | {"made": one["made"] or one in made} for one in kept]
                self._context["task_state_store"].set(_KEY, updates)

        if ids:
            self._try(note, None)

    def register(self, recorded: Sequence[Event], also_others: bool) -> None:
        """Update the assets for the changes of this task, in this attempt and earlier ones, and
        with `also_others` for the endpoint's last change if its caller did not; Airflow does so
        when the attempt succeeds."""
        own = [one for event in recorded if not event.reconstructed for one in asset_updates(event)]
        others = recorded if also_others else ()
        nothing: list[AssetUpdate] = []
        for update in (*self._try(lambda: self._missed(own, others), nothing), *own):
            self._operator.log.info("updating the asset %s", update.asset)
            outlet = self._context["outlet_events"][self._alias]
            outlet.add(Asset(update.asset), extra=update.extra)

    def _missed(self, own: Sequence[AssetUpdate], recorded: Iterable[Event]) -> list[AssetUpdate]:
        """The updates by earlier attempts, and by another caller, that Airflow does not have."""
        now = self._operator.clock()
        kept = [AssetUpdate(one["asset"], one["extra"]) for one in self._kept() if one["made"]]
        kept = [one for one in kept if one not in own and now - one.time < _TOO_OLD]
        last = [
            event
            for event in recorded
            if event.reconstructed and _OTHERS_TURN < now - event.time < _TOO_OLD
        ]
        if not (kept or last):
            return []
        events = self._context["inlet_events"][self._alias].ascending(False).limit(_NEWEST)
        there = [AssetUpdate(event.asset.name, event.extra) for event in events]
        newest = {one.asset: one.time for one in reversed(there)}
        ids = {one.id for one in there}
        kept = [
            one
            for one in kept
            # An update that was overtaken would be the newest, with a state that is no more.
            if one.id not in ids and one.time >= newest.get(one.asset, one.time)
        ]
        events_there = {one.extra["event"] for one in (*there, *kept)}
        return kept + [
            one
            for event in last
            if event.id not in events_there
            for one in asset_updates(event, [*reversed(kept), *there])
        ]

    def _kept(self) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = self._context["task_state_store"].get(_KEY) or []
        return kept

    def _try(self, step: Callable[[], T], without: T) -> T:
        """The result of a step that asks Airflow; `without` if it fails, or one before it did."""
        if self._failed:
            return without
        try:
            return step()
        except Exception as error:
            self._failed = True
            model, why = self._operator.config.model, error_message(error)
            self._operator.log.warning("the assets of %s may miss an update: %s", model, why)
            return without
