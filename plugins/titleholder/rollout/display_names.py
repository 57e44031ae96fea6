"""Names of deployed models and versions in messages. No I/O."""

from collections.abc import Iterable

from titleholder.rollout.view import DeployedModel, View


def version_text(view: View, deployed_model_id: str | None) -> str:
    """The version of a deployed model: `linnerud@3`; its alias before it is registered, its id if
    the version is unknown, "" for None. The id is added if two deployed models serve one version.
    """
    if deployed_model_id is None:
        return ""
    deployed = view.deployed_model(deployed_model_id)
    if deployed is not None:
        name = version_name(deployed.model_id, deployed.version_number)
        ambiguous = sum(one.model == deployed.model for one in view.deployed_models) > 1
        return f"{name} (id {deployed.id})" if ambiguous else name
    version = view.version_for_deployment(deployed_model_id)
    if version is None:
        return f"id {deployed_model_id}"
    return version_name(view.model, version.number)


def listed(deployed: Iterable[DeployedModel]) -> str:
    """Deployed models with id and display name, for a message that asks for one of them."""
    return ", ".join(f"{one.model} (id {one.id}, {one.display_name})" for one in deployed)


def adopt_command(model: str, deployed_model_id: str) -> str:
    """The command that records the endpoint as it is, with this champion."""
    return f"`titleholder adopt {model} --deployed-model-id {deployed_model_id}`"


def undo_command(model: str, deployed_model_id: str) -> str:
    """The command that makes this previous champion champion again."""
    return f"`titleholder undo-promotion {model} --deployed-model-id {deployed_model_id}`"


def version_of_model(view: View, reference: str) -> str:
    """The version with that alias or number, as `linnerud@3`; the alias if it is not registered."""
    version = view.version(reference)
    return version_name(view.model, version.number if version else reference)


def version_name(model: str, reference: str) -> str:
    """`linnerud@3` for a number; an alias unchanged, as it contains the model's name."""
    return f"{model}@{reference}" if reference.isdigit() else reference


def split_text(view: View, split: dict[str, int]) -> str:
    """A traffic split, such as `90 % to linnerud@2 and 10 % to linnerud@3`."""
    parts = [f"{percentage} % to {version_text(view, one)}" for one, percentage in split.items()]
    return " and ".join(parts) or "empty"


def traffic_summary(view: View) -> str:
    """The present traffic split, with the role of each model."""
    roles = {deployed: role for role, deployed in view.labels.items()}
    parts = [
        f"{percentage} % to {version_text(view, one)} ({roles.get(one, 'no role')})"
        for one, percentage in view.split.items()
    ]
    return f"live traffic now goes {' and '.join(parts) or 'nowhere'}"
