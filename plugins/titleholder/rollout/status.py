"""Who is on the endpoint, for people to read. No I/O."""

from dataclasses import asdict
from typing import NamedTuple

from titleholder.errors import ManualActionRequired
from titleholder.rollout.roles import Roles, recorded_state, resolve_roles
from titleholder.rollout.view import DeployedModel, View


class RoleHolder(NamedTuple):
    """A deployed model and its role; None when it has none."""

    deployed_model: DeployedModel
    role: str | None


class EndpointStatus(NamedTuple):
    """The deployed models, the greatest share first; the roles, None where nobody knows them; and
    what a person has to decide, in one sentence, "" when that is nothing."""

    holders: list[RoleHolder]
    roles: Roles | None
    needs_action: str


def endpoint_status(view: View) -> EndpointStatus:
    """Who is on the endpoint. Where a person has to decide, the roles are those recorded last."""
    told = ""
    try:
        roles = resolve_roles(view).roles
    except ManualActionRequired as refusal:
        told = str(refusal)
        recorded = recorded_state(view)
        roles = recorded[0] if recorded else None
    held = {seat: role for role, seat in (asdict(roles) if roles else {}).items() if seat}
    ordered = sorted(view.deployed_models, key=lambda seat: -seat.traffic_percentage)
    return EndpointStatus([RoleHolder(seat, held.get(seat.id)) for seat in ordered], roles, told)
