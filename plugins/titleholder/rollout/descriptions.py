"""Steps and changes in words, for logs, refusals and the record. No I/O."""

from collections.abc import Sequence
from typing import assert_never

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
    """What the step does to this view, beginning with a verb or the write's action."""
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
    """Each step in words, on what the steps before it leave of the view."""
    words = []
    for step in steps:
        words.append(describe_step(step, view))
        view = apply_to_view(view, step)
    return words


def describe_change(before: View, step: SetTraffic, intent: Intent) -> str:
    """What this write changes on the view, as the record says it: the change itself, not what the
    whole run of `intent` comes to."""
    now, split = step.roles, step.split
    if now is None:
        return "taken as it is: no model is deployed"
    recorded = recorded_state(before)
    was = recorded[0] if recorded else None
    champion, challenger = version_text(before, now.champion), version_text(before, now.challenger)
    replaced = version_text(before, was.challenger if was else None)
    gone = version_text(before, now.last_challenger)
    instead = f" instead of {version_text(before, was.champion)}" if was else ""
    it = f"it answers {split.get(now.champion, 0)} %"
    share = split.get(now.challenger or "", 0)
    both = f"it answers {share} %, the champion {champion} {split.get(now.champion, 0)} %"
    match step.action:
        case "crown":
            return f"{champion} becomes champion, as there was none: {it}"
        case "seat":
            place = f" in the place of {replaced}" if replaced else ""
            return f"{challenger} becomes challenger{place}: {both}"
        case "withdraw":
            return f"{gone} leaves{_for(before, intent)}: {_answers(before, now, split)}"
        case "rollback":
            return f"{gone} leaves{_drifted(before)}: {_answers(before, now, split)}"
        case "abort":
            rest = f"{_drifted(before)}: {_answers(before, now, split)}"
            return f"{gone} gets no more requests and stays deployed{rest}"
        case "promote":
            return f"{champion} becomes champion{instead}: {it}"
        case "reinstate":
            lost = replaced and replaced != champion
            rest = f", and the challenger {replaced} none" if lost else ""
            return f"{champion} becomes champion again{instead}: {it}{rest}"
        case "share" if replaced != challenger:
            return f"{challenger} comes back as challenger: {both}"
        case "share":
            had = before.split.get(now.challenger or "", 0)
            rest = f"the champion {champion} answers {split[now.champion]} %"
            return f"{challenger} goes from {had} % to {share} %: {rest}"
        case "restore":
            return f"put back as it was recorded: {_state(before, now, split)}"
        case _:
            return f"taken as it is: {_state(before, now, split)}"


def describe_reconstructed(view: View, split: dict[str, int] | None) -> str:
    """What the endpoint's labels tell of its last change, whose maker did not record it; `split` is
    what that change left, None where it is not known."""
    recorded = recorded_state(view)
    state = _state(view, recorded[0], split) if recorded else "no model has a role"
    return f"read from the endpoint's labels afterwards, as it was not recorded: {state}"


def _answers(view: View, roles: Roles, split: dict[str, int]) -> str:
    """Who has the traffic that a model lost."""
    if split == {roles.champion: 100}:
        return f"the champion {version_text(view, roles.champion)} answers 100 %"
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
    """Which model a challenger makes place for."""
    match intent:
        case DeployCandidate():
            return f" for {version_of_model(view, intent.version.alias)}"
        case UndoPromotion(previous):
            return f" for {version_text(view, previous)}"
        case _:
            return ""
