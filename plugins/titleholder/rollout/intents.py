"""Intents: the changes of an endpoint that a run or a user can request.

An intent with a deployed model id is idempotent; `resolve_target` adds the id of the model that has
the role.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.events.event import Action
from titleholder.labels import Label
from titleholder.naming import Recency
from titleholder.rollout.display_names import undo_command, version_text
from titleholder.rollout.drift import find_drift, resolve_roles
from titleholder.rollout.roles import Roles, recorded_state, require_endpoint
from titleholder.rollout.steps import NewVersion
from titleholder.rollout.view import View


@dataclass(frozen=True)
class DeployCandidate:
    """Register the model of a training run and deploy it as challenger with `traffic_percentage`,
    or as champion if there is none.

    `recency` is that of its training data, `period` the length of their interval. With
    `keep_current` a deployed challenger stays, and the candidate is only registered.
    """

    version: NewVersion
    deployed_model_id: str
    recency: Recency
    period: timedelta
    traffic_percentage: int
    endpoint: str
    create_endpoint: bool
    keep_current: bool = False


@dataclass(frozen=True)
class _RoleIntent:
    deployed_model_id: str | None = None

    action: ClassVar[Action]

    @property
    def target(self) -> str:
        """The deployed model id; raises ValueError before `resolve_target`."""
        if self.deployed_model_id is None:
            raise ValueError(f"{self} names no deployed model; resolve its target first")
        return self.deployed_model_id


class Promote(_RoleIntent):
    """The challenger becomes champion and receives all traffic."""

    action = Action.PROMOTE


class RollBack(_RoleIntent):
    """The challenger's traffic goes to the champion, and the challenger is undeployed."""

    action = Action.ROLLBACK


class Abort(_RoleIntent):
    """The challenger's traffic goes to the champion; the challenger stays deployed."""

    action = Action.ABORT


@dataclass(frozen=True)
class SetTrafficPercentage(_RoleIntent):
    """The challenger receives `traffic_percentage`, 1 to 99, of the traffic. The last challenger
    becomes challenger again if it is still deployed, unless `only_current_challenger`."""

    traffic_percentage: int = 0
    only_current_challenger: bool = False

    action = Action.SET_TRAFFIC


class UndoPromotion(_RoleIntent):
    """The previous champion becomes champion again and receives all traffic."""

    action = Action.UNDO_PROMOTION


class UpdateResources(_RoleIntent):
    """The deployed models get the machine settings of the model's file, all of them; a model that
    needs other machines is deployed again beside itself first."""

    action = Action.UPDATE_RESOURCES


class Adopt(_RoleIntent):
    """Record the endpoint as it was changed by hand. The id is that of the champion, needed only if
    labels and traffic do not show it."""

    action = Action.ADOPT


class Restore(_RoleIntent):
    """Return the endpoint to what was recorded before it was changed by hand."""

    action = Action.RESTORE


RoleIntent = (
    Promote
    | RollBack
    | Abort
    | SetTrafficPercentage
    | UndoPromotion
    | UpdateResources
    | Adopt
    | Restore
)
Intent = DeployCandidate | RoleIntent
INTENTS: dict[str, type[RoleIntent]] = {
    intent.action.value: intent
    for intent in (
        Promote,
        RollBack,
        Abort,
        SetTrafficPercentage,
        UndoPromotion,
        UpdateResources,
        Adopt,
        Restore,
    )
}
"""The intents of a user or a decision, by their action."""


def summary(intent: type[RoleIntent]) -> str:
    """The intent in one line, for forms and help."""
    return " ".join((intent.__doc__ or "").partition(". ")[0].split()).removesuffix(".")


def intent_from(
    name: str, deployed_model_id: str | None = None, traffic_percentage: int | None = None
) -> RoleIntent:
    """The intent of that name in INTENTS. Raises InvalidRequest for a missing traffic percentage,
    and for a percentage or an id with an intent that takes none."""
    if name == UpdateResources.action and deployed_model_id is not None:
        raise InvalidRequest(
            f"{name} takes no deployed model id; leave the {deployed_model_id} out, as all models "
            "get the settings"
        )
    if name != SetTrafficPercentage.action:
        if traffic_percentage is not None:
            raise InvalidRequest(
                f"{name} takes no traffic percentage; leave the {traffic_percentage} out"
            )
        return INTENTS[name](deployed_model_id)
    if traffic_percentage is None:
        raise InvalidRequest("the traffic percentage is missing; write one from 1 to 99")
    return SetTrafficPercentage(deployed_model_id, traffic_percentage)


def intent_to_json(intent: RoleIntent) -> dict[str, Any]:
    """The arguments of `intent_from`, as JSON."""
    return {
        "name": intent.action.value,
        "deployed_model_id": intent.deployed_model_id,
        "traffic_percentage": getattr(intent, "traffic_percentage", None),
    }


def resolve_target(intent: RoleIntent, view: View) -> RoleIntent:
    """The intent with the id of the deployed model that has its role at present.

    Raises InvalidRequest if no model has the role, ManualActionRequired if it is not known.
    """
    if intent.deployed_model_id is not None or isinstance(
        intent, UpdateResources | Adopt | Restore
    ):
        return intent
    require_endpoint(view)
    recorded, differences = recorded_state(view), find_drift(view)
    # Abort and rollback must work after manual changes, by the recorded roles.
    urgent = isinstance(intent, Abort | RollBack) and bool(differences)
    roles = recorded[0] if recorded and urgent else resolve_roles(view).roles
    found = _target(intent, roles, view) if roles is not None else None
    if found is None:
        role = "previous champion" if isinstance(intent, UndoPromotion) else "challenger"
        hint = f"; look at `titleholder status {view.model}`"
        if urgent:
            raise ManualActionRequired(
                f"there is no {role} on {view.endpoint}, which was changed by hand "
                f"({'; '.join(differences)}); name the model that has to lose its traffic with "
                f"`titleholder {intent.action} {view.model} --deployed-model-id ID`"
            )
        if isinstance(intent, RollBack) and roles is not None and roles.previous_champion:
            name = version_text(view, roles.previous_champion)
            command = undo_command(view.model, roles.previous_champion)
            hint = f"; to bring the previous champion {name} back, use {command}"
        raise InvalidRequest(f"there is no {role} on {view.endpoint}{hint}")
    return replace(intent, deployed_model_id=found)


def _target(intent: RoleIntent, roles: Roles, view: View) -> str | None:
    # A repeated intent refers to the same model, not to the next one.
    done = view.labels.get(Label.LAST_EVENT, "").partition("-")[0] == intent.action
    match intent:
        case Promote():
            return roles.champion if done else roles.challenger
        case UndoPromotion():
            return roles.champion if done else roles.previous_champion
        case Abort() | RollBack() if done:
            return roles.last_challenger
        case RollBack() | SetTrafficPercentage() if (
            roles.challenger is None and view.deployed_model(roles.last_challenger)
        ):
            return roles.last_challenger
        case _:
            return roles.challenger
