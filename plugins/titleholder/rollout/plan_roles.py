"""How the models that are there change places: promote, roll back, abort, share, reinstate."""

from dataclasses import replace

from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.labels import CHANGE
from titleholder.rollout.display_names import version_name, version_text
from titleholder.rollout.intents import (
    Abort,
    Policy,
    Promote,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.outcome import Plan
from titleholder.rollout.plan_candidate import undeploy
from titleholder.rollout.plan_on_drift import take_traffic_on_drift
from titleholder.rollout.roles import Roles, require_endpoint, resolve_roles
from titleholder.rollout.steps import Deploy, SetTraffic, Step
from titleholder.rollout.view import View


def promote(view: View, wish: Promote, policy: Policy) -> Plan:
    """The challenger gets the title and all requests in one write; the old champion stays warm, or
    leaves, by the policy."""
    roles, steps = _roles(view)
    new = wish.challenger
    share = view.split.get(new, 0) if roles.champion == new else 100
    if roles.champion != new:
        if roles.challenger != new:
            raise _not_challenger(view, roles, new)
        # Its label is about to be another's.
        steps += undeploy(view.deployed_model(roles.previous_champion))
        crowned = Roles(new, None, roles.champion, roles.last_challenger)
        steps.append(SetTraffic({new: 100}, crowned, "promote"))
        roles = crowned
    if not policy.keep_previous_champion:
        steps += undeploy(view.deployed_model(roles.previous_champion))
    return Plan(
        tuple(steps), f"{version_text(view, new)} is champion with {share} % of the requests"
    )


def abort(view: View, wish: Abort) -> Plan:
    """All requests go back to the champion in one write; the challenger stays deployed. Also where
    the endpoint was changed by hand: then all but the challenger's share stays as it is."""
    drifted = take_traffic_on_drift(view, wish.challenger, "abort")
    if drifted is not None:
        return drifted
    roles, steps = _take_traffic_from(view, wish.challenger, "abort")
    return Plan(
        tuple(steps),
        f"{version_text(view, wish.challenger)} is withdrawn, "
        f"{version_text(view, roles.champion)} champion with "
        "100 % of the requests",
    )


def roll_back(view: View, wish: RollBack) -> Plan:
    """As abort, and the challenger is undeployed."""
    leave = undeploy(view.deployed_model(wish.challenger))
    drifted = take_traffic_on_drift(view, wish.challenger, "rollback")
    if drifted is not None:
        return replace(drifted, steps=(*drifted.steps, *leave))
    roles, steps = _take_traffic_from(view, wish.challenger, "rollback")
    steps += leave
    return Plan(
        tuple(steps),
        f"{version_text(view, wish.challenger)} is gone, {version_text(view, roles.champion)} "
        "champion with "
        "100 % of the requests",
    )


def set_traffic_percentage(view: View, wish: SetTrafficPercentage) -> Plan:
    """The challenger's share of the requests; a withdrawn one that is still deployed comes back."""
    if not 1 <= wish.traffic_percentage <= 99:
        raise InvalidRequest(
            f"a challenger's share is 1 to 99 per cent, not {wish.traffic_percentage}; use "
            "promote for 100 and "
            "abort for 0"
        )
    roles, steps = _roles(view)
    me, champion = wish.challenger, roles.champion
    may_return = roles.challenger is None and not wish.only_current_challenger
    back = may_return and roles.last_challenger == me and view.deployed_model(me) is not None
    if not back and roles.challenger != me:
        raise _not_challenger(view, roles, me)
    if view.split.get(me) != wish.traffic_percentage:
        seated = replace(
            roles, challenger=me, last_challenger=None if back else roles.last_challenger
        )
        steps.append(
            SetTraffic(
                {champion: 100 - wish.traffic_percentage, me: wish.traffic_percentage},
                seated,
                "share",
            )
        )
    return Plan(
        tuple(steps),
        f"{version_text(view, me)} is challenger with {wish.traffic_percentage} % of the requests, "
        f"{version_text(view, champion)} champion with {100 - wish.traffic_percentage} %",
    )


def undo_promotion(view: View, wish: UndoPromotion, policy: Policy) -> Plan:
    """The previous champion takes the title back: in one write where it is still deployed, else
    after it has been deployed from the registry. The deposed one stays warm as the previous."""
    roles, steps = _roles(view)
    old = wish.previous_champion
    name = version_text(view, old)
    if roles.champion == old:
        share = view.split.get(old, 0)
        summary = f"{name} is champion again with {share} % of the requests"
        return Plan(tuple(steps), summary, repeated=_reinstated_before(view, roles, share))
    if roles.previous_champion != old:
        now = (
            f"it is {version_text(view, roles.previous_champion)}"
            if roles.previous_champion
            else "there is none"
        )
        raise _kind(roles, old)(
            f"{name} is not the previous champion of {view.endpoint} ({now}); look at `python -m "
            f"titleholder status {view.model}`"
        )
    if view.deployed_model(old) is None:
        roles = _free_capacity(view, roles, policy, steps)
        steps.append(_deploy_again(view, old))
    leaving = roles.challenger or roles.last_challenger
    crowned = Roles(old, None, roles.champion, leaving)
    steps.append(SetTraffic({old: 100}, crowned, "reinstate"))
    return Plan(tuple(steps), f"{name} is champion again with 100 % of the requests")


def reinstate_command(model: str, deployed_model_id: str) -> str:
    """What to type so that this very model gets the title back."""
    return f"`python -m titleholder reinstate {model} --id {deployed_model_id}`"


def _reinstated_before(view: View, roles: Roles, share: int) -> str:
    last = view.labels.get(CHANGE, "").partition("-")[0]
    when = f", since {view.updated:%Y-%m-%d %H:%M} UTC" if view.updated else ""
    back = ""
    if roles.previous_champion:
        command = reinstate_command(view.model, roles.previous_champion)
        back = f"; to bring {version_text(view, roles.previous_champion)} back, use {command}"
    done = f"that was done already: {version_text(view, roles.champion)} is champion"
    return f"{done} with {share} % of the requests{when if last == 'reinstate' else ''}{back}"


def _free_capacity(view: View, roles: Roles, policy: Policy, steps: list[Step]) -> Roles:
    steps += undeploy(*resolve_roles(view).orphans, view.deployed_model(roles.last_challenger))
    if policy.replacement == "surge" or view.deployed_model(roles.challenger) is None:
        return roles
    steps.append(_without_challenger(roles, "withdraw"))
    steps += undeploy(view.deployed_model(roles.challenger))
    return replace(roles, challenger=None, last_challenger=roles.challenger)


def _deploy_again(view: View, deployed_model_id: str) -> Deploy:
    version = view.version_for_deployment(deployed_model_id)
    if version is None:
        raise ManualActionRequired(
            f"{deployed_model_id} is not deployed on {view.endpoint} any more, and the registry "
            f"has no version of {view.model} that belongs to it; seat another model instead"
        )
    name = version_name(view.model, version.reference)
    return Deploy(deployed_model_id, name, version.reference)


def _take_traffic_from(view: View, challenger: str, action: str) -> tuple[Roles, list[Step]]:
    """The roles there are, and the steps after which that challenger has no traffic."""
    roles, steps = _roles(view)
    if roles.challenger == challenger:
        steps.append(_without_challenger(roles, action))
    elif roles.last_challenger != challenger:
        raise _not_challenger(view, roles, challenger)
    return roles, steps


def _without_challenger(roles: Roles, action: str) -> SetTraffic:
    left = Roles(roles.champion, None, roles.previous_champion, roles.challenger)
    return SetTraffic({roles.champion: 100}, left, action)


def _roles(view: View) -> tuple[Roles, list[Step]]:
    """The roles there are, and what must be done first."""
    require_endpoint(view)
    standing = resolve_roles(view)
    if standing.roles is None:
        raise InvalidRequest(
            f"{view.endpoint} has no champion yet; its first weekly run crowns one"
        )
    if standing.recorded:
        return standing.roles, []
    return standing.roles, [SetTraffic(view.split, standing.roles, "adopt")]


def _not_challenger(
    view: View, roles: Roles, challenger: str
) -> InvalidRequest | ManualActionRequired:
    if challenger == roles.champion:
        what = f"{version_text(view, challenger)} is champion of {view.endpoint} already"
        todo = f"look at `python -m titleholder status {view.model}`"
        if roles.previous_champion:
            todo = f"to undo that, use {reinstate_command(view.model, roles.previous_champion)}"
    else:
        now = (
            f"it is {version_text(view, roles.challenger)}" if roles.challenger else "there is none"
        )
        what = f"{version_text(view, challenger)} is not the challenger on {view.endpoint} ({now})"
        todo = f"look at `python -m titleholder status {view.model}`"
    return _kind(roles, challenger)(f"{what}; {todo}")


def _kind(roles: Roles, meant: str) -> type[InvalidRequest] | type[ManualActionRequired]:
    """A model that has or had another role was changed since the request was made, it may be by
    another run; one that never had any was never there."""
    return ManualActionRequired if roles.holds(meant) else InvalidRequest
