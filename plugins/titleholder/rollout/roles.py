"""Roles of deployed models: recorded in the endpoint's labels, inferred, and compared (drift)."""

import re
from dataclasses import dataclass

from titleholder.errors import DriftDetected, InvalidRequest, ManualActionRequired
from titleholder.labels import ROLES, Label
from titleholder.naming import Recency, recency_of_label
from titleholder.rollout.display_names import adopt_command, listed, split_text, version_text
from titleholder.rollout.view import DeployedModel, View


@dataclass(frozen=True)
class Roles:
    """The deployed model id of each role.

    `previous_champion` was champion before the last promotion; `last_challenger` is the last
    challenger that was removed without a promotion. Both keep their label after they are
    undeployed, so that a promotion can be undone and a removed challenger is not deployed again.
    """

    champion: str
    challenger: str | None = None
    previous_champion: str | None = None
    last_challenger: str | None = None

    def holds(self, deployed_model_id: str) -> bool:
        """Whether that model has a role."""
        return deployed_model_id in map(self.holder, ROLES)

    def holder(self, label: Label) -> str | None:
        """The deployed model id of the role with that label (one of labels.ROLES)."""
        deployed_model_id: str | None = getattr(self, label.name.lower())
        return deployed_model_id


@dataclass(frozen=True)
class RoleState:
    """Roles derived from an endpoint view. `roles` is None without a champion; `recorded` is False
    if they were inferred. `orphans` are models that an interrupted training run deployed and gave
    no role."""

    roles: Roles | None
    recorded: bool
    orphans: tuple[DeployedModel, ...] = ()


def role_labels(roles: Roles | None, split: dict[str, int], event: str) -> dict[str, str]:
    """The labels that record roles and split, written together with them; `event` is the id of the
    write's event."""
    if roles is None:
        return {}
    labels = {label.value: roles.holder(label) for label in ROLES}
    if roles.challenger is not None:
        labels[Label.CHALLENGER_PERCENTAGE.value] = str(split.get(roles.challenger, 0))
    labels[Label.LAST_EVENT.value] = event
    return {key: value for key, value in labels.items() if value}


def recorded_state(view: View) -> tuple[Roles, dict[str, int]] | None:
    """Roles and split as the last write recorded them in the labels; None without such labels."""
    labels = view.labels
    if Label.LAST_EVENT not in labels or Label.CHAMPION not in labels:
        return None
    holders = _recorded_roles(labels)
    roles = Roles(labels[Label.CHAMPION], *(holders.get(role) for role in ROLES[1:]))
    text = labels.get(Label.CHALLENGER_PERCENTAGE, "0") if roles.challenger else "0"
    percentage = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    split = {roles.champion: 100 - percentage}
    if roles.challenger and percentage:
        split[roles.challenger] = percentage
    return roles, split


def high_water(view: View) -> Recency | None:
    """The recency of the newest data of any model that had traffic, by the endpoint's label; None
    without a valid label."""
    return recency_of_label(view.labels.get(Label.NEWEST_DATA, ""))


def _recorded_roles(labels: dict[str, str]) -> dict[str, str]:
    """Role label to deployed model id. Of several labels with one id only the first of ROLES
    counts, which happens only if they were changed by hand."""
    holders: dict[str, str] = {}
    for role in ROLES:
        if role in labels and labels[role] not in holders.values():
            holders[role] = labels[role]
    return holders


def with_recorded_roles(view: View, champion: str, challenger: str | None) -> Roles:
    """Roles with this champion and challenger, the others by the labels. A recorded champion or
    challenger that is replaced becomes the previous champion or last challenger."""
    recorded = _recorded_roles(view.labels)
    rest = {role: one for role, one in recorded.items() if one not in (champion, challenger)}
    return Roles(
        champion,
        challenger,
        rest.get(Label.CHAMPION) or rest.get(Label.PREVIOUS_CHAMPION),
        rest.get(Label.CHALLENGER) or rest.get(Label.LAST_CHALLENGER),
    )


def require_endpoint(view: View) -> None:
    """Raise InvalidRequest if the endpoint does not exist."""
    if view.endpoint is None:
        raise InvalidRequest(
            f"{view.model} has no endpoint yet; its first weekly run creates it if endpoint.create "
            "is true"
        )


