"""Plans that change roles and traffic of deployed models."""

from dataclasses import replace

from titleholder.config.rollout import Rollout
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.labels import Label
from titleholder.rollout.display_names import undo_command, version_text
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.intents import (
    Abort,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan_take_traffic import take_traffic_on_drift
from titleholder.rollout.roles import Roles, require_endpoint
from titleholder.rollout.steps import Plan, SetTraffic, Step, deploy_from_registry, undeploy
from titleholder.rollout.view import View


def promote(view: View, intent: Promote, rollout: Rollout) -> Plan:
    """The challenger becomes champion with all traffic in one write; by
    `rollout.keep_previous_champion` the champion before stays deployed or is undeployed."""
    roles, steps = roles_to_change(view)
    new = intent.target
    percentage = view.split.get(new, 0) if roles.champion == new else 100
    if roles.champion != new:
        if roles.challenger != new:
            raise _not_challenger(view, roles, new)
        # The present champion takes its role.
        steps += undeploy(view.deployed_model(roles.previous_champion))
        promoted = Roles(new, None, roles.champion, roles.last_challenger)
        steps.append(SetTraffic({new: 100}, promoted, Action.PROMOTE))
        roles = promoted
    if not rollout.keep_previous_champion:
        steps += undeploy(view.deployed_model(roles.previous_champion))
    return Plan(
        tuple(steps), f"{version_text(view, new)} is champion with {percentage} % of the traffic"
    )


def abort(view: View, intent: Abort) -> Plan:
    """All traffic goes to the champion in one write; the challenger stays deployed. On an endpoint
    that was changed by hand only the challenger's traffic is moved."""
    drifted = take_traffic_on_drift(view, intent.target, Action.ABORT)
    if drifted is not None:
        return drifted
    roles, steps = _take_traffic_from(view, intent.target, Action.ABORT)
    return Plan(
        tuple(steps),
        f"{version_text(view, intent.target)} has no traffic, "
        f"{version_text(view, roles.champion)} is champion with 100 % of the traffic",
    )


def roll_back(view: View, intent: RollBack) -> Plan:
    """Abort, then undeploy the challenger."""
    removal = undeploy(view.deployed_model(intent.target))
    drifted = take_traffic_on_drift(view, intent.target, Action.ROLLBACK)
    if drifted is not None:
        return replace(drifted, steps=(*drifted.steps, *removal))
    roles, steps = _take_traffic_from(view, intent.target, Action.ROLLBACK)
    return Plan(
        (*steps, *removal),
        f"{version_text(view, intent.target)} is undeployed, "
        f"{version_text(view, roles.champion)} is champion with 100 % of the traffic",
    )


def set_traffic_percentage(view: View, intent: SetTrafficPercentage) -> Plan:
    """Set the challenger's traffic percentage; the last challenger becomes challenger again if it
    is still deployed and there is no other."""
    percentage, target = intent.traffic_percentage, intent.target
    if not 1 <= percentage <= 99:
        raise InvalidRequest(
            f"a challenger's traffic percentage is 1 to 99, not {percentage}; use promote for 100 "
            "and abort for 0"
        )
    roles, steps = roles_to_change(view)
    may_return = roles.challenger is None and not intent.only_current_challenger
    returns = may_return and roles.last_challenger == target and view.deployed_model(target)
    if not returns and roles.challenger != target:
        raise _not_challenger(view, roles, target)
    if view.split.get(target) != percentage:
        last = None if returns else roles.last_challenger
        changed = replace(roles, challenger=target, last_challenger=last)
        split = {roles.champion: 100 - percentage, target: percentage}
        steps.append(SetTraffic(split, changed, Action.SET_TRAFFIC))
    return Plan(
        tuple(steps),
        f"{version_text(view, target)} is challenger with {percentage} % of the traffic, "
        f"{version_text(view, roles.champion)} champion with {100 - percentage} %",
    )


def undo_promotion(view: View, intent: UndoPromotion, rollout: Rollout) -> Plan:
    """The previous champion becomes champion again, in one write if it is still deployed, otherwise
    after a deployment from the registry. The present champion becomes the previous one."""
    roles, steps = roles_to_change(view)
    target = intent.target
    name = version_text(view, target)
    if roles.champion == target:
        percentage = view.split.get(target, 0)
        summary = f"{name} is champion again with {percentage} % of the traffic"
        return Plan(tuple(steps), summary, repeated=_already_undone(view, roles, percentage))
    if roles.previous_champion != target:
        previous = version_text(view, roles.previous_champion)
        now = f"it is {previous}" if previous else "there is none"
        raise _error_type(roles, target)(
            f"{name} is not the previous champion of {view.endpoint} ({now}); look at "
            f"`titleholder status {view.model}`"
        )
    if view.deployed_model(target) is None:
        roles = _free_capacity(view, roles, rollout, steps)
        steps.append(
            deploy_from_registry(view, target, "previous champion", "deploy another model")
        )
    changed = Roles(target, None, roles.champion, roles.challenger or roles.last_challenger)
    steps.append(SetTraffic({target: 100}, changed, Action.UNDO_PROMOTION))
    return Plan(tuple(steps), f"{name} is champion again with 100 % of the traffic")


def _already_undone(view: View, roles: Roles, percentage: int) -> str:
    last = view.labels.get(Label.LAST_EVENT, "").partition("-")[0]
    since = ""
    if view.updated and last == Action.UNDO_PROMOTION:
        since = f", since {view.updated:%Y-%m-%d %H:%M} UTC"
    back = ""
    if roles.previous_champion:
        command = undo_command(view.model, roles.previous_champion)
        back = f"; to bring {version_text(view, roles.previous_champion)} back, use {command}"
    done = f"that was done already: {version_text(view, roles.champion)} is champion"
    return f"{done} with {percentage} % of the traffic{since}{back}"


def _free_capacity(view: View, roles: Roles, rollout: Rollout, steps: list[Step]) -> Roles:
    steps += undeploy(*resolve_roles(view).orphans, view.deployed_model(roles.last_challenger))
    if rollout.replacement == "surge" or view.deployed_model(roles.challenger) is None:
        return roles
    steps.append(_without_challenger(roles, Action.REMOVE_CHALLENGER))
    steps += undeploy(view.deployed_model(roles.challenger))
    return replace(roles, challenger=None, last_challenger=roles.challenger)


def _take_traffic_from(view: View, challenger: str, action: Action) -> tuple[Roles, list[Step]]:
    """The roles, and the steps after which that challenger has no traffic."""
    roles, steps = roles_to_change(view)
    if roles.challenger == challenger:
        steps.append(_without_challenger(roles, action))
    elif roles.last_challenger != challenger:
        raise _not_challenger(view, roles, challenger)
    return roles, steps


def _without_challenger(roles: Roles, action: Action) -> SetTraffic:
    changed = Roles(roles.champion, None, roles.previous_champion, roles.challenger)
    return SetTraffic({roles.champion: 100}, changed, action)


def roles_to_change(view: View) -> tuple[Roles, list[Step]]:
    """The roles, and the step that records them if they are not recorded."""
    require_endpoint(view)
    state = resolve_roles(view)
    if state.roles is None:
        raise InvalidRequest(
            f"{view.endpoint} has no champion yet; the first weekly run deploys one"
        )
    if state.recorded:
        return state.roles, []
    return state.roles, [SetTraffic(view.split, state.roles, Action.ADOPT)]


def _not_challenger(
    view: View, roles: Roles, challenger: str
) -> InvalidRequest | ManualActionRequired:
    next_step = f"look at `titleholder status {view.model}`"
    if challenger == roles.champion:
        problem = f"{version_text(view, challenger)} is champion of {view.endpoint} already"
        if roles.previous_champion:
            next_step = f"to undo that, use {undo_command(view.model, roles.previous_champion)}"
    else:
        present = version_text(view, roles.challenger)
        now = f"it is {present}" if present else "there is none"
        name = version_text(view, challenger)
        problem = f"{name} is not the challenger on {view.endpoint} ({now})"
    return _error_type(roles, challenger)(f"{problem}; {next_step}")


def _error_type(roles: Roles, target: str) -> type[InvalidRequest] | type[ManualActionRequired]:
    """A model with another role may have changed it since the request, so that a user has to
    decide; a model without a role is an invalid request."""
    return ManualActionRequired if roles.holds(target) else InvalidRequest
