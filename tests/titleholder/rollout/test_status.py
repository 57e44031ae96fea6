"""The status of an endpoint: who has which role, and whether a person has to act."""

from dataclasses import replace

from tests.titleholder.rollout.scenes import EMPTY, NEW, OLD, OLDER, deployed, foreign, view
from titleholder.rollout.roles import Roles
from titleholder.rollout.status import endpoint_status


def test_the_model_with_the_most_traffic_is_first_and_each_has_its_role() -> None:
    roles = Roles(OLD, NEW, OLDER)
    found = view(deployed(2), deployed(0, 10), deployed(1, 90), roles=roles)
    status = endpoint_status(found)
    assert [(one.deployed_model.id, one.role) for one in status.holders] == [
        (OLD, "champion"),
        (NEW, "challenger"),
        (OLDER, "previous-champion"),
    ]
    assert (status.roles, status.needs_action) == (roles, "")


def test_after_a_change_by_hand_the_recorded_roles_are_shown() -> None:
    roles = Roles(OLD, NEW)
    found = view(deployed(0, 10), deployed(1, 90), roles=roles)
    found = replace(found, deployed_models=(deployed(0, 60), deployed(1, 40), foreign("7", 0)))
    status = endpoint_status(found)
    assert [(one.deployed_model.id, one.role) for one in status.holders] == [
        (NEW, "challenger"),
        (OLD, "champion"),
        ("7", None),
    ]
    assert status.roles == roles
    assert "was changed by hand: the split is" in status.needs_action


def test_roles_that_are_not_known_are_none() -> None:
    status = endpoint_status(view(foreign("7", 60), foreign("8", 40)))
    assert [one.role for one in status.holders] == [None, None]
    assert status.roles is None
    assert "say so with `titleholder adopt m1 --deployed-model-id ID`" in status.needs_action
    assert endpoint_status(EMPTY) == ([], None, "")
