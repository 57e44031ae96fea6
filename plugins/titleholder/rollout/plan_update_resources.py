"""The plan that gives deployed models the machine settings of the model's file."""

from dataclasses import replace
from functools import reduce

from titleholder.config.endpoint import Resources
from titleholder.events.event import Action
from titleholder.labels import ROLES, Label
from titleholder.rollout.display_names import version_text
from titleholder.rollout.drift import copies
from titleholder.rollout.plan_roles import roles_to_change
from titleholder.rollout.resources import needs_new_machines, require_type, wanted_resources
from titleholder.rollout.roles import Roles
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import (
    Deploy,
    Plan,
    SetTraffic,
    Step,
    Undeploy,
    UpdateReplicas,
    undeploy,
)
from titleholder.rollout.view import DeployedModel, View


def update_resources(view: View) -> Plan:
    """Replicas are changed in place. For other machines a version is deployed again under the other
    id of its training run, then one write moves role and traffic to it, then the old one is
    undeployed; so one model more than before is deployed meanwhile.

    Before that, models without traffic are undeployed, and a later intent deploys them with the new
    settings. Raises ManualActionRequired for drift and for an endpoint of another type.
    """
    roles, steps = roles_to_change(view)
    require_type(view)
    active = [one for one in _deployed(view, roles) if one.id in (roles.champion, roles.challenger)]
    inactive = [one for one in _deployed(view, roles) if one not in active]
    again = [one for one in active if _new_machines(view, one)]
    removed = [one for one in inactive if again or _new_machines(view, one)]
    needed = {view.other_id(one.id) for one in again}
    # A copy that an interrupted attempt deployed is used, unless the file has changed since.
    settings = view.configured.resources if view.configured is not None else None
    removed += [one for one in copies(view) if one.id not in needed or one.resources != settings]
    steps += undeploy(*removed)
    for one in (*active, *inactive):
        if one in removed:
            continue
        now = reduce(apply_to_view, steps, view)
        wanted = wanted_resources(view, one)
        if wanted is not None:
            steps += _redeploy(now, one) if one in again else _update(now, one, wanted)
    others = [one for one in active if wanted_resources(view, one) is None]
    summary = f"the deployed models have the machine settings of {view.model}.yaml"
    if kept := [one for one in others if _keeps_machines(view, one)]:
        names = ", ".join(version_text(view, one.id) for one in kept)
        summary += f", except the machines of {names}, which no training run deployed"
    return Plan(tuple(steps), summary)


def _redeploy(view: View, deployed: DeployedModel) -> list[Step]:
    """Deploy the version beside itself, move role and traffic, undeploy the old model."""
    roles, _ = roles_to_change(view)
    copy, version = view.other_id(deployed.id), view.deployed_by_us(deployed)
    assert copy is not None
    assert version is not None
    deploy: list[Step] = []
    if view.deployed_model(copy) is None:
        deploy = [Deploy(copy, deployed.display_name, version.reference)]
    holders = (roles.holder(role) for role in ROLES)
    moved = Roles(*(copy if one == deployed.id else one for one in holders))  # type: ignore[arg-type]
    split = {copy if one == deployed.id else one: part for one, part in view.split.items()}
    return [*deploy, SetTraffic(split, moved, Action.UPDATE_RESOURCES), Undeploy(deployed.id)]


def _update(view: View, deployed: DeployedModel, wanted: Resources) -> list[Step]:
    """Record the change, then change the replicas in place: nothing but the label of the record
    tells a later attempt that it has been recorded."""
    roles, _ = roles_to_change(view)
    update = UpdateReplicas(deployed.id, wanted)
    if view.labels.get(Label.MACHINE_SETTINGS) == update.digest(view):
        return [update]
    record = SetTraffic(view.split, roles, Action.UPDATE_RESOURCES)
    return [replace(record, announces=update), update]


def _deployed(view: View, roles: Roles) -> list[DeployedModel]:
    found = [view.deployed_model(roles.holder(role)) for role in ROLES]
    return [one for one in found if one is not None]


def _new_machines(view: View, deployed: DeployedModel) -> bool:
    wanted = wanted_resources(view, deployed)
    found = deployed.resources
    return wanted is not None and found is not None and needs_new_machines(found, wanted)


def _keeps_machines(view: View, deployed: DeployedModel) -> bool:
    found, wanted = deployed.resources, view.configured.resources if view.configured else None
    return found is not None and wanted is not None and needs_new_machines(found, wanted)
