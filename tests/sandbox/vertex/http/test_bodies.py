"""Content types and encodings of request bodies."""

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from sandbox.vertex.http.bodies import LARGEST_BODY, unpack
from sandbox.vertex.http.errors import InvalidArgument

ROW = [86.6, 91.4, 50]
BODY = json.dumps({"instances": [ROW]}).encode()
JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"
PACKED = gzip.compress(BODY)
ZEROS = gzip.compress(bytes(LARGEST_BODY))


def predict(vertex: Any, endpoint: str, body: bytes, headers: dict[str, str]) -> Any:
    return vertex.http.post(f"/v1/{endpoint}:predict", content=body, headers=headers)


def refused(response: Any) -> str:
    error = response.json()["error"]
    assert (response.status_code, error["status"]) == (400, "INVALID_ARGUMENT"), response.text
    return str(error["message"])


def test_the_default_content_type_of_curl_is_refused(shared_pair: Any, vertex: Any) -> None:
    message = refused(predict(vertex, shared_pair[0], BODY, {"Content-Type": FORM}))
    assert message.startswith(f"Invalid JSON payload received. Unknown name '{BODY.decode()}': ")
    assert "send it with the header Content-Type: application/json" in message
    message = refused(predict(vertex, shared_pair[0], b"a%5B%5D=1&b=2", {"Content-Type": FORM}))
    assert "Unknown name 'a[]': Cannot bind query parameter." in message


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "multipart/form-data; boundary=x", "application/jsonx", FORM, "json"],
)
def test_another_content_type_is_refused(shared_pair: Any, vertex: Any, kind: Any) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    message = refused(predict(vertex, shared_pair[0], BODY, headers))
    assert "Content-Type: application/json" in message
    assert message.count("\n") == 0
    content = b'{"displayName": "x"}'
    made = vertex.http.post(f"/v1/{vertex.parent}/endpoints", content=content, headers=headers)
    assert "Content-Type: application/json" in refused(made)
    assert list(vertex.endpoints.list_endpoints(parent=vertex.parent)) == []


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON ;charset=UTF-8"])
def test_content_types_of_json_are_accepted(shared_pair: Any, vertex: Any, kind: str) -> None:
    assert predict(vertex, shared_pair[0], BODY, {"Content-Type": kind}).status_code == 200


def test_an_empty_body_needs_no_content_type(vertex: Any) -> None:
    path = f"/v1/{vertex.parent}/pipelineJobs/none:cancel"
    for headers in ({}, {"Content-Type": FORM}):
        assert vertex.http.post(path, content=b"", headers=headers).status_code == 404


def test_other_paths_need_no_content_type(vertex: Any) -> None:
    """With curl's default type; raw prediction accepts any type that the container does."""
    clock = {"content": b'{"now": "2026-10-05T03:00:00Z"}', "headers": {"Content-Type": FORM}}
    try:
        assert vertex.http.put("/sandbox/clock", **clock).status_code == 200
    finally:
        vertex.http.delete("/sandbox/clock")
    raw = {"content": b"\xff\xd8", "headers": {"Content-Type": "image/jpeg"}}
    endpoint = vertex.deployed("", env=[{"name": "BEHAVIOUR", "value": "echo"}])
    response = vertex.http.post(f"/v1/{endpoint}:rawPredict", **raw)
    assert response.json()[1:] == ["image/jpeg", "\xff\xd8"]
    raw["headers"] = {"Content-Type": "text/plain"}
    assert vertex.http.post(f"/v1/{endpoint}:rawPredict", **raw).status_code == 400


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PACKED, "gzip"),
        (PACKED, "X-GZIP"),
        (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip"),
        (BODY, "identity"),
    ],
    ids=["one member", "other spelling", "two members", "none"],
)
def test_a_gzip_body_is_decompressed(
    shared_pair: Any, vertex: Any, body: bytes, encoding: str
) -> None:
    response = predict(vertex, shared_pair[0], body, {**JSON, "Content-Encoding": encoding})
    assert response.status_code == 200, response.text
    assert response.json()["predictions"][0] in ([1, 1], [2, 2])
    made = vertex.http.post(
        f"/v1/{vertex.parent}/endpoints",
        content=gzip.compress(b'{"displayName": "packed"}'),
        headers={**JSON, "Content-Encoding": "gzip"},
    )
    assert made.status_code == 200, made.text


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (BODY, "gzip", "does not match its Content-Encoding gzip"),
        (PACKED[:-1], "gzip", "does not match its Content-Encoding gzip"),
        (PACKED[:15] + b"\xff" * 30, "gzip", "Content-Encoding gzip"),
        (PACKED[:-8] + bytes(8), "gzip", "Content-Encoding gzip"),
        (PACKED + b"more", "gzip", "Content-Encoding gzip"),
        (BODY, "br", "'br' is not supported"),
        (gzip.compress(PACKED), "gzip, gzip", "'gzip, gzip' is not supported"),
        (gzip.compress(b"{"), "gzip", "Invalid JSON payload"),
    ],
    ids=["plain", "cut", "broken", "wrong sum", "more", "br", "twice", "half of JSON"],
)
def test_an_invalid_encoding_is_refused(
    shared_pair: Any, vertex: Any, body: bytes, encoding: str, message: str
) -> None:
    response = predict(vertex, shared_pair[0], body, {**JSON, "Content-Encoding": encoding})
    assert message in refused(response)


def test_the_limit_applies_to_the_decompressed_body(shared_pair: Any, vertex: Any) -> None:
    body = json.dumps({"instances": [ROW], "parameters": "x" * 1_500_000}).encode()
    response = predict(
        vertex, shared_pair[0], gzip.compress(body), {**JSON, "Content-Encoding": "gzip"}
    )
    assert (response.status_code, response.json()["error"]["status"]) == (
        400,
        "FAILED_PRECONDITION",
    )
    assert "1.500MB" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "bomb", [ZEROS * 900, gzip.compress(bytes(8 * LARGEST_BODY))], ids=["many", "one"]
)
def test_a_gzip_bomb_needs_no_memory(shared_pair: Any, vertex: Any, bomb: bytes) -> None:
    """The first body would be 9 GB."""
    assert len(bomb) < LARGEST_BODY
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgument, match="exceeds the limit: 10485760 bytes"):
            unpack(bomb, "gzip")
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_BODY
    finally:
        tracemalloc.stop()
    response = predict(vertex, shared_pair[0], bomb, {**JSON, "Content-Encoding": "gzip"})
    assert "exceeds the limit: 10485760 bytes" in refused(response)


def test_a_body_of_the_largest_size_is_decompressed() -> None:
    assert unpack(ZEROS, "gzip") == bytes(LARGEST_BODY)
