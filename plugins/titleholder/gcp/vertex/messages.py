"""Endpoints and machine settings as messages of `aiplatform_v1`, and back."""

import re
from typing import Any

from titleholder.config.endpoint import Endpoint, EndpointType, Resources, autoscaling_targets
from titleholder.gcp.vertex.clients import vertex_api
from titleholder.rollout.view import DeployedModel

# google/cloud/aiplatform/v1/machine_resources.proto, AutoscalingMetricSpec.metric_name.
_METRIC = "aiplatform.googleapis.com/prediction/online/"
_METRICS = {
    "cpu_utilization": f"{_METRIC}cpu/utilization",
    "accelerator_duty_cycle": f"{_METRIC}accelerator/duty_cycle",
    "request_count": f"{_METRIC}request_count",
}
# endpoint_service.proto, MutateDeployedModelRequest: what can be changed in place.
REPLICAS_MASK = [
    "dedicated_resources.min_replica_count",
    "dedicated_resources.max_replica_count",
    "dedicated_resources.autoscaling_metric_specs",
]


def new_endpoint(config: Endpoint, labels: dict[str, str]) -> Any:
    """The `Endpoint` to create."""
    v1 = vertex_api()
    endpoint = v1.Endpoint(
        display_name=config.display_name, labels=labels, dedicated_endpoint_enabled=config.dedicated
    )
    if config.private_service_connect is not None:
        endpoint.private_service_connect_config = v1.PrivateServiceConnectConfig(
            enable_private_service_connect=True,
            project_allowlist=config.private_service_connect.projects,
        )
    return endpoint


def endpoint_type(endpoint: Any) -> EndpointType:
    """The type of an `Endpoint`."""
    if endpoint.private_service_connect_config.enable_private_service_connect:
        return EndpointType.PRIVATE
    if endpoint.network or endpoint.enable_private_service_connect:
        return EndpointType.PRIVATE
    return EndpointType.DEDICATED if endpoint.dedicated_endpoint_enabled else EndpointType.SHARED


def prediction_url(endpoint: Any, region_url: str) -> str:
    """The URL of an `Endpoint` that applications call, which does not depend on what is deployed;
    "" without a public one. `region_url` is such as `https://us-central1-aiplatform.googleapis.com`.

    A dedicated endpoint has a host of its own, and the region's host does not answer for it
    (Endpoint.dedicated_endpoint_enabled in google/cloud/aiplatform/v1/endpoint.proto).
    """
    found, base = endpoint_type(endpoint), region_url.rstrip("/")
    if found is EndpointType.DEDICATED:
        # Google's docs have it with a scheme, Google's client library expects none.
        host = endpoint.dedicated_endpoint_dns.rpartition("://")[2]
        base = f"{base.partition('://')[0]}://{host}" if host else ""
    if found is EndpointType.PRIVATE or not base:
        return ""
    return f"{base}/v1/{endpoint.name}:predict"


def deployed_model(endpoint: Any, deployed: Any) -> DeployedModel:
    """A `DeployedModel` of that `Endpoint`."""
    return DeployedModel(
        id=deployed.id,
        display_name=deployed.display_name,
        model=f"{deployed.model.rsplit('/', 1)[-1].partition('@')[0]}@{deployed.model_version_id}",
        traffic_percentage=endpoint.traffic_split.get(deployed.id, 0),
        deployed_at=deployed.create_time,
        resources=_resources(deployed) if "dedicated_resources" in deployed else None,
    )


def dedicated_resources(resources: Resources) -> Any:
    """The `DedicatedResources` of a model with these settings."""
    v1 = vertex_api()
    machine = v1.MachineSpec(machine_type=resources.machine_type)
    if resources.accelerator is not None:
        name, machine.accelerator_count = resources.accelerator
        machine.accelerator_type = getattr(v1.AcceleratorType, name)
    return v1.DedicatedResources(
        machine_spec=machine,
        min_replica_count=resources.min_replicas,
        max_replica_count=resources.max_replicas,
        autoscaling_metric_specs=[
            v1.AutoscalingMetricSpec(metric_name=_METRICS[key], target=target)
            for key, target in resources.autoscaling
        ],
    )


def _resources(deployed: Any) -> Resources:
    dedicated = deployed.dedicated_resources
    machine, count = dedicated.machine_spec, dedicated.machine_spec.accelerator_count
    known = {metric: key for key, metric in _METRICS.items()}
    targets = {
        known.get(spec.metric_name, spec.metric_name): spec.target
        for spec in dedicated.autoscaling_metric_specs
    }
    return Resources(
        machine.machine_type,
        (machine.accelerator_type.name, count) if count else None,
        dedicated.min_replica_count,
        dedicated.max_replica_count or dedicated.min_replica_count,
        autoscaling_targets(targets),
        deployed.service_account,
    )


def request_log_table(endpoint: Any) -> str:
    """`project.dataset.table` to which an `aiplatform_v1.Endpoint` logs its requests; empty when it
    logs nothing.

    A missing part has its default of PredictRequestResponseLoggingConfig in Google's
    endpoint.proto: the dataset `logging_<endpoint-display-name>_<endpoint-id>`, in which "most"
    special characters become underscores, and the table `request_response_logging`. A missing
    project is left out.
    """
    config = endpoint.predict_request_response_logging_config
    if not config.enabled:
        return ""
    parts = config.bigquery_destination.output_uri.removeprefix("bq://").split(".", 2)
    project, dataset, table = (*parts, "", "")[:3]
    default = f"logging_{endpoint.display_name}_{endpoint.name.rpartition('/')[2]}"
    dataset = dataset or re.sub(r"\W", "_", default, flags=re.ASCII)
    return ".".join(filter(None, (project, dataset, table or "request_response_logging")))
