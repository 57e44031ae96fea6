"""Requests made of Google's own routes and messages, and then made wrong."""

import json
import re
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from hypothesis import strategies as st

from sandbox.vertex.routes import Route, google_routes

_SEGMENT = re.compile(r"\*\*|\*")
_IDS = ["a", "m", "m@1", "m@golden", "1", "2", "7", "-", "@", "x" * 70, "A", "é", "%2F", "..", ""]
_TEXTS = st.one_of(
    st.sampled_from(
        ["", "x", "0", "1", "100", "-1", "default", "golden", "-golden", "gs://b/x", "1.5s", "*",
         "display_name", "traffic_split", "labels.a=b", "done=true", "\x00", "\ud7ff", "NaN",
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
for _route in google_routes():
    _METHODS.setdefault(_route.rpc, []).append(_route)
_OWN = [
    rpc
    for rpc in sorted(_METHODS)
    if re.search("endpoint|model|pipeline|predict|operation|alias|explain", rpc)
]


@st.composite
def requests(draw: Any, parent: str) -> tuple[str, str, bytes]:
    """Method, path with query, and body."""
    route = draw(st.sampled_from(_METHODS[draw(st.sampled_from(_OWN))]))
    path = "".join(draw(_pieces(route.uri, parent)))
    descriptor = _descriptor(route.request)
    keys = st.sampled_from([*(field.json_name for field in descriptor.fields), "alt", "x.y", ""])
    query = draw(st.lists(st.tuples(keys, _TEXTS), max_size=2))
    if query:
        path += "?" + "&".join(f"{key}={_quoted(value)}" for key, value in query)
    if route.body not in (None, "*"):
        descriptor = descriptor.fields_by_name[route.body].message_type
    content: Any = b"" if route.body is None else _body(draw, descriptor)
    if draw(st.integers(0, 9)) == 0:
        content = draw(st.one_of(st.binary(max_size=20), st.just(content[: len(content) // 2])))
    return route.http_method, path, content


def _body(draw: Any, descriptor: Any) -> bytes:
    value = draw(st.one_of(_message(descriptor), _message(descriptor), _ANYTHING))
    return json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")


def _descriptor(kind: Any) -> Any:
    return kind.DESCRIPTOR if issubclass(kind, Message) else kind.pb().DESCRIPTOR


@st.composite
def _pieces(draw: Any, uri: str, parent: str) -> list[str]:
    # `/v1/{name=projects/*/locations/*/endpoints/*}:predict`, mostly in the test's own place.
    plain = re.sub(r"\{[\w.]+=([^}]+)\}", r"\1", uri)
    own = draw(st.integers(0, 9)) > 0
    plain = plain.replace("projects/*/locations/*", parent) if own else plain
    return [
        piece if not _SEGMENT.fullmatch(piece) else _quoted(draw(st.sampled_from(_IDS)))
        for piece in re.split(r"(\*\*|\*)", plain)
    ]


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="@%.:")


def _message(descriptor: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Some of a message's fields, each mostly of its type."""
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
