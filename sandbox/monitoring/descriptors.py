"""The descriptors of the metrics that the sandbox writes, and of the resources they are about.

Source: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform and
https://cloud.google.com/monitoring/api/resources.
"""

from typing import Any, Final

from google.api import label_pb2
from google.api.launch_stage_pb2 import BETA
from google.api.metric_pb2 import MetricDescriptor
from google.api.monitored_resource_pb2 import MonitoredResourceDescriptor

from sandbox.monitoring.series import Kind, Type

ENDPOINT: Final = "aiplatform.googleapis.com/Endpoint"
ONLINE: Final = "aiplatform.googleapis.com/prediction/online/"
CUSTOM: Final = "custom.googleapis.com/"
_ID: Final = ("deployed_model_id", "The ID of the DeployedModel which serves the request.")
_CODE: Final = ("response_code", "Class of the HTTP response code: 2xx, 4xx or 5xx.")
_LATENCY: Final = ("latency_type", "One of overhead, model and total.")
_SHARED: Final = (
    ("spot", "Whether this deployment is on Spot VMs: always False here."),
    ("model_display_name", "The display name of the model."),
    ("endpoint_display_name", "The display name of the endpoint."),
)
_METRICS: Final = (
    ("prediction_count", "Prediction count", Kind.DELTA, Type.INT64, "1", (_ID, *_SHARED)),
    ("error_count", "Error count", Kind.DELTA, Type.INT64, "1", (_ID, *_SHARED)),
    ("response_count", "Response count", Kind.DELTA, Type.INT64, "1", (_ID, _CODE, *_SHARED)),
    (
        *("prediction_latencies", "Prediction latencies", Kind.DELTA, Type.DISTRIBUTION, "ms"),
        (_ID, _LATENCY, *_SHARED),
    ),
    ("replicas", "Replica count", Kind.GAUGE, Type.INT64, "1", (_ID, *_SHARED)),
    ("target_replicas", "Replica target", Kind.GAUGE, Type.INT64, "1", (_ID, *_SHARED)),
)
_DESCRIPTIONS: Final = {
    "prediction_count": "Number of instances in the predictions that succeeded.",
    "error_count": "Number of predictions that failed.",
    "response_count": "Number of responses, by the class of their code.",
    "prediction_latencies": "Latency of predictions.",
    "replicas": "Number of healthy replicas of the deployed model.",
    "target_replicas": "Number of replicas that the deployed model should have.",
}
_RESOURCES: Final = (
    (ENDPOINT, "Vertex AI Endpoint", ("resource_container", "location", "endpoint_id")),
    ("global", "Global", ("project_id",)),
    ("generic_node", "Generic node", ("project_id", "location", "namespace", "node_id")),
    ("generic_task", "Generic task", ("project_id", "location", "namespace", "job", "task_id")),
)


def built_in() -> dict[str, Any]:
    """The MetricDescriptors of the sandbox's own metrics by type, without names."""
    found = {}
    for name, title, kind, value_type, unit, labels in _METRICS:
        descriptor = MetricDescriptor(
            type=f"{ONLINE}{name}",
            labels=[label_pb2.LabelDescriptor(key=key, description=text) for key, text in labels],
            metric_kind=kind,
            value_type=value_type,
            unit=unit,
            description=f"{_DESCRIPTIONS[name]} Sampled every 60 seconds.",
            display_name=title,
            launch_stage=BETA,
            monitored_resource_types=[ENDPOINT],
        )
        descriptor.metadata.sample_period.seconds = 60
        found[descriptor.type] = descriptor
    return found


def resources(project: str) -> dict[str, Any]:
    """The MonitoredResourceDescriptors by type: those of custom metrics, and the endpoint."""
    return {
        kind: MonitoredResourceDescriptor(
            name=f"projects/{project}/monitoredResourceDescriptors/{kind}",
            type=kind,
            display_name=title,
            labels=[label_pb2.LabelDescriptor(key=key) for key in keys],
        )
        for kind, title, keys in _RESOURCES
    }
