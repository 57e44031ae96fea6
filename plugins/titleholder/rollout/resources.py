"""Endpoint type and machine settings: how an endpoint differs from the model's file. No I/O."""

from collections.abc import Iterator
from dataclasses import replace

from titleholder.config.endpoint import EndpointType, Resources
from titleholder.errors import ManualActionRequired
from titleholder.rollout.display_names import version_text
from titleholder.rollout.view import DeployedModel, View

_KEYS = {
    EndpointType.SHARED: "neither endpoint.dedicated nor endpoint.private_service_connect",
    EndpointType.DEDICATED: "endpoint.dedicated: true",
    EndpointType.PRIVATE: "endpoint.private_service_connect",
}


def with_replicas(found: Resources, wanted: Resources) -> Resources:
    """`found` with the replicas and the autoscaling of `wanted`, which can be changed in place."""
    return replace(
        found,
        min_replicas=wanted.min_replicas,
        max_replicas=wanted.max_replicas,
        autoscaling=wanted.autoscaling,
    )


def wanted_resources(view: View, deployed: DeployedModel) -> Resources | None:
    """The machine settings that the deployed model has to get from the model's file; None if it
    keeps its own.

    A model that no training run deployed cannot be deployed again, so only its replicas can be
    changed; a model whose resources Vertex AI decides on has no machine settings.
    """
    if view.configured is None or deployed.resources is None:
        return None
    wanted = view.configured.resources
    if view.deployed_by_us(deployed) is None:
        wanted = with_replicas(deployed.resources, wanted)
    return None if wanted == deployed.resources else wanted


def needs_new_machines(found: Resources, wanted: Resources) -> bool:
    """Whether the change is not possible in place (MutateDeployedModelRequest in
    google/cloud/aiplatform/v1/endpoint_service.proto)."""
    return with_replicas(found, wanted) != wanted


def differing(found: Resources, wanted: Resources) -> list[tuple[str, str, str]]:
    """(key in the model's file, wanted value, found value) of each difference."""
    pairs = zip(_shown(found), _shown(wanted), strict=True)
    return [(key, now, before) for (key, before), (_, now) in pairs if now != before]


def settings_text(view: View) -> list[str]:
    """One sentence for each deployed model with a role whose machine settings differ from the
    model's file."""
    return [
        f"machine settings of {version_text(view, one.id)} differ from {view.model}.yaml "
        f"({', '.join(f'{key} {now}, is {before}' for key, now, before in changes)}): apply with "
        f"`titleholder update-resources {view.model}`"
        for one in view.deployed_models
        if view.has_role(one.id) and (wanted := wanted_resources(view, one)) is not None
        if (changes := differing(one.resources or wanted, wanted))
    ]


def replicas_text(resources: Resources) -> str:
    """The replicas, such as `1 to 3 by cpu_utilization 70`."""
    few, most = resources.min_replicas, resources.max_replicas
    if few == most:
        return str(few)
    targets = _targets(resources) if resources.autoscaling else "Vertex AI's default"
    return f"{few} to {most} by {targets}"


def require_type(view: View) -> None:
    """Raise ManualActionRequired if the endpoint exists and has another type than the model's
    file."""
    if view.endpoint is None or view.configured is None or view.type is view.configured.type:
        return
    raise ManualActionRequired(
        f"{view.endpoint} is a {view.type} endpoint and {view.model}.yaml wants a "
        f"{view.configured.type} one, and Vertex AI cannot change the type; write "
        f"{_KEYS[view.type]} to keep this endpoint, or name another one in endpoint.display_name, "
        "which applications then have to call"
    )


def _shown(resources: Resources) -> Iterator[tuple[str, str]]:
    accelerator = resources.accelerator
    yield "machine_type", resources.machine_type
    yield "accelerator", f"{accelerator[1]} x {accelerator[0]}" if accelerator else "none"
    yield "min_replicas", str(resources.min_replicas)
    yield "max_replicas", str(resources.max_replicas)
    yield "autoscaling", _targets(resources) if resources.autoscaling else "default"
    yield "service_account", resources.service_account or "none"


def _targets(resources: Resources) -> str:
    return " and ".join(f"{key} {target}" for key, target in resources.autoscaling)
