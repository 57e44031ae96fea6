"""Who is champion and who is challenger: what the endpoint's labels say, and whether it is so."""

import re
from dataclasses import dataclass

from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.labels import CHANGE, NEWEST, ROLES, SHARE
from titleholder.naming import Recency, recency_of_label
from titleholder.rollout.display_names import listed, split_text, version_text
from titleholder.rollout.view import DeployedModel, View


@dataclass(frozen=True)
class Roles:
    """The deployed model id of each role.

    `previous` was champion before; `withdrawn` was the last challenger that left without the title.
    Both keep their label when they are undeployed: it is the memory of the endpoint.
    """

    champion: str
    challenger: str | None = None
    previous_champion: str | None = None
    last_challenger: str | None = None

    def holds(self, deployed_model_id: str) -> bool:
        """Whether that model has a role."""
        return deployed_model_id in (
            self.champion,
            self.challenger,
            self.previous_champion,
            self.last_challenger,
        )


@dataclass(frozen=True)
class RoleState:
    """What a view comes to. `roles` is None when nobody is champion yet, `recorded` tells whether
    the labels say so or it was concluded. `leftovers` are models of ours that an interrupted run
    deployed and never gave a role."""

    roles: Roles | None
    recorded: bool
    orphans: tuple[DeployedModel, ...] = ()


def role_labels(roles: Roles | None, split: dict[str, int], change: str) -> dict[str, str]:
    """The labels that record roles and split, for one write with them; `change` names the write."""
    if roles is None:
        return {}
    said = {name: getattr(roles, name) for name in ROLES}
    if roles.challenger is not None:
        said[SHARE] = str(split.get(roles.challenger, 0))
    return {name: value for name, value in said.items() if value} | {CHANGE: change}


def lasting_labels(labels: dict[str, str]) -> dict[str, str]:
    """Those that a write of roles leaves: those of others, and the high-water mark."""
    return {k: v for k, v in labels.items() if k not in (*ROLES, SHARE, CHANGE)}


def recorded_state(view: View) -> tuple[Roles, dict[str, int]] | None:
    """Roles and split as the last write of a rollout recorded them; None when there was none."""
    labels = view.labels
    if CHANGE not in labels or "champion" not in labels:
        return None
    held = _recorded_roles(labels)
    roles = Roles(labels["champion"], *(held.get(name) for name in ROLES[1:]))
    share = labels.get(SHARE, "0") if roles.challenger else "0"
    percent = int(share) if re.fullmatch("[0-9]{1,2}", share) else 0
    split = {roles.champion: 100 - percent}
    if roles.challenger and percent:
        split[roles.challenger] = percent
    return roles, split


def high_water(view: View) -> Recency | None:
    """How new the newest data is of a model that a rollout ever gave traffic to, by the endpoint's
    label; None where there is no such label, or it was changed to another form."""
    return recency_of_label(view.labels.get(NEWEST, ""))


def _recorded_roles(labels: dict[str, str]) -> dict[str, str]:
    """Who has which role by its label. Whoever has a role has no lesser one as well, even if
    somebody wrote such labels."""
    held: dict[str, str] = {}
    for name in ROLES:
        if name in labels and labels[name] not in held.values():
            held[name] = labels[name]
    return held


def with_recorded_roles(view: View, champion: str, challenger: str | None) -> Roles:
    """These two, with what the labels tell of others. Whoever lost the title or the challenge to
    them counts as previous or withdrawn."""
    held = _recorded_roles(view.labels)
    left = {role: seat for role, seat in held.items() if seat not in (champion, challenger)}
    return Roles(
        champion,
        challenger,
        left.get("champion") or left.get("previous"),
        left.get("challenger") or left.get("withdrawn"),
    )


def require_endpoint(view: View) -> None:
    """Raise InvalidRequest when there is no endpoint whose roles could be changed."""
    if view.endpoint is None:
        raise InvalidRequest(
            f"{view.model} has no endpoint yet; its first weekly run makes it, if endpoint.create "
            "says so"
        )


