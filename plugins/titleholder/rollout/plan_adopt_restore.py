"""Plans for an endpoint that was changed by hand: adopt it, or restore it."""

from collections.abc import Iterable

from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.labels import Label
from titleholder.rollout.display_names import adopt_command, listed, version_text
from titleholder.rollout.drift import copies, differences_from, orphans, unmanaged
from titleholder.rollout.intents import Adopt
from titleholder.rollout.roles import Roles, recorded_state, with_recorded_roles
from titleholder.rollout.steps import Plan, SetTraffic, Step, deploy_from_registry, undeploy
from titleholder.rollout.view import DeployedModel, View


def adopt(view: View, intent: Adopt) -> Plan:
    """Record the endpoint as it is; the traffic stays.

    Raises ManualActionRequired if no model or more than two have traffic, if the champion is not
    known, or if a model without traffic has no role.
    """
    if view.endpoint is None:
        raise InvalidRequest(f"{view.model} has no endpoint; there is nothing to adopt")
    recorded = recorded_state(view)
    if not view.deployed_models:
        steps = (SetTraffic({}, None, Action.ADOPT),) if recorded else ()
        return Plan(
            steps, f"{view.endpoint} has no deployed model; the next weekly run deploys a champion"
        )
    roles = _roles_as_found(view, intent.deployed_model_id)
    if unknown := [one for one in unmanaged(view, roles) if not one.traffic_percentage]:
        raise ManualActionRequired(
            f"{listed(unknown)} on {view.endpoint} has neither traffic nor a role; undeploy it or "
            "give it traffic, then adopt; or restore what was recorded"
        )
    unchanged = recorded == (roles, view.split)
    steps = () if unchanged else (SetTraffic(view.split, roles, Action.ADOPT),)
    percentage = view.split[roles.champion]
    other = "alone"
    if percentage < 100:
        other = f"{version_text(view, roles.challenger)} challenger with {100 - percentage} %"
    return Plan(
        steps,
        f"{version_text(view, roles.champion)} is champion with {percentage} % of the traffic, "
        f"{other}",
    )


def _roles_as_found(view: View, champion: str | None) -> Roles:
    serving = [one for one in view.deployed_models if one.traffic_percentage]
    all_listed = _listed(view.deployed_models)
    if not serving or len(serving) > 2:
        raise ManualActionRequired(
            f"{len(serving)} models on {view.endpoint} have traffic ({all_listed}) and a rollout "
            "has a champion and a challenger; change the split, then adopt"
        )
    ids = [one.id for one in serving]
    if champion is not None and champion not in ids:
        raise InvalidRequest(
            f"{version_text(view, champion)} has no traffic on {view.endpoint} ({all_listed}); "
            "name one that has, or give it some first"
        )
    # By the label, not the greater percentage, which the challenger may have on purpose.
    labelled = view.labels.get(Label.CHAMPION)
    found = champion or (labelled if labelled in ids else None)
    if found is None and len(ids) > 1:
        raise ManualActionRequired(
            f"{_listed(serving)} on {view.endpoint} have traffic and it is not known which is "
            f"champion; say so with {adopt_command(view.model, ids[0])}"
        )
    found = found or ids[0]
    challenger = next((one for one in ids if one != found), None)
    return with_recorded_roles(view, found, challenger)


def restore(view: View) -> Plan:
    """Return to the recorded roles and split: deploy missing models, write the split, undeploy
    additional models.

    Raises InvalidRequest if nothing is recorded, ManualActionRequired if the registry has no
    version of a missing model.
    """
    recorded = recorded_state(view)
    if view.endpoint is None or recorded is None:
        raise InvalidRequest(
            f"no rollout has written to the endpoint of {view.model} yet, so there is nothing to "
            f"restore; `titleholder adopt {view.model}` records it as it is"
        )
    roles, split = recorded
    steps: list[Step] = []
    for role, name in (("champion", roles.champion), ("challenger", roles.challenger)):
        if name is not None and view.deployed_model(name) is None:
            steps.append(deploy_from_registry(view, name, role, "adopt the endpoint"))
    if steps:
        # Orphans are undeployed first, so that no more models are deployed than recorded.
        beside = copies(view)
        steps = [*undeploy(*(one for one in orphans(view) if one not in beside)), *steps]
    if view.split != split:
        steps.append(SetTraffic(split, roles, Action.RESTORE))
    steps += undeploy(*unmanaged(view, roles))
    if not differences_from(view, roles, split):
        return Plan((), f"{view.endpoint} is as it was recorded")
    return Plan(tuple(steps), f"{view.endpoint} is as it was recorded again")


def _listed(deployed: Iterable[DeployedModel]) -> str:
    return ", ".join(
        f"{one.model} (id {one.id}) with {one.traffic_percentage} %" for one in deployed
    )
