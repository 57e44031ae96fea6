"""Abort and rollback on an endpoint that was changed by hand."""

from dataclasses import replace

from titleholder.errors import ManualActionRequired
from titleholder.events.event import Action
from titleholder.rollout.display_names import version_text
from titleholder.rollout.drift import find_drift
from titleholder.rollout.roles import Roles, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import Plan, SetTraffic
from titleholder.rollout.view import DeployedModel, View


def take_traffic_on_drift(view: View, deployed_model_id: str, action: Action) -> Plan | None:
    """One write that takes the model's traffic and records it as last challenger; None if nothing
    was changed by hand, or if the model is unknown or the recorded champion.

    This must always work. The traffic goes to the recorded champion or, if that is not deployed, to
    the model with the most traffic. Everything else, and its record, stays as it is, so that adopt
    or restore can settle the other differences. Raises ManualActionRequired if no other model is
    deployed.
    """
    recorded, found = recorded_state(view), find_drift(view)
    if recorded is None or not found:
        return None
    roles, split = recorded
    deployed = view.deployed_model(deployed_model_id)
    name = version_text(view, deployed_model_id)
    known = deployed_model_id in (roles.challenger, roles.last_challenger)
    if deployed_model_id == roles.champion or (deployed is None and not known):
        return None
    others = [one for one in view.deployed_models if one.id != deployed_model_id]
    if deployed is not None and not others:
        raise ManualActionRequired(
            f"{name} is the only model deployed on {view.endpoint}, so there is none to take its "
            f"traffic; go back to what was recorded with `titleholder restore {view.model}`, which "
            f"deploys {version_text(view, roles.champion)} again"
        )
    live = {one.id: one.traffic_percentage for one in others if one.traffic_percentage}
    if deployed is not None and deployed.traffic_percentage:
        receiver = view.deployed_model(roles.champion) or _most_traffic(others, roles)
        live[receiver.id] = live.get(receiver.id, 0) + deployed.traffic_percentage

    def unless_target(one: str | None) -> str | None:
        return None if one == deployed_model_id else one

    changed = replace(
        roles,
        challenger=unless_target(roles.challenger),
        previous_champion=unless_target(roles.previous_champion),
        last_challenger=deployed_model_id,
    )
    if live == view.split and changed == roles:
        summary = f"{name} has no traffic; {_differs(view, found)}"
        return Plan((), summary, changed_by_hand=tuple(found), still_differs=tuple(found))
    recorded_split = {roles.champion: 100} if roles.challenger == deployed_model_id else split
    step = SetTraffic(live, changed, action, None if live == recorded_split else recorded_split)
    remaining = find_drift(apply_to_view(view, step))
    done = f"{name} has no traffic; {view.endpoint} was changed by hand ({'; '.join(found)})"
    summary = f"{done} and is as it was recorded now"
    if remaining:
        summary = f"{done}, and {_differs(view, remaining)}"
    return Plan((step,), summary, changed_by_hand=tuple(found), still_differs=tuple(remaining))


def _differs(view: View, remaining: list[str]) -> str:
    return (
        f"{view.endpoint} still differs from what was recorded: {'; '.join(remaining)}; keep it "
        f"with `titleholder adopt {view.model}`, or go back to the record with "
        f"`titleholder restore {view.model}`"
    )


def _most_traffic(deployed: list[DeployedModel], roles: Roles) -> DeployedModel:
    """The model with the most traffic; of equals the previous champion first, the last challenger
    last."""
    return max(
        deployed,
        key=lambda one: (
            one.traffic_percentage,
            one.id == roles.previous_champion,
            one.id != roles.last_challenger,
        ),
    )
