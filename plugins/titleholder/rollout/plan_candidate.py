"""The plan of the weekly run: register a candidate and deploy it as challenger."""

from dataclasses import replace
from datetime import datetime

from titleholder.config.endpoint import EndpointType
from titleholder.config.rollout import Rollout
from titleholder.errors import ManualActionRequired
from titleholder.events.event import Action
from titleholder.labels import Label
from titleholder.naming import Recency
from titleholder.rollout.display_names import version_name, version_of_model, version_text
from titleholder.rollout.drift import RoleState, resolve_roles
from titleholder.rollout.intents import DeployCandidate
from titleholder.rollout.resources import require_type
from titleholder.rollout.roles import Roles, high_water
from titleholder.rollout.steps import (
    CreateEndpoint,
    Deploy,
    Plan,
    Register,
    SetTraffic,
    Step,
    undeploy,
)
from titleholder.rollout.view import DeployedModel, View


def deploy_candidate(view: View, intent: DeployCandidate, rollout: Rollout) -> Plan:
    """Register the candidate, and deploy it as challenger, or as champion if there is none.

    It is only registered if a version with newer data is registered or ever had traffic. A
    candidate that has or had a role is left unchanged, as its traffic may have been changed on
    purpose. Raises ManualActionRequired if a user has to decide.
    """
    intent = replace(intent, deployed_model_id=_present_id(view, intent))
    version = view.version(intent.version.alias)
    deployed = view.deployed_model(intent.deployed_model_id)
    steps: list[Step] = [] if version is not None else [Register(intent.version)]
    if deployed is not None and (version is None or view.version_served_by(deployed) != version):
        raise ManualActionRequired(
            f"{view.endpoint} has the deployed model {deployed.id} already, serving "
            f"{deployed.model} instead of {intent.version.alias}; undeploy it or give this model "
            "an endpoint of its own"
        )
    # A superseded candidate changes nothing on the endpoint, so manual changes do not matter;
    # unmanaged models count only after their roles are resolved.
    newer = _newer_version(view, intent)
    if newer is None:
        if view.endpoint is None:
            if not intent.create_endpoint:
                raise ManualActionRequired(
                    f"there is no endpoint named {intent.endpoint!r}; create it, or set "
                    f"endpoint.create: true in {view.model}.yaml"
                )
            wanted = view.configured.type if view.configured else EndpointType.SHARED
            steps.insert(0, CreateEndpoint(intent.endpoint, wanted))
        require_type(view)
        state = resolve_roles(view)
        newer = _newer_unmanaged(view, intent)
        if newer is None:
            return _deploy(view, intent, rollout, state, steps)
    if (
        deployed is not None
        and not deployed.traffic_percentage
        and deployed.id not in view.labels.values()
    ):
        steps += undeploy(deployed)
    return Plan(
        tuple(steps),
        f"superseded: {newer} is newer than this run, whose data ends "
        f"{_time(intent.recency.until)}; live traffic stays as it is. An older interval never "
        "receives traffic: to replace the newest model, clear the newest run from submit_pipeline "
        "on, which trains it again",
        Action.SUPERSEDED,
    )


def _deploy(
    view: View, intent: DeployCandidate, rollout: Rollout, state: RoleState, steps: list[Step]
) -> Plan:
    candidate_id, roles = intent.deployed_model_id, state.roles
    name = version_of_model(view, intent.version.alias)
    cleanup = undeploy(*(one for one in state.orphans if one.id != candidate_id))
    # Last: an update of machine settings that runs meanwhile may still need them.
    copies = undeploy(*state.copies)
    if roles is None:
        # Another run may be making an orphan champion. Vertex AI undeploys a model with traffic
        # only if it is the last one, so the last orphan is undeployed after the first champion.
        first = SetTraffic({candidate_id: 100}, Roles(candidate_id), Action.FIRST_CHAMPION)
        steps += [*cleanup[:-1], *_deploy_step(view, intent), first, *cleanup[-1:]]
        return Plan(tuple(steps), f"{name} is champion with 100 % of the traffic")
    if not state.recorded:
        steps.append(SetTraffic(view.split, roles, Action.ADOPT))
    if candidate_id == roles.champion:
        percentage = view.split[candidate_id]
        return Plan(
            (*steps, *cleanup, *copies), f"{name} is champion with {percentage} % of the traffic"
        )
    if candidate_id in (roles.previous_champion, roles.last_challenger):
        role = "champion" if candidate_id == roles.previous_champion else "challenger"
        return Plan(
            tuple(steps),
            f"{name} was {role} before and is not deployed again; to train it again, clear "
            "submit_pipeline and what follows it",
            "had_a_role",
        )
    current = view.deployed_model(roles.challenger)
    if intent.keep_current and current is not None and current.id != candidate_id:
        steps += [*cleanup, *undeploy(view.deployed_model(candidate_id)), *copies]
        return Plan(
            tuple(steps),
            f"{version_text(view, current.id)} is still evaluated, so {name} is only registered; "
            "to deploy it after that, clear update_traffic",
            Action.CHALLENGER_BUSY,
        )
    steps += cleanup
    percentage = intent.traffic_percentage
    if candidate_id == roles.challenger:
        # Its traffic may have been changed on purpose.
        percentage = view.split.get(candidate_id, 0)
        if rollout.replacement == "surge":
            steps += _undeploy_inactive(view, roles)
    else:
        steps += _replace_challenger(view, intent, rollout, roles, current)
    return Plan(
        (*steps, *copies),
        f"{name} is challenger with {percentage} % of the traffic, "
        f"{version_text(view, roles.champion)} champion with {100 - percentage} %",
    )


