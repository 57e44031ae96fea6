"""The updates of a model's assets by the events of changes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from titleholder.events.assets import AssetUpdate, asset_updates, decay_update
from titleholder.events.event import NO_CHANGE_ACTIONS, Event

VERSIONS = {"1": "linnerud@1", "2": "linnerud@2", "3": "linnerud@2"}


def event(
    action: str,
    before: tuple[str | None, str | None, dict[str, int] | None],
    after: tuple[str | None, str | None, dict[str, int] | None],
    **fields: Any,
) -> Event:
    return Event(
        id=f"{action}-0",
        time=datetime(2026, 11, 16, 3, tzinfo=UTC),
        model="linnerud",
        action=action,
        reason="because",
        champion_before=before[0],
        challenger_before=before[1],
        split_before=before[2],
        champion_after=after[0],
        challenger_after=after[1],
        split_after=after[2],
        versions=VERSIONS,
        **fields,
    )


def updated(changed: Event, *earlier: AssetUpdate) -> dict[str, tuple[Any, Any, Any]]:
    """Version, previous version and traffic percentage by role."""
    return {
        one.asset.removeprefix("linnerud/"): (
            one.extra["version"],
            one.extra["previous_version"],
            one.extra["traffic_percentage"],
        )
        for one in asset_updates(changed, earlier)
    }


NONE = (None, None, None)
ALONE = ("1", None, {"1": 100})
BOTH = ("1", "2", {"1": 90, "2": 10})
MORE = ("1", "2", {"1": 70, "2": 30})
AFTER = ("2", None, {"2": 100})
# The challenger with other machine settings: another deployed model of the same version.
MOVED = ("1", "3", {"1": 90, "3": 10})
FIRST = {"champion": ("linnerud@1", None, 100)}
DEPLOYED = {"challenger": ("linnerud@2", None, 10)}
GONE = (None, "linnerud@2", 0)
PROMOTED = {"champion": ("linnerud@2", "linnerud@1", 100), "challenger": GONE}


@pytest.mark.parametrize(
    ("action", "before", "after", "expected"),
    [
        ("first_champion", NONE, ALONE, FIRST),
        ("deploy_challenger", ALONE, BOTH, DEPLOYED),
        ("set_traffic", BOTH, MORE, {"challenger": ("linnerud@2", "linnerud@2", 30)}),
        ("promote", MORE, AFTER, PROMOTED),
        ("rollback", MORE, ALONE, {"challenger": GONE}),
        ("abort", MORE, ("1", "2", {"1": 100}), {"challenger": ("linnerud@2", "linnerud@2", 0)}),
        ("update_resources", BOTH, MOVED, {}),
        ("adopt", BOTH, BOTH, {}),
        ("restore", NONE, BOTH, FIRST | {"champion": ("linnerud@1", None, 90)} | DEPLOYED),
    ],
)
def test_the_roles_that_a_change_updates(
    action: str, before: Any, after: Any, expected: dict[str, Any]
) -> None:
    assert updated(event(action, before, after)) == expected


@pytest.mark.parametrize("action", sorted(NO_CHANGE_ACTIONS))
def test_an_action_that_changes_nothing(action: str) -> None:
    assert updated(event(action, NONE, BOTH)) == {}


def test_a_reconstructed_event_is_compared_with_what_was_registered() -> None:
    promoted = event("promote", NONE, AFTER, reconstructed=True)
    assert updated(promoted) == {"champion": ("linnerud@2", None, 100)}
    first = list(asset_updates(event("first_champion", NONE, ALONE)))
    deployed = list(asset_updates(event("deploy_challenger", ALONE, BOTH)))
    # Newest first.
    assert updated(promoted, *deployed, *first) == PROMOTED
    assert updated(promoted, *asset_updates(event("promote", BOTH, AFTER))) == {}

    # A promotion by another caller, of which only the traffic step after it is known.
    step = event("set_traffic", NONE, ("2", None, {"2": 100}), reconstructed=True)
    assert updated(step, *deployed, *first) == PROMOTED
    assert updated(step) == {}


def test_a_split_that_is_not_known() -> None:
    # The labels record another split than the endpoint has had.
    unknown = event("set_traffic", NONE, ("1", "2", None), reconstructed=True)
    registered = list(asset_updates(event("deploy_challenger", ALONE, BOTH)))
    assert updated(unknown, *registered) == {}
    assert updated(replace(unknown, action="deploy_challenger")) == {
        "challenger": ("linnerud@2", None, None)
    }


def test_the_update_of_a_decay_has_the_champion() -> None:
    decayed = event("decayed", ("2", None, {"2": 100}), ("2", None, {"2": 100}), evidence={"x": 1})
    update = decay_update(decayed)
    assert update.asset == "linnerud/decay"
    assert update.id == ("linnerud/decay", "decayed-0")
    assert update.time == decayed.time
    assert update.extra["version"] == "linnerud@2"
    assert update.extra["traffic_percentage"] == 100
    assert update.extra["evidence"] == {"x": 1}
    assert not list(asset_updates(decayed))
