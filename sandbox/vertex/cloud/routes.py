"""The routes of these services."""

from functools import cache
from typing import Any, Final

from google.cloud.logging_v2.types import logging as log_types
from google.protobuf.empty_pb2 import Empty

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
    """All methods of the projects of Resource Manager, and those of Cloud Logging that write and
    read entries."""
    logging = [
        Route(
            service="logging_service_v2",
            rpc=rpc,
            request=request,
            response=response,
            http_method=method,
            uri=uri,
            body=body,
            variables=tuple(field for field, _ in VARIABLE.findall(uri)),
            grpc=f"/google.logging.v2.LoggingServiceV2/{rpc.title().replace('_', '')}",
        )
        for rpc, request, response, method, uri, body in _LOGGING
    ]
    projects = routes_of_package(
        "projects", "google.cloud.resourcemanager_v3.services", "google.cloud.resourcemanager.v3"
    )
    return RouteTable([*projects, *logging])