def resolve_roles(view: View) -> RoleState:
    """The roles on the endpoint.

    On an endpoint that no rollout has written to they are inferred: by the labels champion and
    challenger, else by display names `...-champion-model` and `...-challenger-model`, else the only
    model is champion. Raises DriftDetected if the endpoint was changed by hand since the last
    write, ManualActionRequired if the champion is not known.
    """
    orphaned = orphans(view)
    recorded = recorded_state(view)
    if recorded is None:
        models = tuple(one for one in view.deployed_models if one not in orphaned)
        return RoleState(_infer_roles(view, models), False, orphaned)
    if differences := drift(view):
        raise DriftDetected(
            f"{view.endpoint} was changed by hand: {'; '.join(differences)}; keep it as it is with "
            f"`titleholder adopt {view.model}`, or go back to what was recorded with "
            f"`titleholder restore {view.model}` (or trigger {view.model}__rollout with "
            "that intent), then repeat this"
        )
    return RoleState(recorded[0], True, orphaned)


def drift(view: View) -> list[str]:
    """The differences of the endpoint from the last recorded state, each as a phrase; empty if
    nothing is recorded."""
    recorded = recorded_state(view)
    return differences_from(view, *recorded) if recorded is not None else []


def differences_from(view: View, roles: Roles, split: dict[str, int]) -> list[str]:
    """The differences of the endpoint from these roles and this split, each as a phrase.

    Orphans, and an undeployed previous champion or last challenger, are no difference.
    """
    found = [
        f"the {role} {version_text(view, one)} was undeployed"
        for role, one in (("champion", roles.champion), ("challenger", roles.challenger))
        if one is not None and not view.deployed_model(one)
    ]
    if view.split != split:
        found.append(
            f"the split is {split_text(view, view.split)} instead of {split_text(view, split)}"
        )
    found += [f"{listed([one])} was deployed" for one in unmanaged(view, roles)]
    return found


def unmanaged(view: View, roles: Roles) -> list[DeployedModel]:
    """The deployed models without a role, except orphans."""
    return [
        one for one in view.deployed_models if not roles.holds(one.id) and not _is_orphan(view, one)
    ]


def orphans(view: View) -> tuple[DeployedModel, ...]:
    """The models that an interrupted training run deployed and gave no role."""
    return tuple(one for one in view.deployed_models if _is_orphan(view, one))


def _is_orphan(view: View, deployed: DeployedModel) -> bool:
    if deployed.traffic_percentage or deployed.id in (view.labels.get(role) for role in ROLES):
        return False
    return view.deployed_by_us(deployed) is not None


def _infer_roles(view: View, deployed: tuple[DeployedModel, ...]) -> Roles | None:
    adopt = adopt_command(view.model, "ID")
    if not deployed:
        return None
    # If only the label of the last event was removed, the other labels still count.
    recorded = _recorded_roles(view.labels)
    inactive = (recorded.get(Label.PREVIOUS_CHAMPION), recorded.get(Label.LAST_CHALLENGER))
    deployed = (
        tuple(one for one in deployed if one.traffic_percentage or one.id not in inactive)
        or deployed
    )
    if len(deployed) > 2:
        raise ManualActionRequired(
            f"{view.endpoint} holds {len(deployed)} deployed models ({listed(deployed)}) and a "
            "rollout has at most two; undeploy all but the champion and the challenger, then "
            "repeat this"
        )
    label = view.labels.get(Label.CHAMPION)
    champion = view.deployed_model(label) or _named(deployed, "champion")
    if label is not None and view.deployed_model(label) is None:
        raise ManualActionRequired(
            f"the label champion={label} of {view.endpoint} names no deployed model, so the "
            f"champion was undeployed by hand; say which of {listed(deployed)} is champion with "
            f"{adopt}, then repeat this"
        )
    if champion is None and len(deployed) == 1:
        champion = deployed[0]
    if champion is None:
        raise ManualActionRequired(
            f"{view.endpoint} holds {listed(deployed)}, and neither a label nor a name says "
            f"which is the champion; say so with {adopt}, then repeat this"
        )
    if not champion.traffic_percentage:
        raise ManualActionRequired(
            f"the champion {version_text(view, champion.id)} of {view.endpoint} has no traffic "
            f"({split_text(view, view.split)}); give it some, or say which model is champion with "
            f"{adopt}, then repeat this"
        )
    others = [one for one in deployed if one != champion]
    return with_recorded_roles(view, champion.id, others[0].id if others else None)


def _named(deployed: tuple[DeployedModel, ...], role: str) -> DeployedModel | None:
    found = [one for one in deployed if one.display_name.endswith(f"-{role}-model")]
    return found[0] if len(found) == 1 else None
