"""The plan that gives deployed models the machine settings of the model's file."""

from dataclasses import replace
from functools import reduce

from titleholder.config.endpoint import Resources
from titleholder.errors import ManualActionRequired
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
    settings. Raises ManualActionRequired for drift, for an endpoint of another type, and for a
    version that is both champion and challenger.
    """
    roles, steps = roles_to_change(view)
    require_type(view)
    active = [one for one in _deployed(view, roles) if one.id in (roles.champion, roles.challenger)]
    inactive = [one for one in _deployed(view, roles) if one not in active]
    again = [one for one in active if _new_machines(view, one)]
    _require_unused(view, again, active)
    removed = [one for one in inactive if again or _new_machines(view, one)] + list(copies(view))
    # A copy that an interrupted attempt deployed is used, unless the file has changed since. Its id
    # may still have a role without traffic, which it then loses.
    used = [one for one in removed if _replaces_one_of(view, again, one)]
    removed = [one for one in removed if one not in used]
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
    ids = {deployed.id: copy, copy: None}
    holders = (roles.holder(role) for role in ROLES)
    moved = Roles(*(ids.get(one, one) if one else None for one in holders))  # type: ignore[arg-type]
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


def _replaces_one_of(view: View, again: list[DeployedModel], copy: DeployedModel) -> bool:
    """Whether this is one of those versions, deployed again with the settings of the file."""
    settings = view.configured.resources if view.configured is not None else None
    ids = [view.other_id(one.id) for one in again]
    return copy.id in ids and copy.resources == settings and view.deployed_by_us(copy) is not None


def _require_unused(view: View, again: list[DeployedModel], active: list[DeployedModel]) -> None:
    """Raise ManualActionRequired if one of `active` has the id under which a model has to be
    deployed again: after manual changes one version can be champion and challenger."""
    ids = {one.id for one in active}
    for one in again:
        if view.other_id(one.id) in ids:
            raise ManualActionRequired(
                f"the champion and the challenger on {view.endpoint} are one version, "
                f"{view.model}@{one.version_number}, so it cannot be deployed again beside them; "
                f"remove the challenger with `titleholder rollback {view.model}`, then repeat this"
            )


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
