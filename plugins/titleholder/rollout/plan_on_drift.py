"""Taking traffic from a model on an endpoint that was changed by hand: that must always work."""

from dataclasses import replace

from titleholder.errors import ManualActionRequired
from titleholder.rollout.display_names import version_text
from titleholder.rollout.outcome import Plan
from titleholder.rollout.roles import drift, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import SetTraffic
from titleholder.rollout.view import DeployedModel, View


def take_traffic_on_drift(view: View, deployed_model_id: str, action: str) -> Plan | None:
    """One write that takes the model's share and records the model as withdrawn; None where
    nothing was changed by hand, or where the model is the recorded champion or unknown.

    The share goes to the recorded champion, or, where that is not deployed, to the model with the
    greatest share. All else stays as it is found, and so does the record of it, so that what still
    differs afterwards is settled by adopt or restore, as before. Raises ManualActionRequired when
    no other model is deployed.
    """
    recorded, found = recorded_state(view), drift(view)
    if recorded is None or not found:
        return None
    roles, split = recorded
    me, seat = deployed_model_id, view.deployed_model(deployed_model_id)
    name = version_text(view, me)
    if me == roles.champion or (
        seat is None and me not in (roles.challenger, roles.last_challenger)
    ):
        return None
    others = [one for one in view.deployed_models if one.id != me]
    if seat is not None and not others:
        raise ManualActionRequired(
            f"{name} is the only model deployed on {view.endpoint}, so there is none to take its "
            f"traffic; go back to what was recorded with `python -m titleholder restore "
            f"{view.model}`, which deploys {version_text(view, roles.champion)} again"
        )
    live = {one.id: one.traffic_percentage for one in others if one.traffic_percentage}
    if seat is not None and seat.traffic_percentage:
        heir = view.deployed_model(roles.champion) or _greatest(
            others, roles.previous_champion, roles.last_challenger
        )
        live[heir.id] = live.get(heir.id, 0) + seat.traffic_percentage
    left = replace(
        roles,
        challenger=None if roles.challenger == me else roles.challenger,
        previous_champion=None if roles.previous_champion == me else roles.previous_champion,
        last_challenger=me,
    )
    if live == view.split and left == roles:
        summary = f"{name} is withdrawn without traffic; {_still(view, found)}"
        return Plan((), summary, by_hand=tuple(found), owed=tuple(found))
    kept = {roles.champion: 100} if roles.challenger == me else split
    step = SetTraffic(live, left, action, None if live == kept else kept)
    owed = drift(apply_to_view(view, step))
    was = f"{name} is withdrawn; {view.endpoint} was changed by hand ({'; '.join(found)})"
    summary = f"{was} and is as it was recorded now"
    if owed:
        summary = f"{was}, and {_still(view, owed)}"
    return Plan((step,), summary, by_hand=tuple(found), owed=tuple(owed))


def _still(view: View, owed: list[str]) -> str:
    return (
        f"{view.endpoint} still differs from what was recorded: {'; '.join(owed)}; keep it with "
        f"`python -m titleholder adopt {view.model}`, or go back to the record with "
        f"`python -m titleholder restore {view.model}`"
    )


def _greatest(
    seats: list[DeployedModel], previous: str | None, withdrawn: str | None
) -> DeployedModel:
    """The seat with the greatest share; of equals rather the previous champion, and the withdrawn
    challenger last."""
    return max(
        seats, key=lambda one: (one.traffic_percentage, one.id == previous, one.id != withdrawn)
    )