def resolve_roles(view: View) -> RoleState:
    """The roles on the endpoint.

    An endpoint that no rollout has written to is adopted: by the labels champion and challenger,
    else by deployed display names `...-champion-model` and `...-challenger-model`, else the only
    model there is. Raises DriftDetected when somebody changed what the last rollout recorded,
    ManualActionRequired when nothing tells who is champion.
    """
    left = orphans(view)
    recorded = recorded_state(view)
    if recorded is None:
        roles = _infer_roles(view, tuple(s for s in view.deployed_models if s not in left))
        return RoleState(roles, False, left)
    if differences := drift(view):
        raise DriftDetected(
            f"{view.endpoint} was changed by hand: {'; '.join(differences)}; keep it as it is with "
            f"`python -m titleholder adopt {view.model}`, or go back to what was recorded with "
            f"`python -m titleholder restore {view.model}` (or trigger {view.model}__rollout with "
            "that intent), then repeat this"
        )
    return RoleState(recorded[0], True, left)


def drift(view: View) -> list[str]:
    """In words, how the endpoint differs from what the last write recorded; empty when it does
    not, and where nothing is recorded."""
    recorded = recorded_state(view)
    return differences_from(view, *recorded) if recorded is not None else []


def differences_from(view: View, roles: Roles, split: dict[str, int]) -> list[str]:
    """In words, how the endpoint differs from these roles and this split; empty when it does not.

    Leftovers, and a previous champion or withdrawn challenger that left, are no difference.
    """
    found = []
    needed = [("champion", roles.champion)]
    if roles.challenger is not None:
        needed.append(("challenger", roles.challenger))
    found += [
        f"the {role} {version_text(view, seat)} was undeployed"
        for role, seat in needed
        if not view.deployed_model(seat)
    ]
    if view.split != split:
        found.append(
            f"the split is {split_text(view, view.split)} instead of {split_text(view, split)}"
        )
    found += [f"{listed([seat])} was deployed" for seat in unmanaged(view, roles)]
    return found


def unmanaged(view: View, roles: Roles) -> list[DeployedModel]:
    """The deployed models that have no role and are no leftovers of ours."""
    return [s for s in view.deployed_models if not roles.holds(s.id) and not _is_orphan(view, s)]


def orphans(view: View) -> tuple[DeployedModel, ...]:
    """The models of ours that an interrupted run deployed and never gave a role."""
    return tuple(seat for seat in view.deployed_models if _is_orphan(view, seat))


def _is_orphan(view: View, seat: DeployedModel) -> bool:
    if seat.traffic_percentage or seat.id in (view.labels.get(name) for name in ROLES):
        return False
    return view.deployed_by_us(seat) is not None


def _infer_roles(view: View, seats: tuple[DeployedModel, ...]) -> Roles | None:
    adopt = f"`python -m titleholder adopt {view.model} --champion <deployed model id>`"
    if not seats:
        return None
    # Somebody may have taken away no more than the mark of a rollout: its other labels count.
    held = _recorded_roles(view.labels)
    resting = (held.get("previous"), held.get("withdrawn"))
    seats = (
        tuple(seat for seat in seats if seat.traffic_percentage or seat.id not in resting) or seats
    )
    if len(seats) > 2:
        raise ManualActionRequired(
            f"{view.endpoint} holds {len(seats)} deployed models ({listed(seats)}) and a "
            "rollout knows two; undeploy all but the champion and the challenger, then repeat this"
        )
    label = view.labels.get("champion")
    champion = view.deployed_model(label) or _named(seats, "champion")
    if label is not None and view.deployed_model(label) is None:
        raise ManualActionRequired(
            f"the label champion={label} of {view.endpoint} names no deployed model, so somebody "
            f"took the champion down; say who is champion of {listed(seats)} with {adopt}, "
            "then repeat this"
        )
    if champion is None and len(seats) == 1:
        champion = seats[0]
    if champion is None:
        raise ManualActionRequired(
            f"{view.endpoint} holds {listed(seats)}, and neither a label nor a name says "
            f"which is the champion; say so with {adopt}, then repeat this"
        )
    if not champion.traffic_percentage:
        raise ManualActionRequired(
            f"the champion {version_text(view, champion.id)} of {view.endpoint} has no traffic "
            f"({split_text(view, view.split)}); give it some, or say who is champion with {adopt}, "
            "then repeat this"
        )
    others = [seat for seat in seats if seat != champion]
    return with_recorded_roles(view, champion.id, others[0].id if others else None)


def _named(seats: tuple[DeployedModel, ...], role: str) -> DeployedModel | None:
    found = [seat for seat in seats if seat.display_name.endswith(f"-{role}-model")]
    return found[0] if len(found) == 1 else None
