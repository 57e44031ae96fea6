"""What people ask for in a word, and the intent it comes to on the endpoint as it is."""

from dataclasses import dataclass, replace
from typing import Literal

from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.labels import CHANGE
from titleholder.rollout.display_names import version_text
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Restore,
    RollBack,
    SetTrafficPercentage,
    UndoPromotion,
)
from titleholder.rollout.plan_roles import reinstate_command
from titleholder.rollout.roles import Roles, drift, recorded_state, require_endpoint, resolve_roles
from titleholder.rollout.view import View

IntentName = Literal["promote", "rollback", "abort", "share", "reinstate", "adopt", "restore"]
INTENTS: dict[IntentName, str] = {
    "promote": "the challenger becomes champion with all requests",
    "rollback": "the challenger leaves, the champion answers all requests",
    "abort": "the champion answers all requests at once; the challenger stays deployed",
    "share": "the challenger answers this many per cent of the requests",
    "reinstate": "the previous champion takes the title back",
    "adopt": "what somebody changed by hand is right: record it",
    "restore": "what somebody changed by hand is wrong: go back to what was recorded",
}


@dataclass(frozen=True)
class Wish:
    """One of KINDS. `deployed_model_id` is whom it is about: the challenger, for reinstate the
    previous champion, for adopt the champion; None for whoever it is now."""

    kind: IntentName
    deployed_model_id: str | None = None
    traffic_percentage: int | None = None


def resolve_target(wish: Wish, view: View) -> Wish:
    """The wish with the model that it is about, so that it means the same when it is repeated.

    Raises InvalidRequest when there is none, ManualActionRequired when nothing tells.
    """
    if wish.deployed_model_id is not None or wish.kind in ("adopt", "restore"):
        return wish
    require_endpoint(view)
    recorded, differences = recorded_state(view), drift(view)
    # To take traffic from a model must work whatever was changed by hand: the record tells which.
    urgent = wish.kind in ("abort", "rollback") and bool(differences)
    roles = recorded[0] if recorded and urgent else resolve_roles(view).roles
    found = _target(wish.kind, roles, view) if roles is not None else None
    if found is None:
        whom = "previous champion" if wish.kind == "reinstate" else "challenger"
        hint = f"; look at `python -m titleholder status {view.model}`"
        if urgent:
            # What was changed by hand may be why there is none.
            raise ManualActionRequired(
                f"there is no {whom} on {view.endpoint}, which was changed by hand "
                f"({'; '.join(differences)}); say which model is to lose its traffic with `python "
                f"-m titleholder {wish.kind} {view.model} --id <deployed model id>`"
            )
        if wish.kind == "rollback" and roles is not None and roles.previous_champion:
            back = reinstate_command(view.model, roles.previous_champion)
            name = version_text(view, roles.previous_champion)
            hint = f"; to bring the previous champion {name} back, use {back}"
        raise InvalidRequest(f"there is no {whom} on {view.endpoint}{hint}")
    return replace(wish, deployed_model_id=found)


def _target(kind: IntentName, roles: Roles, view: View) -> str | None:
    # Said again after it was done, it means the same model, not the next one.
    last = view.labels.get(CHANGE, "").partition("-")[0]
    if last == kind and kind in ("promote", "reinstate"):
        return roles.champion
    if last == kind and kind in ("abort", "rollback"):
        return roles.last_challenger
    if kind == "reinstate":
        return roles.previous_champion
    if (
        roles.challenger is None
        and kind in ("rollback", "share")
        and view.deployed_model(roles.last_challenger)
    ):
        return roles.last_challenger
    return roles.challenger


def intent_of(wish: Wish, only_seated: bool = False) -> Intent:
    """The intent of a wish that is pinned; with `only_seated` no share brings a withdrawn model
    back. Raises InvalidRequest for a share that is missing."""
    whom = wish.deployed_model_id or ""
    match wish.kind:
        case "promote":
            return Promote(whom)
        case "rollback":
            return RollBack(whom)
        case "abort":
            return Abort(whom)
        case "share":
            if wish.traffic_percentage is None:
                raise InvalidRequest("the share is missing; say how many per cent, 1 to 99")
            return SetTrafficPercentage(whom, wish.traffic_percentage, only_seated)
        case "reinstate":
            return UndoPromotion(whom)
        case "adopt":
            return Adopt(wish.deployed_model_id)
        case "restore":
            return Restore()
