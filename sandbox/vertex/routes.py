"""Every route of Vertex AI, taken from Google's client library rather than written down here."""

import importlib
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

SERVICES: Final = (
    "endpoint_service",
    "model_service",
    "pipeline_service",
    "prediction_service",
    "schedule_service",
)
_HOME: Final = "google.cloud.aiplatform_v1.services"
VARIABLE: Final = re.compile(r"\{([\w.]+)=([^}]+)\}")
"""A field in a path, and the form of its value: `{name=projects/*}`."""


@dataclass(frozen=True)
class Route:
    """One way to call one method over HTTP."""

    service: str
    rpc: str
    """The method's name as Python writes it: `create_endpoint`."""
    request: type[Any]
    http_method: str
    uri: str
    body: str | None
    """The field that the body fills; `*` for the whole request, None for no body."""
    pattern: re.Pattern[str]
    variables: tuple[str, ...]
    """The request's fields in the path, as dotted paths, one a group of `pattern`."""


class RouteTable:
    """Finds the route of a request."""

    def __init__(self, routes: list[Route]) -> None:
        # There are some hundred routes for operations alone: only those of the same shape as the
        # path are tried.
        self._by_shape: dict[tuple[str, int, str], list[Route]] = {}
        for route in routes:
            shape = _shape(route.http_method, VARIABLE.sub(r"\2", route.uri))
            self._by_shape.setdefault(shape, []).append(route)

    def match(self, http_method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of that path and the values of the variables in it, or None."""
        for route in self._by_shape.get(_shape(http_method, path), ()):
            found = route.pattern.fullmatch(path)
            if found:
                return route, dict(zip(route.variables, found.groups(), strict=True))
        return None

    def __iter__(self) -> Iterator[Route]:
        """All routes."""
        for routes in self._by_shape.values():
            yield from routes

    def methods(self) -> frozenset[str]:
        """The names of all methods, those too that the sandbox does not have."""
        return frozenset(route.rpc for route in self)


@cache
def google_routes() -> RouteTable:
    """All routes of the services in SERVICES."""
    routes: dict[tuple[str, str], Route] = {}
    for route in routes_of_services():
        # Operations, locations and policies are repeated in every service.
        routes.setdefault((route.http_method, route.uri), route)
    return RouteTable(list(routes.values()))


def routes_of_services() -> list[Route]:
    """The routes of each service after the other, with what is repeated."""
    return [route for service in SERVICES for route in _routes_of(service)]


def _routes_of(service: str) -> list[Route]:
    module = importlib.import_module(f"{_HOME}.{service}.transports.rest_base")
    camel = service.title().replace("_", "")
    transport = getattr(module, f"_Base{camel}RestTransport")
    routes = []
    for name, inner in vars(transport).items():
        if not hasattr(inner, "_get_http_options"):
            continue
        rpc = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removeprefix("_Base")).lower()
        # The property's annotation is Callable[[Request], Response | Awaitable[Response]].
        hints = typing.get_type_hints(getattr(transport, rpc).fget)
        (request,), _ = typing.get_args(hints["return"])
        for option in inner._get_http_options():
            uri = option["uri"]
            routes.append(
                Route(
                    service=service,
                    rpc=rpc,
                    request=request,
                    http_method=option["method"].upper(),
                    uri=uri,
                    body=option.get("body"),
                    pattern=_compile(uri),
                    variables=tuple(field for field, _ in VARIABLE.findall(uri)),
                )
            )
    return routes


def _compile(uri: str) -> re.Pattern[str]:
    pieces, end = [], 0
    for variable in VARIABLE.finditer(uri):
        pieces.append(re.escape(uri[end : variable.start()]))
        pieces.append(f"({variable[2].replace('*', '[^/:]+')})")
        end = variable.end()
    return re.compile("".join([*pieces, re.escape(uri[end:])]))


def _shape(http_method: str, path: str) -> tuple[str, int, str]:
    last = path.rpartition("/")[2]
    return http_method, path.count("/"), last.partition(":")[2]
