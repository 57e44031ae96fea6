"""The routes of these services."""

from functools import cache
from typing import Any, Final

from google.cloud.logging_v2.types import logging as log_types
from google.protobuf.empty_pb2 import Empty

from sandbox.monitoring.methods import METHODS
from sandbox.monitoring.methods import SERVICE as MONITORING
from sandbox.vertex.http.routes import VARIABLE, Route, RouteTable, routes_of_package

# The client library of Cloud Logging has no REST transport. Source: the google.api.http annotations
# in google/logging/v2/logging.proto.
_LOGGING: Final[tuple[tuple[str, Any, Any, str, str, str | None], ...]] = (
    (
        "write_log_entries",
        log_types.WriteLogEntriesRequest,
        log_types.WriteLogEntriesResponse,
        "POST",
        "/v2/entries:write",
        "*",
    ),
    (
        "list_log_entries",
        log_types.ListLogEntriesRequest,
        log_types.ListLogEntriesResponse,
        "POST",
        "/v2/entries:list",
        "*",
    ),
    (
        "list_logs",
        log_types.ListLogsRequest,
        log_types.ListLogsResponse,
        "GET",
        "/v2/{parent=projects/*}/logs",
        None,
    ),
    (
        "delete_log",
        log_types.DeleteLogRequest,
        Empty,
        "DELETE",
        "/v2/{log_name=projects/*/logs/*}",
        None,
    ),
)


@cache
def cloud_routes() -> RouteTable:
    """All methods of the projects of Resource Manager, those of Cloud Logging that write and read
    entries, and those of metrics in Cloud Monitoring."""
    logging = [
        _route("logging_service_v2", "google.logging.v2.LoggingServiceV2", *method)
        for method in _LOGGING
    ]
    monitoring = [_route("metric_service", MONITORING, *method) for method in METHODS]
    projects = routes_of_package(
        "projects", "google.cloud.resourcemanager_v3.services", "google.cloud.resourcemanager.v3"
    )
    return RouteTable([*projects, *logging, *monitoring])


def _route(
    service: str,
    grpc: str,
    rpc: str,
    request: Any,
    response: Any,
    http_method: str,
    uri: str,
    body: str | None,
) -> Route:
    return Route(
        service=service,
        rpc=rpc,
        request=request,
        response=response,
        http_method=http_method,
        uri=uri,
        body=body,
        variables=tuple(field for field, _ in VARIABLE.findall(uri)),
        grpc=f"/{grpc}/{rpc.title().replace('_', '')}",
    )
