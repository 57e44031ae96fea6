"""Raw predictions that stream, and the time limit of an endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.api_core import exceptions

from tests.sandbox.conftest import CONSTANT, PROJECT, Storage, Vertex
from tests.sandbox.vertex.prediction.model_servers import ROW, behaviour, server_pids
from tests.waiting import until

JSON = {"Content-Type": "application/json"}
PRIVATE = {"private_service_connect_config": {"enable_private_service_connect": True}}


def serve(vertex: Vertex, kind: str, gate: Path, artifact: str = "", **fields: Any) -> Any:
    """An endpoint with a model that behaves like that."""
    endpoint = vertex.endpoint(f"{kind}-{gate.name.replace('_', '-')}"[:60].rstrip("-"), **fields)
    container = {"image_uri": CONSTANT, **behaviour(kind, GATE=str(gate))}
    model = vertex.upload(artifact, model={"container_spec": container}).model
    vertex.finish(vertex.deploy(endpoint.name, model, {"0": 100}, id="1"))
    return endpoint


@contextmanager
def stream(vertex: Vertex, endpoint: Any) -> Iterator[httpx.Response]:
    """The response of a dedicated endpoint."""
    url = f"http://{endpoint.dedicated_endpoint_dns}/v1/{endpoint.name}:streamRawPredict"
    with (
        httpx.Client(trust_env=False, verify=False) as http,
        http.stream("POST", url, content=b"{}", headers=JSON) as response,
    ):
        yield response


def undeploy(vertex: Vertex, endpoint: Any) -> None:
    request = {"endpoint": endpoint.name, "deployed_model_id": "1"}
    vertex.finish(vertex.endpoints.undeploy_model(request=request))


def responses(vertex: Vertex) -> list[tuple[str, int]]:
    """The predictions in Cloud Monitoring, by the class of their status."""
    query = {
        "filter": 'metric.type="aiplatform.googleapis.com/prediction/online/response_count"',
        "interval.startTime": (vertex.clock.now - timedelta(hours=1)).isoformat(),
        "interval.endTime": vertex.clock.now.isoformat(),
    }
    found = vertex.http.get(f"/v3/projects/{PROJECT}/timeSeries", params=query)
    return sorted(
        (
            one["metric"]["labels"]["response_code"],
            sum(int(point["value"]["int64Value"]) for point in one["points"]),
        )
        for one in found.json()["timeSeries"]
    )


def timeout(seconds: float) -> dict[str, Any]:
    duration = {"seconds": int(seconds), "nanos": int(seconds % 1 * 1e9)}
    return {"client_connection_config": {"inference_timeout": duration}}


def test_each_chunk_is_passed_on_at_once(vertex: Vertex, tmp_path: Path) -> None:
    """An undeployed model's server stays until the last one."""
    endpoint = serve(vertex, "streams", tmp_path, dedicated_endpoint_enabled=True)
    with stream(vertex, endpoint) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["X-Vertex-AI-Deployed-Model-Id"] == "1"
        chunks = response.iter_raw()
        assert next(chunks) == b"first\n"
        undeploy(vertex, endpoint)
        assert server_pids(vertex, endpoint.name)
        (tmp_path / "opened").touch()
        assert b"".join(chunks) == b"second\n"
    until(lambda: not server_pids(vertex, endpoint.name), "the end of the model server")


def test_a_client_that_leaves_ends_the_request(vertex: Vertex, tmp_path: Path) -> None:
    endpoint = serve(vertex, "streams", tmp_path, dedicated_endpoint_enabled=True)
    with stream(vertex, endpoint) as response:
        assert next(response.iter_raw()) == b"first\n"
    undeploy(vertex, endpoint)
    until(lambda: not server_pids(vertex, endpoint.name), "the end of the model server")


def test_streams_that_stay_incomplete(vertex: Vertex, tmp_path: Path) -> None:
    """One whose server breaks off, and one that takes too long."""
    slow = serve(vertex, "streams", tmp_path, dedicated_endpoint_enabled=True, **timeout(0.3))
    with stream(vertex, slow) as response, pytest.raises(httpx.RemoteProtocolError):
        response.read()
    (tmp_path / "opened").touch()
    broken = serve(vertex, "breaks-off", tmp_path, dedicated_endpoint_enabled=True)
    with stream(vertex, broken) as response, pytest.raises(httpx.RemoteProtocolError):
        response.read()


