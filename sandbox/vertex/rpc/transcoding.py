"""Converts gRPC's messages to HTTP requests, and responses back (google/api/http.proto)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from google.api.httpbody_pb2 import HttpBody
from google.api_core import path_template, rest_helpers
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.routes import VARIABLE, Route

_JSON: Final = "application/json"


@dataclass(frozen=True)
class HttpRequest:
    """A request of REST; `path` is not percent-encoded."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes


def http_request(routes: Sequence[Route], data: bytes) -> HttpRequest:
    """The HTTP request of a serialized message; `routes` are those of its method, in order.

    Raises InvalidArgument for bytes that are no such message, and for a resource name that fits no
    route.
    """
    message = _pb(routes[0].request)()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidArgument(f"The request is no {message.DESCRIPTOR.full_name}.") from error
    options = [_option(route) for route in routes]
    try:
        parts = path_template.transcode(options, message)  # type: ignore[no-untyped-call]
    except ValueError:
        raise _fits_no_route(routes[0], message) from None
    if "http_body" in message.DESCRIPTOR.fields_by_name:
        # Its bytes are the body of the HTTP request: google/api/httpbody.proto.
        sent = message.http_body
        return HttpRequest(parts["method"], parts["uri"], "", sent.content_type, sent.data)
    try:
        query = _fields(parts["query_params"])
        body = json.dumps(_fields(parts["body"])).encode() if "body" in parts else b""
    except (json_format.Error, ValueError, RecursionError) as error:  # NaN in a Value, for example
        raise InvalidArgument(f"Invalid value in {routes[0].rpc}. {error}") from error
    pairs = rest_helpers.flatten_query_params(query, strict=True)  # type: ignore[no-untyped-call]
    return HttpRequest(parts["method"], parts["uri"], urlencode(pairs), _JSON, body)


def grpc_response(route: Route, headers: Mapping[str, str], body: bytes) -> bytes:
    """The serialized message of a successful response."""
    message = _pb(route.response)()
    if isinstance(message, HttpBody):
        message.content_type, message.data = headers.get("content-type", ""), body
    else:
        json_format.Parse(body, message, max_recursion_depth=100)
    return bytes(message.SerializeToString())


def _pb(kind: type[Any]) -> Any:
    return kind if issubclass(kind, Message) else kind.pb()


def _option(route: Route) -> dict[str, str]:
    option = {"method": route.http_method, "uri": route.uri}
    return option if route.body is None else {**option, "body": route.body}


def _fields(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(message, use_integers_for_enums=True)


def _fits_no_route(route: Route, message: Any) -> InvalidArgument:
    values = [f"{field} {_value(message, field)!r}" for field in route.variables]
    patterns = [pattern for _, pattern in VARIABLE.findall(route.uri)]
    return InvalidArgument(
        f"Invalid {' and '.join(values)} in {route.rpc}: use {' and '.join(patterns)}."
    )


def _value(message: Any, field: str) -> Any:
    for name in field.split("."):
        message = getattr(message, name)
    return message
