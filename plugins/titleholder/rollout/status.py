"""The status of an endpoint: deployed models with their roles. No I/O."""

from typing import NamedTuple

from titleholder.errors import ManualActionRequired
from titleholder.labels import ROLES
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.roles import Roles, recorded_state
from titleholder.rollout.view import DeployedModel, View


class RoleHolder(NamedTuple):
    """A deployed model and the label of its role, such as `previous-champion`; None without one."""

    deployed_model: DeployedModel
    role: str | None


class EndpointStatus(NamedTuple):
    """The deployed models, the most traffic first; the roles, None if unknown; and the action that
    a user has to take, in one sentence, "" for none."""

    holders: list[RoleHolder]
    roles: Roles | None
    needs_action: str


def endpoint_status(view: View) -> EndpointStatus:
    """The status of the view. If a user has to act, the roles are those recorded last."""
    needs_action = ""
    try:
        roles = resolve_roles(view).roles
    except ManualActionRequired as error:
        needs_action = str(error)
        recorded = recorded_state(view)
        roles = recorded[0] if recorded else None
    roles_by_id = {roles.holder(role): role.value for role in ROLES} if roles else {}
    ordered = sorted(view.deployed_models, key=lambda one: -one.traffic_percentage)
    holders = [RoleHolder(one, roles_by_id.get(one.id)) for one in ordered]
    return EndpointStatus(holders, roles, needs_action)
