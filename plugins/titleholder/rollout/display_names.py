"""The names of deployed models and versions in messages. No I/O."""

from collections.abc import Iterable

from titleholder.rollout.view import DeployedModel, View


def version_text(view: View, deployed_model_id: str | None) -> str:
    """The version of a deployed model: `linnerud@3`; its alias before it is registered, its id
    where the version is unknown. The id follows where two deployed models serve one version. ""
    for None."""
    if deployed_model_id is None:
        return ""
    deployed = view.deployed_model(deployed_model_id)
    if deployed is not None:
        name = version_name(*deployed.model.rpartition("@")[::2])
        twins = sum(other.model == deployed.model for other in view.deployed_models) > 1
        return f"{name} (id {deployed.id})" if twins else name
    version = view.version_for_deployment(deployed_model_id)
    if version is None:
        return f"id {deployed_model_id}"
    return version_name(view.model, version.number)


def listed(deployed: Iterable[DeployedModel]) -> str:
    """Deployed models with id and name, for a message that asks to choose one."""
    return ", ".join(f"{one.model} (id {one.id}, {one.display_name})" for one in deployed)


def adopt_command(model: str, deployed_model_id: str) -> str:
    """The command that records the endpoint as it is, with this champion."""
    return f"`titleholder adopt {model} --deployed-model-id {deployed_model_id}`"


def undo_command(model: str, deployed_model_id: str) -> str:
    """The command that makes this previous champion champion again."""
    return f"`titleholder undo-promotion {model} --deployed-model-id {deployed_model_id}`"


def version_of_model(view: View, reference: str) -> str:
    """The version with that alias or number, as `linnerud@3`; by the alias where there is none."""
    version = view.version(reference)
    return version_name(view.model, version.number if version else reference)


def version_name(model: str, reference: str) -> str:
    """`linnerud@3` for a number; an alias, which holds the model's name, stays as it is."""
    return f"{model}@{reference}" if reference.isdigit() else reference


def split_text(view: View, split: dict[str, int]) -> str:
    """A traffic split in words."""
    parts = [f"{percentage} % to {version_text(view, one)}" for one, percentage in split.items()]
    return " and ".join(parts) or "empty"


def traffic_summary(view: View) -> str:
    """The traffic split now, with the role of each model."""
    roles = {deployed: role for role, deployed in view.labels.items()}
    parts = [
        f"{percentage} % to {version_text(view, one)} ({roles.get(one, 'no role')})"
        for one, percentage in view.split.items()
    ]
    return f"live traffic now goes {' and '.join(parts) or 'nowhere'}"