def test_google_s_client_streams_by_grpc(bucket: Storage, tmp_path: Path) -> None:
    """It has a message for each chunk; a server's error is the call's."""
    server = Vertex(tmp_path / "home", bucket.host, transport="grpc")
    try:
        (tmp_path / "opened").touch()
        body = HttpBody(content_type="application/json", data=b'{"instances": [[1, 2, 3]]}')
        good = serve(server, "streams", tmp_path, **PRIVATE).name
        found = list(server.predictions.stream_raw_predict(endpoint=good, http_body=body))
        assert b"".join(one.data for one in found) == b"first\nsecond\n"
        assert found[0].content_type == "text/event-stream; charset=utf-8"
        artifact = bucket.put_constant(1)
        bad = serve(server, "error", tmp_path, artifact, **PRIVATE).name
        with pytest.raises(exceptions.InternalServerError, match="the disk is full"):
            list(server.predictions.stream_raw_predict(endpoint=bad, http_body=body))
        server.clock.advance(60)
        assert responses(server) == [("2xx", 1), ("5xx", 1)]
    finally:
        server.stop()


def test_refused_streams(vertex: Vertex, pair: Any) -> None:
    shared, _ = pair
    for path, content, kind, status, message in [
        (f"{shared}:streamRawPredict", b"{}", JSON, "FAILED_PRECONDITION", "shared endpoint"),
        (f"{shared}:streamRawPredict", b"{}", {}, "INVALID_ARGUMENT", "content type"),
        (f"{shared}-2:streamRawPredict", b"{}", JSON, "NOT_FOUND", "not found"),
        (f"{shared}:streamRawPredict", b"x" * 1_500_001, JSON, "FAILED_PRECONDITION", "1.500MB"),
    ]:
        error = vertex.http.post(f"/v1/{path}", content=content, headers=kind).json()["error"]
        assert error["status"] == status
        assert message in error["message"]


def test_an_endpoint_s_own_timeout(vertex: Vertex, bucket: Storage, tmp_path: Path) -> None:
    """It holds for every prediction; updateEndpointLongRunning changes it, and nothing else."""
    artifact = bucket.put_constant(1)
    endpoint = serve(vertex, "wait-predict", tmp_path, artifact, **PRIVATE, **timeout(3600))
    changed = {"name": endpoint.name, **timeout(0.2)}
    update = vertex.endpoints.update_endpoint_long_running
    assert vertex.finish(update(endpoint=changed)) == vertex.endpoints.get_endpoint(
        name=endpoint.name
    )
    late = vertex.http.post(f"/v1/{endpoint.name}:predict", json={"instances": [ROW]})
    assert late.json()["error"]["status"] == "DEADLINE_EXCEEDED"
    assert "0.2 s" in late.json()["error"]["message"]
    large = b'{"instances": []}' + b" " * 2_000_000
    refused = vertex.http.post(f"/v1/{endpoint.name}:predict", content=large, headers=JSON)
    assert "instances is required" in refused.json()["error"]["message"]  # not its size

    current = vertex.endpoints.get_endpoint(name=endpoint.name)
    current.client_connection_config.inference_timeout = {"seconds": 5}
    vertex.finish(update(endpoint=current))
    with pytest.raises(exceptions.Conflict, match="etag"):
        update(endpoint=current)
    plain = vertex.endpoint("plain").name
    for one, message in [
        ({"name": endpoint.name}, "is required"),
        ({"name": endpoint.name, **timeout(0)}, "above 0"),
        ({"name": endpoint.name, **timeout(3600.5)}, "at most 3600"),
        ({"name": endpoint.name, **timeout(5), "display_name": "new"}, "display_name cannot"),
        ({"name": endpoint.name, **timeout(5), "traffic_split": {"1": 99}}, "traffic_split cannot"),
        ({"name": plain, **timeout(5)}, "is for dedicated endpoints"),
    ]:
        with pytest.raises(exceptions.BadRequest, match=message):
            update(endpoint=one)
    for fields, message in [
        (timeout(5), "is for dedicated endpoints"),
        ({"dedicated_endpoint_enabled": True, **timeout(3601)}, "at most 3600"),
        ({"dedicated_endpoint_enabled": True, **timeout(-1)}, "above 0"),
    ]:
        with pytest.raises(exceptions.BadRequest, match=message):
            vertex.endpoint("refused", **fields)
    kept = vertex.endpoints.get_endpoint(name=endpoint.name).client_connection_config
    assert kept.inference_timeout.total_seconds() == 5
