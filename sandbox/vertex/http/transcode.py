"""Converts HTTP/JSON to Google's request messages and back (google/api/http.proto)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import proto
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sandbox.vertex.http.errors import InvalidArgument, Unimplemented
from sandbox.vertex.http.routes import Route

# Query parameters of every Google API that do not change the sandbox's response.
_IGNORED: Final = frozenset(
    ("access_token", "alt", "key", "oauth_token", "prettyPrint", "quotaUser", "userIp")
)
_INT_ENUMS: Final = "json;enum-encoding=int"


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, which is empty for an empty body; raises InvalidArgument."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(value, dict):
        raise InvalidArgument("Invalid JSON payload received. The body must be a JSON object.")
    return value


def read_request(
    route: Route, variables: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes
) -> Any:
    """The request message of a call.

    Raises InvalidArgument for unknown fields, which Google refuses as well, and wrong types;
    Unimplemented for partial responses.
    """
    message = route.request() if issubclass(route.request, Message) else route.request.pb()()
    if route.body is None:
        if body.strip() not in (b"", b"{}"):
            raise InvalidArgument(f"{route.http_method} {route.uri} takes no body; send none.")
        fields: dict[str, Any] = {}
    else:
        fields = parse_json(body)
        if route.body != "*":
            fields = {route.body: fields}
    where = "" if route.body in (None, "*") else f" in the body or query of {route.rpc}"
    _add_query(fields, message, query)
    try:
        json_format.ParseDict(fields, message, max_recursion_depth=100)
    except (json_format.ParseError, RecursionError) as error:
        raise InvalidArgument(f"Invalid JSON payload received{where}. {error}") from error
    for path, value in variables.items():
        _set(message, path, value)
    return message if isinstance(message, route.request) else route.request.wrap(message)


def write_response(result: Any, query: Sequence[tuple[str, str]]) -> bytes:
    """The JSON body of a response; None is google.protobuf.Empty."""
    if result is None:
        return b"{}"
    message = type(result).pb(result) if isinstance(result, proto.Message) else result
    numbers = any(key == "$alt" and value == _INT_ENUMS for key, value in query)
    fields = json_format.MessageToDict(message, use_integers_for_enums=numbers)
    return json.dumps(fields, ensure_ascii=False).encode()


def _add_query(fields: dict[str, Any], message: Message, query: Sequence[tuple[str, str]]) -> None:
    for key, value in query:
        if key.startswith("$") or key in _IGNORED:
            continue
        if key == "fields":
            raise Unimplemented(
                "Partial responses (?fields=) are not in the sandbox; leave it out."
            )
        parent, descriptor = fields, message.DESCRIPTOR
        *outer, last = key.split(".")
        for name in outer:
            field = _field(descriptor, name, key)
            if field.message_type is None:
                raise InvalidArgument(f"Invalid query parameter {key!r}: {name!r} has no fields.")
            descriptor = field.message_type
            parent = parent.setdefault(field.name, {})
            if not isinstance(parent, dict):
                raise _set_twice(key)
        field = _field(descriptor, last, key)
        parsed = _scalar(field, value, key)
        if field.is_repeated:
            values = parent.setdefault(field.name, [])
            if not isinstance(values, list):
                raise _set_twice(key)
            values.append(parsed)
        else:
            parent[field.name] = parsed


def _set_twice(key: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid query parameter {key!r}: it is set in the body, too.")


def _field(descriptor: Any, name: str, key: str) -> FieldDescriptor:
    field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    if field is None:
        raise InvalidArgument(
            f"Invalid JSON payload received. Unknown name {key!r}: "
            "Cannot bind query parameter. Field could not be found in request message."
        )
    return field  # type: ignore[no-any-return]


def _scalar(field: FieldDescriptor, value: str, key: str) -> str | bool:
    if field.type == FieldDescriptor.TYPE_BOOL:
        if value not in ("true", "false"):
            raise InvalidArgument(f"Invalid query parameter {key}={value!r}: use true or false.")
        return value == "true"
    return value


def _set(message: Any, path: str, value: str) -> None:
    *outer, last = path.split(".")
    for name in outer:
        message = getattr(message, name)
    setattr(message, last, value)


def _no_constant(name: str) -> None:
    # Python's parser accepts NaN and Infinity, which JSON does not have.
    raise ValueError(f"{name} is not JSON.")