def _replace_challenger(
    view: View,
    intent: DeployCandidate,
    rollout: Rollout,
    roles: Roles,
    current: DeployedModel | None,
) -> list[Step]:
    candidate_id, percentage = intent.deployed_model_id, intent.traffic_percentage
    last = current.id if current is not None else roles.last_challenger
    changed = Roles(roles.champion, candidate_id, roles.previous_champion, last)
    split = {roles.champion: 100 - percentage, candidate_id: percentage}
    deploy = [
        *_deploy_step(view, intent),
        SetTraffic(split, changed, Action.DEPLOY_CHALLENGER),
    ]
    if rollout.replacement == "recreate":
        removal: list[Step] = []
        if current is not None:
            without = Roles(roles.champion, None, roles.previous_champion, current.id)
            alone = SetTraffic({roles.champion: 100}, without, Action.REMOVE_CHALLENGER)
            removal = [alone, *undeploy(current)]
        return [*_undeploy_inactive(view, roles), *removal, *deploy]
    # At most three models are deployed at a time.
    removed = view.deployed_model(roles.last_challenger)
    previous = view.deployed_model(roles.previous_champion)
    if current is None:
        return [*undeploy(removed), *deploy, *undeploy(previous)]
    return [*undeploy(removed, previous), *deploy, *undeploy(current)]


def _undeploy_inactive(view: View, roles: Roles) -> list[Step]:
    return undeploy(
        view.deployed_model(roles.last_challenger), view.deployed_model(roles.previous_champion)
    )


def _present_id(view: View, intent: DeployCandidate) -> str:
    """The id under which the candidate has a role, is deployed, or else is to be deployed."""
    other = view.other_id(intent.deployed_model_id)
    if other is not None and view.has_role(other) and not view.has_role(intent.deployed_model_id):
        return other
    return view.present_id(intent.deployed_model_id)


def _deploy_step(view: View, intent: DeployCandidate) -> list[Step]:
    if view.deployed_model(intent.deployed_model_id) is not None:
        return []
    alias = intent.version.alias
    return [Deploy(intent.deployed_model_id, alias, alias)]


def _newer_version(view: View, intent: DeployCandidate) -> str | None:
    """Description of the newest version if its data is newer than the candidate's, or of a newer
    version that had traffic and was deleted; None without one."""
    known = [(found, v) for v in view.versions if (found := view.recency(v)) is not None]
    newest, version = max(known, key=lambda pair: pair[0], default=(None, None))
    if version is not None and newest is not None and newest > intent.recency:
        return f"{version_name(view.model, version.number)} ({_until(newest)})"
    mark = high_water(view)
    if mark is not None and mark > intent.recency:
        return (
            f"a model ({_until(mark)}) which had traffic on {view.endpoint}, as its label "
            f"{Label.NEWEST_DATA} says, and is no longer registered,"
        )
    return None


def _newer_unmanaged(view: View, intent: DeployCandidate) -> str | None:
    """Description of a model of no training run that counts as newer, by its deployment: its data
    are assumed to end one period before."""
    for one in view.deployed_models:
        served = view.version_served_by(one)
        known = one.id == intent.deployed_model_id or (served and view.recency(served))
        deployed_at = one.deployed_at
        if not known and deployed_at and deployed_at - intent.period >= intent.recency.until:
            return f"{version_text(view, one.id)}, deployed at {_time(deployed_at)},"
    return None


def _until(recency: Recency) -> str:
    return f"data until {_time(recency.until)}, generation {recency.generation}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
