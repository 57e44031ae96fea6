"""Rules of the dedicated resources of deployed models. No I/O.

Source: the docs of DedicatedResources, MachineSpec and AutoscalingMetricSpec in
google/cloud/aiplatform/v1/machine_resources.proto, and of MutateDeployedModelRequest in
endpoint_service.proto.
"""

from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import InvalidArgument, Unimplemented
from sandbox.vertex.http.field_checks import check_machine

# MutateDeployedModelRequest.deployed_model. Automatic resources are for models without containers.
MUTABLE: Final = (
    "dedicated_resources.min_replica_count",
    "dedicated_resources.max_replica_count",
    "dedicated_resources.required_replica_count",
    "dedicated_resources.autoscaling_metric_specs",
    "disable_container_logging",
)
_METRIC: Final = "aiplatform.googleapis.com/prediction/online/"
_DUTY_CYCLE: Final = f"{_METRIC}accelerator/duty_cycle"
_REQUESTS: Final = f"{_METRIC}request_count"
_METRICS: Final = (f"{_METRIC}cpu/utilization", _DUTY_CYCLE, _REQUESTS)
_FIELD: Final = "deployed_model.dedicated_resources"
_DEFAULT_TARGET: Final = 60


def completed_resources(deployed: Any) -> Any:
    """The resources of a DeployedModel with Vertex AI's defaults; raises InvalidArgument for
    invalid ones, and Unimplemented for shared ones.

    Custom models need dedicated resources (Model.supported_deployment_resources_types).
    """
    if deployed.shared_resources:
        raise Unimplemented(
            "deployed_model.shared_resources is not in the sandbox; use dedicated_resources."
        )
    found = types.DedicatedResources(deployed.dedicated_resources)
    check_machine(found.machine_spec, f"{_FIELD}.machine_spec")
    if found.min_replica_count < 1:
        raise InvalidArgument(
            f"{_FIELD}.min_replica_count is {found.min_replica_count}; it must be 1 or more."
        )
    found.max_replica_count = found.max_replica_count or found.min_replica_count
    if found.max_replica_count < found.min_replica_count:
        raise InvalidArgument(
            f"{_FIELD}.max_replica_count is below min_replica_count; raise it or leave it out."
        )
    if not 0 <= found.required_replica_count <= found.max_replica_count:
        raise InvalidArgument(
            f"{_FIELD}.required_replica_count is {found.required_replica_count}; it must be at "
            "most max_replica_count."
        )
    _check_autoscaling(found)
    return found


def _check_autoscaling(resources: Any) -> None:
    seen = set()
    for spec in resources.autoscaling_metric_specs:
        field, name = f"{_FIELD}.autoscaling_metric_specs", spec.metric_name
        if name not in _METRICS:
            raise InvalidArgument(
                f"{field} has the metric {name!r}; these exist: {', '.join(_METRICS)}."
            )
        if name in seen:
            raise InvalidArgument(f"{field} has {name} twice; send one entry for each metric.")
        if name == _DUTY_CYCLE and not resources.machine_spec.accelerator_count:
            raise InvalidArgument(f"{field} has {name} and the machine no accelerator; add one.")
        seen.add(name)
        spec.target = spec.target or _DEFAULT_TARGET
        if spec.target < 1 or (spec.target > 100 and name != _REQUESTS):
            raise InvalidArgument(f"{field} has the target {spec.target}; it is 1 to 100 per cent.")
