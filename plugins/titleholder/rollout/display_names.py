"""What deployed models are called where people read of them: model and version. No I/O."""

from collections.abc import Iterable

from titleholder.rollout.view import DeployedModel, View


def version_text(view: View, deployed_model_id: str | None) -> str:
    """`linnerud@3`; a version that is yet to be registered by its alias, and a deployed model of
    which nothing is known by its id. The id follows where two deployed models serve one version.
    "" for None."""
    if deployed_model_id is None:
        return ""
    seat = view.deployed_model(deployed_model_id)
    if seat is not None:
        name = version_name(*seat.model.rpartition("@")[::2])
        twins = sum(other.model == seat.model for other in view.deployed_models) > 1
        return f"{name} (id {seat.id})" if twins else name
    version = view.version_for_deployment(deployed_model_id)
    if version is None:
        return f"id {deployed_model_id}"
    return version_name(view.model, version.number)


def listed(seats: Iterable[DeployedModel]) -> str:
    """Deployed models for a person who has to choose one or to take one down: with id and name."""
    return ", ".join(f"{seat.model} (id {seat.id}, {seat.display_name})" for seat in seats)


def version_of_model(view: View, reference: str) -> str:
    """The version with that alias or number, as `linnerud@3`; by the alias where there is none."""
    version = view.version(reference)
    return version_name(view.model, version.number if version else reference)


def version_name(model: str, reference: str) -> str:
    """`linnerud@3` for a number; an alias, which holds the model's name, stays as it is."""
    return f"{model}@{reference}" if reference.isdigit() else reference


def split_text(view: View, split: dict[str, int]) -> str:
    """Which model answers how many per cent of the requests."""
    parts = [f"{share} % to {version_text(view, one)}" for one, share in split.items()]
    return " and ".join(parts) or "empty"


def traffic_summary(view: View) -> str:
    """Which model answers which share of the requests now, and its role."""
    roles = {seat: role for role, seat in view.labels.items()}
    parts = [
        f"{share} % to {version_text(view, one)} ({roles.get(one, 'no role')})"
        for one, share in view.split.items()
    ]
    return f"live traffic now goes {' and '.join(parts) or 'nowhere'}"
