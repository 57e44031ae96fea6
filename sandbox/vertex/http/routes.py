"""The routes of Vertex AI, read from Google's client library."""

import importlib
import pkgutil
import re
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

SERVICES: Final = (
    "endpoint_service",
    "job_service",
    "model_service",
    "pipeline_service",
    "prediction_service",
    "schedule_service",
)
"""The services of which the sandbox has methods, or may have some."""
_HOME: Final = "google.cloud.aiplatform_v1.services"
_PACKAGE: Final = "google.cloud.aiplatform.v1"
# The methods that every service has over HTTP, and one service of its own over gRPC.
_MIXINS: Final = {
    "google.longrunning.Operations": (
        "list_operations",
        "get_operation",
        "delete_operation",
        "cancel_operation",
        "wait_operation",
    ),
    "google.cloud.location.Locations": ("list_locations", "get_location"),
    "google.iam.v1.IAMPolicy": ("get_iam_policy", "set_iam_policy", "test_iam_permissions"),
}
VARIABLE: Final = re.compile(r"\{([\w.]+)=([^}]+)\}")
"""A field in a path, and the pattern of its value: `{name=projects/*}`."""


@dataclass(frozen=True)
class Route:
    """One HTTP method and path of an RPC."""

    service: str
    rpc: str
    """The name of the RPC in Python: `create_endpoint`."""
    request: type[Any]
    response: type[Any]
    """The message of a response, of each one if there are several."""
    http_method: str
    uri: str
    body: str | None
    """The field that the body contains; `*` for the whole request, None for no body."""
    variables: tuple[str, ...]
    """The request's fields in the path, as dotted paths, one per group of `pattern`."""
    grpc: str
    """The path of the gRPC method: `/google.cloud.aiplatform.v1.EndpointService/GetEndpoint`."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the route's paths. Of the hundreds few are ever compiled, which takes longest."""
        return _compile(self.uri)


class RouteTable:
    """Routes, by HTTP method and path."""

    def __init__(self, routes: list[Route]) -> None:
        # There are hundreds of routes: only those of the same shape as the path are tried.
        self._by_shape: dict[tuple[str, int, str], list[Route]] = {}
        # Those with a variable of several segments have no shape.
        self._long = [route for route in routes if "**" in route.uri]
        for route in routes:
            if "**" not in route.uri:
                shape = _shape(route.http_method, VARIABLE.sub(r"\2", route.uri))
                self._by_shape.setdefault(shape, []).append(route)

    def match(self, http_method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a path and the values of its variables, or None."""
        short = self._by_shape.get(_shape(http_method, path), ())
        for route in (*short, *self._long):
            found = route.http_method == http_method and route.pattern.fullmatch(path)
            if found:
                return route, dict(zip(route.variables, found.groups(), strict=True))
        return None

    def __iter__(self) -> Iterator[Route]:
        """All routes."""
        for routes in self._by_shape.values():
            yield from routes
        yield from self._long

    def methods(self) -> frozenset[str]:
        """The names of all RPCs, also of those that the sandbox does not have."""
        return frozenset(route.rpc for route in self)


@cache
def google_routes() -> RouteTable:
    """All routes of the services in SERVICES."""
    return _table(routes_of(SERVICES))


@cache
def other_routes() -> RouteTable:
    """The routes of all other services, of which the sandbox has no methods.

    They are read at the first call; most servers never need them.
    """
    return _table(routes_of(other_services()))


def other_services() -> list[str]:
    """The services in Google's client library that are not in SERVICES."""
    found = pkgutil.iter_modules(importlib.import_module(_HOME).__path__)
    return sorted(module.name for module in found if module.name not in SERVICES)


def routes_of(services: Iterable[str]) -> list[Route]:
    """The routes of all these services, with repetitions."""
    return [route for service in services for route in routes_of_package(service)]


def _table(routes: Iterable[Route]) -> RouteTable:
    unique: dict[tuple[str, str], Route] = {}
    for route in routes:
        # Operations, locations and policies are repeated in every service.
        unique.setdefault((route.http_method, route.uri), route)
    return RouteTable(list(unique.values()))


@cache
def routes_of_package(service: str, home: str = _HOME, package: str = _PACKAGE) -> list[Route]:
    """The routes of one service, of Vertex AI or of another API: `home` has the services of its
    client library, and `package` is that of its proto files."""
    module = importlib.import_module(f"{home}.{service}.transports.rest_base")
    camel = _camel(service)
    transport = getattr(module, f"_Base{camel}RestTransport")
    routes = []
    for name, inner in vars(transport).items():
        if not hasattr(inner, "_get_http_options"):
            continue
        rpc = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removeprefix("_Base")).lower()
        # The property's annotation is Callable[[Request], Response | Awaitable[Response]].
        hints = typing.get_type_hints(getattr(transport, rpc).fget)
        (request,), responses = typing.get_args(hints["return"])
        mixin = (whole for whole, rpcs in _MIXINS.items() if rpc in rpcs)
        grpc = next(mixin, f"{package}.{camel}")
        for option in inner._get_http_options():
            uri = option["uri"]
            routes.append(
                Route(
                    service=service,
                    rpc=rpc,
                    request=request,
                    # Methods without a response are annotated with None.
                    response=next(iter(typing.get_args(responses)), Empty),
                    http_method=option["method"].upper(),
                    uri=uri,
                    body=option.get("body"),
                    variables=tuple(field for field, _ in VARIABLE.findall(uri)),
                    grpc=f"/{grpc}/{_camel(rpc)}",
                )
            )
    return routes


def _camel(name: str) -> str:
    return name.title().replace("_", "")


def _compile(uri: str) -> re.Pattern[str]:
    pieces, end = [], 0
    for variable in VARIABLE.finditer(uri):
        pieces.append(re.escape(uri[end : variable.start()]))
        pieces.append(f"({variable[2].replace('**', '.+').replace('*', '[^/:]+')})")
        end = variable.end()
    return re.compile("".join([*pieces, re.escape(uri[end:])]))


def _shape(http_method: str, path: str) -> tuple[str, int, str]:
    last = path.rpartition("/")[2]
    return http_method, path.count("/"), last.partition(":")[2]
