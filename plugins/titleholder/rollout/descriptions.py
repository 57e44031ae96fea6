"""Steps and changes in words, for logs, errors and events. No I/O."""

from collections.abc import Sequence
from typing import assert_never

from titleholder.events.event import Action
from titleholder.rollout.display_names import split_text, version_of_model, version_text
from titleholder.rollout.intents import DeployCandidate, Intent, UndoPromotion
from titleholder.rollout.roles import Roles, drift, recorded_state
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import View


def describe_step(step: Step, view: View) -> str:
    """What the step does to this view, beginning with a verb or the action."""
    match step:
        case CreateEndpoint(display_name):
            return f"create the endpoint {display_name}"
        case Register(new):
            return f"register the model version {new.alias}"
        case Deploy(deployed_model_id, _, reference):
            version = version_of_model(view, reference)
            return f"deploy {version} as {deployed_model_id}, without traffic"
        case SetTraffic(split, roles, action):
            return f"{action}: {_split_and_roles(view, split, roles)}"
        case Undeploy(deployed_model_id):
            return f"undeploy {version_text(view, deployed_model_id)}"
        case Alias(role, reference, remove):
            version = version_of_model(view, reference)
            if remove:
                return f"take the alias {role} from {version}"
            return f"give the alias {role} to {version}"
        case _:
            assert_never(step)


def describe_steps(steps: Sequence[Step], view: View) -> list[str]:
    """Each step in words, applied to the view after the steps before it."""
    words = []
    for step in steps:
        words.append(describe_step(step, view))
        view = apply_to_view(view, step)
    return words


def describe_change(before: View, step: SetTraffic, intent: Intent) -> str:
    """The reason of this write's event: the change itself, not the whole plan of `intent`."""
    now, split = step.roles, step.split
    if now is None:
        return "recorded as it is: no model is deployed"
    recorded = recorded_state(before)
    was = recorded[0] if recorded else None
    champion, challenger = version_text(before, now.champion), version_text(before, now.challenger)
    replaced = version_text(before, was.challenger if was else None)
    removed = version_text(before, now.last_challenger)
    instead = f" instead of {version_text(before, was.champion)}" if was else ""
    it = f"it receives {split.get(now.champion, 0)} %"
    percentage = split.get(now.challenger or "", 0)
    both = f"it receives {percentage} %, the champion {champion} {split.get(now.champion, 0)} %"
    match step.action:
        case Action.FIRST_CHAMPION:
            return f"{champion} becomes champion, as there was none: {it}"
        case Action.DEPLOY_CHALLENGER:
            place = f" in the place of {replaced}" if replaced else ""
            return f"{challenger} becomes challenger{place}: {both}"
        case Action.REMOVE_CHALLENGER:
            return f"{removed} leaves{_for(before, intent)}: {_traffic(before, now, split)}"
        case Action.ROLLBACK:
            return f"{removed} leaves{_drifted(before)}: {_traffic(before, now, split)}"
        case Action.ABORT:
            rest = f"{_drifted(before)}: {_traffic(before, now, split)}"
            return f"{removed} receives no more traffic and stays deployed{rest}"
        case Action.PROMOTE:
            return f"{champion} becomes champion{instead}: {it}"
        case Action.UNDO_PROMOTION:
            lost = replaced and replaced != champion
            rest = f", and the challenger {replaced} none" if lost else ""
            return f"{champion} becomes champion again{instead}: {it}{rest}"
        case Action.SET_TRAFFIC if replaced != challenger:
            return f"{challenger} comes back as challenger: {both}"
        case Action.SET_TRAFFIC:
            had = before.split.get(now.challenger or "", 0)
            rest = f"the champion {champion} receives {split[now.champion]} %"
            return f"{challenger} goes from {had} % to {percentage} %: {rest}"
        case Action.RESTORE:
            return f"returned to what was recorded: {_state(before, now, split)}"
        case _:
            return f"recorded as it is: {_state(before, now, split)}"


def describe_reconstructed(view: View, split: dict[str, int] | None) -> str:
    """The reason of an event that is reconstructed from the endpoint's labels; `split` is the one
    after that change, None where it is not known."""
    recorded = recorded_state(view)
    state = _state(view, recorded[0], split) if recorded else "no model has a role"
    return f"read from the endpoint's labels afterwards, as it was not recorded: {state}"


def _traffic(view: View, roles: Roles, split: dict[str, int]) -> str:
    """The split after a model lost its traffic."""
    if split == {roles.champion: 100}:
        return f"the champion {version_text(view, roles.champion)} receives 100 %"
    return split_text(view, split) if split else "no traffic is left"


def _drifted(view: View) -> str:
    found = drift(view)
    return f", on an endpoint that was changed by hand ({'; '.join(found)})" if found else ""


def _split_and_roles(view: View, split: dict[str, int], roles: Roles | None) -> str:
    if roles is None:
        return "no model has a role or traffic"
    other = version_text(view, roles.challenger) or "none"
    given = split_text(view, split) if split else "no traffic"
    return f"{given} (champion {version_text(view, roles.champion)}, challenger {other})"


def _state(view: View, roles: Roles, split: dict[str, int] | None) -> str:
    held = (("champion", roles.champion), ("challenger", roles.challenger))
    return ", ".join(
        f"{version_text(view, one)} {role}"
        + (f" with {split.get(one, 0)} %" if split is not None else "")
        for role, one in held
        if one
    )


def _for(view: View, intent: Intent) -> str:
    """The model that a challenger makes room for."""
    match intent:
        case DeployCandidate():
            return f" for {version_of_model(view, intent.version.alias)}"
        case UndoPromotion(target):
            return f" for {version_text(view, target)}"
        case _:
            return ""
