"""Drift of an endpoint: the roles as they are, and how they differ from the recorded ones."""

from dataclasses import dataclass

from titleholder.errors import DriftDetected, ManualActionRequired
from titleholder.labels import Label
from titleholder.rollout.display_names import adopt_command, listed, split_text, version_text
from titleholder.rollout.roles import Roles, recorded_roles, recorded_state, with_recorded_roles
from titleholder.rollout.view import DeployedModel, View


@dataclass(frozen=True)
class RoleState:
    """Roles derived from an endpoint view. `roles` is None without a champion; `recorded` is False
    if they were inferred. `orphans` are models that an interrupted training run deployed and gave
    no role, `copies` those that an update of machine settings deployed beside a model with a
    role."""

    roles: Roles | None
    recorded: bool
    orphans: tuple[DeployedModel, ...] = ()
    copies: tuple[DeployedModel, ...] = ()


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
    if differences := find_drift(view):
        raise DriftDetected(
            f"{view.endpoint} was changed by hand: {'; '.join(differences)}; keep it as it is with "
            f"`titleholder adopt {view.model}`, or go back to what was recorded with "
            f"`titleholder restore {view.model}` (or trigger {view.model}__rollout with "
            "that intent), then repeat this"
        )
    beside = copies(view)
    without = tuple(one for one in orphaned if one not in beside)
    return RoleState(recorded[0], True, without, beside)


def find_drift(view: View) -> list[str]:
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


def copies(view: View) -> tuple[DeployedModel, ...]:
    """The orphans whose training run has a role under its other id."""
    return tuple(
        one
        for one in orphans(view)
        if (other := view.other_id(one.id)) is not None and view.has_role(other)
    )


def _is_orphan(view: View, deployed: DeployedModel) -> bool:
    if deployed.traffic_percentage or view.has_role(deployed.id):
        return False
    return view.deployed_by_us(deployed) is not None


def _infer_roles(view: View, deployed: tuple[DeployedModel, ...]) -> Roles | None:
    adopt = adopt_command(view.model, "ID")
    if not deployed:
        return None
    # If only the label of the last event was removed, the other labels still count.
    recorded = recorded_roles(view.labels)
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
