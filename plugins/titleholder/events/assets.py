"""The Airflow assets that events update: a model's champion, its challenger, and decay."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from titleholder.events.event import CHAMPION_ACTIONS, NO_CHANGE_ACTIONS, Event


@dataclass(frozen=True)
class AssetUpdate:
    """One asset event: the asset's name, which is its URI, too, and the event's `extra` (JSON).

    `extra` has the role's `version`, such as `linnerud@3` (None for no model), its
    `deployed_model_id` and `traffic_percentage` (None if it is not known), the `previous_version`
    (None if there was none or it is not known), and `action`, `reason`, `evidence`, `run`, `actor`,
    `endpoint`, `time` (RFC 3339) and the id, `event`, of the row in the events table.
    """

    asset: str
    extra: dict[str, Any]

    @property
    def id(self) -> tuple[str, str]:
        """What tells it from all others: the asset and the id of the event."""
        return self.asset, str(self.extra.get("event"))

    @property
    def time(self) -> datetime:
        """The time of the change, aware."""
        return datetime.fromisoformat(self.extra["time"]).astimezone(UTC)


def asset_updates(event: Event, earlier: Iterable[AssetUpdate] = ()) -> Iterator[AssetUpdate]:
    """The updates of the assets by an event; none where nothing changed.

    `<model>/champion` is updated when another version becomes champion, `<model>/challenger` when
    the challenger or its traffic percentage changes. Another deployed model of the same version is
    no change. `earlier` are updates that Airflow has, newest first: a reconstructed event has no
    state before it, so that it is compared with them.
    """
    if event.action in NO_CHANGE_ACTIONS:
        return
    newest: dict[str, Mapping[str, Any]] = {}
    for update in earlier:
        newest.setdefault(update.asset, update.extra)
    for role, before, after, compared in (
        # The champion's traffic percentage is what the challenger leaves.
        ("champion", event.champion_before, event.champion_after, ("version",)),
        (
            "challenger",
            event.challenger_before,
            event.challenger_after,
            ("version", "traffic_percentage"),
        ),
    ):
        name = f"{event.model}/{role}"
        now = _role(event, after, event.split_after)
        was: Mapping[str, Any]
        if not event.reconstructed:
            was = _role(event, before, event.split_before)
        elif name in newest:
            was = newest[name]
        elif role == "champion" and event.action not in CHAMPION_ACTIONS:
            continue
        else:
            was = _role(event, None, None)
        known = [key for key in compared if key == "version" or now[key] is not None]
        if any(now[key] != was.get(key) for key in known):
            yield AssetUpdate(name, _extra(event, now, was.get("version")))


def decay_update(event: Event) -> AssetUpdate:
    """The update of `<model>/decay` by the event of a decay; its version is the champion's."""
    champion = _role(event, event.champion_after, event.split_after)
    return AssetUpdate(f"{event.model}/decay", _extra(event, champion, None))


def _role(event: Event, deployed: str | None, split: Mapping[str, int] | None) -> dict[str, Any]:
    """Version, deployed model id and traffic percentage of the deployed model in a role."""
    if deployed is None:
        return {"version": None, "deployed_model_id": None, "traffic_percentage": 0}
    return {
        "version": event.version_text(deployed),
        "deployed_model_id": deployed,
        "traffic_percentage": None if split is None else split.get(deployed, 0),
    }


def _extra(event: Event, role: Mapping[str, Any], previous_version: Any) -> dict[str, Any]:
    return {
        **role,
        "previous_version": previous_version,
        "action": str(event.action),
        "reason": event.reason,
        "evidence": event.evidence,
        "run": event.run,
        "actor": event.actor,
        "endpoint": event.endpoint,
        "time": event.time.isoformat(timespec="seconds"),
        "event": event.id,
    }
