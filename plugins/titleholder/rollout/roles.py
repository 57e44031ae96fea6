"""Roles of deployed models: recorded in the endpoint's labels, inferred, and compared (drift)."""

import re
from dataclasses import dataclass

from titleholder.errors import InvalidRequest
from titleholder.labels import ROLES, Label
from titleholder.naming import Recency, recency_of_label
from titleholder.rollout.view import View


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
    holders = recorded_roles(labels)
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


def recorded_roles(labels: dict[str, str]) -> dict[str, str]:
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
    recorded = recorded_roles(view.labels)
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
