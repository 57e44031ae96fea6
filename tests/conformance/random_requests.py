"""Random requests from Google's routes and messages, with errors added."""

import copy
import json
import re
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from hypothesis import strategies as st

from sandbox.monitoring.descriptors import ONLINE
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.coverage import PAGE
from sandbox.vertex.http.routes import SERVICES, Route, other_services, routes_of
from tests.conformance.valid_requests import BODIES, QUERIES

_SEGMENT = re.compile(r"\*\*|\*")
_IDS = {
    "endpoints": ["a", "a", "b"],
    "models": ["m", "m@1", "m@2", "m@default"],
    "metricDescriptors": ["custom.googleapis.com/x", f"{ONLINE}response_count"],
    "monitoredResourceDescriptors": ["global", "aiplatform.googleapis.com/Endpoint"],
}
_ODD = ["1", "-", "@", "m@", "x" * 70, "A", "é", "%2F", "..", ""]
_TEXTS = st.one_of(
    st.sampled_from(
        ["", "x", "0", "1", "100", "-1", "default", "-aa", "gs://b/x", "gs://", "1.5s", "*", "**",
         "displayName", "trafficSplit", "labels.a=b", "done=true", "\x00", "\ud7ff", "NaN", "(",
         "projects/1/locations/l/endpoints/a", "2026-01-01T00:00:00Z", "x" * 5000]
    ),
    st.text(max_size=8),
)  # fmt: skip
_NUMBERS = st.sampled_from([0, 1, -1, 100, 101, 2**31 - 1, 2**31, 2**63, -(2**63), 1e308, 0.5])
_ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
_METHODS: dict[str, list[Route]] = {}
for _route in [*routes_of([*SERVICES, *other_services()]), *cloud_routes()]:
    _METHODS.setdefault(_route.rpc, []).append(_route)
_SUPPORTED = re.findall(r"\| `(\w+)` \|.*\| supported \|", PAGE.read_text(encoding="utf-8"))


def _once_in(times: int) -> st.SearchStrategy[bool]:
    # Not the first or last number, which hypothesis prefers.
    return st.sampled_from(range(times)).map(lambda number: number == times // 2)


@st.composite
def requests(draw: Any, parent: str, schedules: list[str]) -> tuple[str, str, bytes]:
    """Method, path with query, and body: valid, with some errors, or random.

    `schedules` are the ids of existing ones, which the server generated.
    """
    odd = _once_in(20)
    rpc = draw(st.sampled_from(sorted(_METHODS) if draw(odd) else _SUPPORTED))
    routes = _METHODS[rpc]
    # Clients use the first route of a method.
    route = draw(st.sampled_from(routes)) if draw(odd) else routes[0]
    query = list(QUERIES.get(rpc, []))
    if draw(_once_in(4)):
        keys = [*(field.json_name for field in _descriptor(route).fields), "alt", "x.y", ""]
        query = [*query[1:], (draw(st.sampled_from(keys)), draw(_TEXTS))]
    # Some would be deleted by the first of many examples.
    ids = {**_IDS, "schedules": ["x"] if rpc == "delete_schedule" else schedules}
    path = "".join(draw(_pieces(route.uri, parent, ids, draw(odd))))
    if query:
        path += "?" + "&".join(f"{key}={_quoted(value)}" for key, value in query)
    if route.body is None:
        return route.http_method, path, draw(st.binary(max_size=20)) if draw(odd) else b""
    content = (
        _content(draw, rpc, route)
        .replace(b"{parent}", parent.encode())
        .replace(b"{schedule}", schedules[0].encode())
    )
    if draw(odd):
        content = draw(st.one_of(st.binary(max_size=20), st.just(content[: len(content) // 2])))
    return route.http_method, path, content


def _content(draw: Any, rpc: str, route: Route) -> bytes:
    descriptor = _descriptor(route)
    if route.body != "*":
        descriptor = descriptor.fields_by_name[route.body].message_type
    if draw(_once_in(4)):
        value = draw(st.one_of(_message(descriptor), _ANYTHING))
    else:
        value = copy.deepcopy(BODIES.get(rpc, {}))
        for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
            _add_error(draw, value, descriptor)
    return json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")


def _add_error(draw: Any, value: Any, descriptor: Any) -> None:
    """Change, remove or add a field somewhere in `value`."""
    places = list(_places(value))
    if not places or draw(_once_in(5)):
        field = draw(st.sampled_from(list(descriptor.fields)))
        value[field.json_name] = draw(_value(field, 1))
        return
    where, key = draw(st.sampled_from(places))
    if draw(_once_in(4)):
        del where[key]
    elif isinstance(where[key], str) and draw(st.booleans()):
        where[key] = draw(_TEXTS)
    elif isinstance(where[key], int | float) and draw(st.booleans()):
        where[key] = draw(_NUMBERS)
    else:
        where[key] = draw(_ANYTHING)


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _descriptor(route: Route) -> Any:
    kind = route.request
    return kind.DESCRIPTOR if issubclass(kind, Message) else kind.pb().DESCRIPTOR


@st.composite
def _pieces(
    draw: Any, uri: str, parent: str, ids: dict[str, list[str]], elsewhere: bool
) -> list[str]:
    # `/v1/{name=projects/*/locations/*/endpoints/*}:predict`, mostly in the location of the test.
    plain = re.sub(r"\{[\w.]+=([^}]+)\}", r"\1", uri)
    if not elsewhere:
        project = parent.partition("/locations/")[0]
        plain = plain.replace("projects/*/locations/*", parent).replace("projects/*", project)
    pieces: list[str] = []
    for piece in _SEGMENT.split(plain):
        collection = "".join(pieces).rstrip("/").rpartition("/")[2]
        usual = ids.get(collection, ["x", "1"])
        chosen = draw(st.sampled_from(usual * 6 + _ODD)) if pieces else ""
        pieces += [_quoted(chosen), piece] if pieces else [piece]
    return pieces


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="@%.:,")


def _message(descriptor: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Some fields of a message, mostly of the right types."""
    if depth > 3 or descriptor.full_name.startswith("google.protobuf."):
        return _ANYTHING
    fields = {
        field.json_name: st.one_of(_value(field, depth), _value(field, depth), _ANYTHING)
        for field in descriptor.fields
    }
    if not fields:
        return st.just({})
    return st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=5).flatmap(
        lambda names: st.fixed_dictionaries({name: fields[name] for name in names})
    )


def _value(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        return st.dictionaries(_TEXTS, st.deferred(lambda: _value(value, depth + 1)), max_size=3)
    if field.type == Field.TYPE_MESSAGE:
        one = st.deferred(lambda: _message(field.message_type, depth + 1))
    elif field.type == Field.TYPE_BOOL:
        one = st.booleans()
    elif field.type in (Field.TYPE_STRING, Field.TYPE_BYTES):
        one = _TEXTS
    else:
        one = _NUMBERS
    return st.lists(one, max_size=3) if field.is_repeated else one
