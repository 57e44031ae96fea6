"""What people ask for in a word, and the intent it comes to on the endpoint as it is."""

from dataclasses import dataclass, replace
from typing import Literal

from titleholder.errors import InvalidRequest, Refusal
from titleholder.labels import CHANGE
from titleholder.rollout.display_names import named
from titleholder.rollout.intents import (
    Abort,
    Adopt,
    Intent,
    Promote,
    Reinstate,
    Restore,
    RollBack,
    SetShare,
)
from titleholder.rollout.plan_roles import reinstate_command
from titleholder.rollout.roles import Roles, drift, must_exist, record, stand
from titleholder.rollout.view import View

Kind = Literal["promote", "rollback", "abort", "share", "reinstate", "adopt", "restore"]
KINDS: dict[Kind, str] = {
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

    kind: Kind
    deployed_model_id: str | None = None
    share: int | None = None


def pin(wish: Wish, view: View) -> Wish:
    """The wish with the model that it is about, so that it means the same when it is repeated.

    Raises InvalidRequest when there is none, Refusal when nothing tells.
    """
    if wish.deployed_model_id is not None or wish.kind in ("adopt", "restore"):
        return wish
    must_exist(view)
    recorded, differences = record(view), drift(view)
    # To take traffic from a model must work whatever was changed by hand: the record tells which.
    urgent = wish.kind in ("abort", "rollback") and bool(differences)
    roles = recorded[0] if recorded and urgent else stand(view).roles
    found = _meant(wish.kind, roles, view) if roles is not None else None
    if found is None:
        whom = "previous champion" if wish.kind == "reinstate" else "challenger"
        hint = f"; look at `python -m titleholder status {view.model}`"
        if urgent:
            # What was changed by hand may be why there is none.
            raise Refusal(
                f"there is no {whom} on {view.endpoint}, which was changed by hand "
                f"({'; '.join(differences)}); say which model is to lose its traffic with `python "
                f"-m titleholder {wish.kind} {view.model} --id <deployed model id>`"
            )
        if wish.kind == "rollback" and roles is not None and roles.previous:
            back = reinstate_command(view.model, roles.previous)
            name = named(view, roles.previous)
            hint = f"; to bring the previous champion {name} back, use {back}"
        raise InvalidRequest(f"there is no {whom} on {view.endpoint}{hint}")
    return replace(wish, deployed_model_id=found)


def _meant(kind: Kind, roles: Roles, view: View) -> str | None:
    # Said again after it was done, it means the same model, not the next one.
    last = view.labels.get(CHANGE, "").partition("-")[0]
    if last == kind and kind in ("promote", "reinstate"):
        return roles.champion
    if last == kind and kind in ("abort", "rollback"):
        return roles.withdrawn
    if kind == "reinstate":
        return roles.previous
    if roles.challenger is None and kind in ("rollback", "share") and view.seat(roles.withdrawn):
        return roles.withdrawn
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
            if wish.share is None:
                raise InvalidRequest("the share is missing; say how many per cent, 1 to 99")
            return SetShare(whom, wish.share, only_seated)
        case "reinstate":
            return Reinstate(whom)
        case "adopt":
            return Adopt(wish.deployed_model_id)
        case "restore":
            return Restore()
