"""The methods of MetricService with their HTTP routes.

Source: the google.api.http options in google/monitoring/v3/metric_service.proto, which the client
library does not have. Methods that are not in MetricService (service.py) respond with 501.
"""

from typing import Any, Final, NamedTuple

from google.api.metric_pb2 import MetricDescriptor
from google.api.monitored_resource_pb2 import MonitoredResourceDescriptor
from google.cloud.monitoring_v3 import types
from google.protobuf.empty_pb2 import Empty

SERVICE: Final = "google.monitoring.v3.MetricService"


class Method(NamedTuple):
    """A method, by its name in Python; `body` as in google/api/http.proto, None without one."""

    rpc: str
    request: type[Any]
    response: type[Any]
    http_method: str
    uri: str
    body: str | None = None


_PROJECT: Final = "/v3/{name=projects/*}"
_SERIES: Final = f"{_PROJECT}/timeSeries"
METHODS: Final = (
    Method(
        "list_monitored_resource_descriptors",
        types.ListMonitoredResourceDescriptorsRequest,
        types.ListMonitoredResourceDescriptorsResponse,
        *("GET", f"{_PROJECT}/monitoredResourceDescriptors"),
    ),
    Method(
        "get_monitored_resource_descriptor",
        types.GetMonitoredResourceDescriptorRequest,
        MonitoredResourceDescriptor,
        *("GET", "/v3/{name=projects/*/monitoredResourceDescriptors/**}"),
    ),
    Method(
        "list_metric_descriptors",
        types.ListMetricDescriptorsRequest,
        types.ListMetricDescriptorsResponse,
        *("GET", f"{_PROJECT}/metricDescriptors"),
    ),
    Method(
        "get_metric_descriptor",
        types.GetMetricDescriptorRequest,
        MetricDescriptor,
        *("GET", "/v3/{name=projects/*/metricDescriptors/**}"),
    ),
    Method(
        "create_metric_descriptor",
        types.CreateMetricDescriptorRequest,
        MetricDescriptor,
        *("POST", f"{_PROJECT}/metricDescriptors", "metric_descriptor"),
    ),
    Method(
        "delete_metric_descriptor",
        types.DeleteMetricDescriptorRequest,
        Empty,
        *("DELETE", "/v3/{name=projects/*/metricDescriptors/**}"),
    ),
    Method(
        *("list_time_series", types.ListTimeSeriesRequest, types.ListTimeSeriesResponse),
        *("GET", _SERIES),
    ),
    Method(
        *("create_time_series", types.CreateTimeSeriesRequest, Empty),
        *("POST", _SERIES, "*"),
    ),
    Method(
        *("create_service_time_series", types.CreateTimeSeriesRequest, Empty),
        *("POST", f"{_SERIES}:createService", "*"),
    ),
)
