"""Descriptions of steps and changes, for logs, errors and events. No I/O."""

from collections.abc import Sequence
from typing import assert_never

from titleholder.config.endpoint import Resources
from titleholder.events.event import Action
from titleholder.labels import ROLES
from titleholder.rollout.display_names import split_text, version_of_model, version_text
from titleholder.rollout.drift import find_drift
from titleholder.rollout.intents import DeployCandidate, Intent, UndoPromotion
from titleholder.rollout.resources import differing, replicas_text
from titleholder.rollout.roles import Roles, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
    UpdateReplicas,
)
from titleholder.rollout.view import View


def describe_step(step: Step, view: View) -> str:
    """The effect of the step on this view, beginning with a verb or the action."""
    match step:
        case CreateEndpoint(display_name, _):
            return f"create the endpoint {display_name}"
        case Register(new):
            return f"register the model version {new.alias}"
        case Deploy(deployed_model_id, _, reference):
            version = version_of_model(view, reference)
            return f"deploy {version} as {deployed_model_id}, without traffic"
        case UpdateReplicas(deployed_model_id, resources):
            name = version_text(view, deployed_model_id)
            return f"set the replicas of {name} to {replicas_text(resources)}"
        case SetTraffic(_, _, action, announces=UpdateReplicas(deployed_model_id)):
            name = version_text(view, deployed_model_id)
            return f"{action}: record that the replicas of {name} change"
        case SetTraffic(split, roles, action):
            return f"{action}: {_split_and_roles(view, split, roles)}"
        case Undeploy(deployed_model_id):
            return f"undeploy {version_text(view, deployed_model_id)}"
        case Alias(role, reference, remove):
            verb, preposition = ("take", "from") if remove else ("give", "to")
            return f"{verb} the alias {role} {preposition} {version_of_model(view, reference)}"
        case _:
            assert_never(step)


def describe_steps(steps: Sequence[Step], view: View) -> list[str]:
    """The description of each step, on the view after the steps before it."""
    descriptions = []
    for step in steps:
        descriptions.append(describe_step(step, view))
        view = apply_to_view(view, step)
    return descriptions


def describe_change(before: View, step: SetTraffic, intent: Intent) -> str:
    """The reason in the event of this write, which is one step of the plan of `intent`."""
    roles, split = step.roles, step.split
    if roles is None:
        return "recorded as it is: no model is deployed"
    recorded = recorded_state(before)
    previous = recorded[0] if recorded else None
    champion = version_text(before, roles.champion)
    challenger = version_text(before, roles.challenger)
    replaced = version_text(before, previous.challenger if previous else None)
    removed = version_text(before, roles.last_challenger)
    instead = f" instead of {version_text(before, previous.champion)}" if previous else ""
    it = f"it receives {split.get(roles.champion, 0)} %"
    percentage = split.get(roles.challenger or "", 0)
    both = f"it receives {percentage} %, the champion {champion} {split.get(roles.champion, 0)} %"
    match step.action:
        case Action.FIRST_CHAMPION:
            return f"{champion} becomes champion, as there was none: {it}"
        case Action.DEPLOY_CHALLENGER:
            place = f" in the place of {replaced}" if replaced else ""
            return f"{challenger} becomes challenger{place}: {both}"
        case Action.REMOVE_CHALLENGER:
            return f"{removed} leaves{_successor(before, intent)}: {_traffic(before, roles, split)}"
        case Action.ROLLBACK:
            return f"{removed} leaves{_drifted(before)}: {_traffic(before, roles, split)}"
        case Action.ABORT:
            rest = f"{_drifted(before)}: {_traffic(before, roles, split)}"
            return f"{removed} receives no more traffic and stays deployed{rest}"
        case Action.PROMOTE:
            return f"{champion} becomes champion{instead}: {it}"
        case Action.UNDO_PROMOTION:
            without = replaced and replaced != champion
            rest = f", and the challenger {replaced} none" if without else ""
            return f"{champion} becomes champion again{instead}: {it}{rest}"
        case Action.SET_TRAFFIC if replaced != challenger:
            return f"{challenger} comes back as challenger: {both}"
        case Action.SET_TRAFFIC:
            had = before.split.get(roles.challenger or "", 0)
            rest = f"the champion {champion} receives {split[roles.champion]} %"
            return f"{challenger} goes from {had} % to {percentage} %: {rest}"
        case Action.UPDATE_RESOURCES:
            return _resources_change(before, step)
        case Action.RESTORE:
            return f"returned to what was recorded: {_state(before, roles, split)}"
        case _:
            return f"recorded as it is: {_state(before, roles, split)}"


def describe_reconstructed(view: View, split: dict[str, int] | None) -> str:
    """The reason in an event that is reconstructed from the endpoint's labels; `split` is the split
    after that change, None if unknown."""
    recorded = recorded_state(view)
    state = _state(view, recorded[0], split) if recorded else "no model has a role"
    return f"read from the endpoint's labels afterwards, as it was not recorded: {state}"


def _resources_change(before: View, step: SetTraffic) -> str:
    """The change of machine settings that this write completes, or announces."""
    recorded = recorded_state(before)
    wanted: Resources | None = None
    if step.announces is not None:
        old = before.deployed_model(step.announces.deployed_model_id)
        wanted = step.announces.resources
    else:
        names = filter(None, (recorded[0].holder(role) for role in ROLES) if recorded else ())
        moved = next((one for one in names if step.roles and not step.roles.holds(one)), "")
        old, new = (before.deployed_model(one) for one in (moved, before.other_id(moved)))
        wanted = new.resources if new is not None else None
    if old is None or old.resources is None or wanted is None:
        return f"machine settings change; {_split_and_roles(before, step.split, step.roles)}"
    changes = differing(old.resources, wanted)
    text = ", ".join(f"{key} {now} instead of {found}" for key, now, found in changes)
    again = "" if step.announces else ", and was deployed again for that"
    return f"{old.model} gets other machine settings{again}: {text}"


def _traffic(view: View, roles: Roles, split: dict[str, int]) -> str:
    """The traffic after a model lost its own."""
    if split == {roles.champion: 100}:
        return f"the champion {version_text(view, roles.champion)} receives 100 %"
    return split_text(view, split) if split else "no traffic is left"


def _drifted(view: View) -> str:
    found = find_drift(view)
    return f", on an endpoint that was changed by hand ({'; '.join(found)})" if found else ""


def _split_and_roles(view: View, split: dict[str, int], roles: Roles | None) -> str:
    if roles is None:
        return "no model has a role or traffic"
    other = version_text(view, roles.challenger) or "none"
    traffic = split_text(view, split) if split else "no traffic"
    return f"{traffic} (champion {version_text(view, roles.champion)}, challenger {other})"


def _state(view: View, roles: Roles, split: dict[str, int] | None) -> str:
    holders = (("champion", roles.champion), ("challenger", roles.challenger))
    return ", ".join(
        f"{version_text(view, one)} {role}"
        + (f" with {split.get(one, 0)} %" if split is not None else "")
        for role, one in holders
        if one
    )


def _successor(view: View, intent: Intent) -> str:
    """The model that replaces a removed challenger, as ` for linnerud@3`; "" without one."""
    match intent:
        case DeployCandidate():
            return f" for {version_of_model(view, intent.version.alias)}"
        case UndoPromotion(target):
            return f" for {version_text(view, target)}"
        case _:
            return ""
