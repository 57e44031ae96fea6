"""Servers that keep the container contract, and servers that break it, with Google's client."""

from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions

from sandbox.vertex.prediction.service import Limits
from tests.sandbox.conftest import CONSTANT, Storage, Vertex
from tests.sandbox.vertex.prediction.model_servers import behaviour, predict, server_pids, servers
from tests.waiting import until


@pytest.mark.parametrize(
    ("name", "spec", "cause"),
    [
        ("crash", {}, "status 1; its last output: cannot find the model's weights"),
        ("killed", {}, "status 137"),
        ("unhealthy", {"deployment_timeout": {"seconds": 2}}, "was not healthy at /v1/endpoints/"),
        ("other-port", {"deployment_timeout": {"seconds": 2}}, "instead of AIP_HTTP_PORT"),
        (
            "unhealthy",
            {
                "startup_probe": {
                    "http_get": {"path": "/x"},
                    "failure_threshold": 1,
                    "period_seconds": 1,
                }
            },
            "was not healthy at /x in time",
        ),
    ],
)
def test_a_server_that_never_gets_healthy_changes_nothing(
    vertex: Vertex, bucket: Storage, name: str, spec: dict[str, Any], cause: str
) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1))
    before = vertex.endpoints.get_endpoint(name=endpoint)
    container = {"image_uri": CONSTANT, **behaviour(name), **spec}
    model = vertex.upload(bucket.put_constant(2), model={"container_spec": container}).model
    with pytest.raises(exceptions.FailedPrecondition) as failed:
        vertex.finish(vertex.deploy(endpoint, model, {"0": 100}, id="2"))
    assert failed.value.message.startswith("Model server exited unexpectedly. Cause: ")
    assert cause in failed.value.message
    assert vertex.endpoints.get_endpoint(name=endpoint) == before
    assert predict(vertex, endpoint).json()["deployedModelId"] == "1"
    until(lambda: len(server_pids(vertex, endpoint)) == 1, "the end of the failed server")


@pytest.mark.parametrize(
    ("name", "code", "status", "text"),
    [
        ("text", 400, "FAILED_PRECONDITION", "is not JSON"),
        ("no-list", 400, "FAILED_PRECONDITION", "no list `predictions`"),
        ("nan", 400, "FAILED_PRECONDITION", "it has NaN"),
        ("error", 500, "INTERNAL", "the disk is full"),
        ("unavailable", 503, "UNAVAILABLE", "too busy"),
        ("refuse", 400, "FAILED_PRECONDITION", "not these"),
    ],
)
def test_a_failed_response_reaches_the_caller_with_its_text(
    vertex: Vertex, bucket: Storage, name: str, code: int, status: str, text: str
) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1), **behaviour(name))
    response = predict(vertex, endpoint)
    assert (response.status_code, response.json()["error"]["status"]) == (code, status)
    assert text in response.json()["error"]["message"]


def test_a_wrong_number_of_predictions_is_passed_on(vertex: Vertex, bucket: Storage) -> None:
    """As Vertex AI does not document a check; this project's own server refuses it."""
    endpoint = vertex.deployed(bucket.put_constant(1), **behaviour("too-many"))
    assert predict(vertex, endpoint).json()["predictions"] == [[1, 1], 1]


def test_a_response_after_the_limit(tmp_path: Path, bucket: Storage) -> None:
    limits = (Limits(1_500_000, 0.3), Limits(10_000_000, 0.6))
    server = Vertex(tmp_path / "home", bucket.host, limits=limits)
    try:
        env = behaviour("wait-predict", GATE=str(tmp_path))
        endpoint = server.deployed(bucket.put_constant(1), **env)
        response = predict(server, endpoint)
        assert (response.status_code, response.json()["error"]["status"]) == (
            504,
            "DEADLINE_EXCEEDED",
        )
        (tmp_path / "opened").touch()
        assert predict(server, endpoint).status_code == 200
    finally:
        (tmp_path / "opened").touch()
        server.stop()


def test_routes_arguments_and_variables_reach_the_server(vertex: Vertex) -> None:
    endpoint = vertex.deployed(
        "",
        predict_route="/score",
        health_route="/up",
        args=["--endpoint=$(AIP_ENDPOINT_ID)", "$$(AIP_ENDPOINT_ID)", "$(NOTHING)"],
        **behaviour("echo"),
    )
    raw = vertex.http.post(
        f"/v1/{endpoint}:rawPredict", content=b"a,b\n1,2", headers={"Content-Type": "text/csv"}
    )
    assert raw.json() == ["/score", "text/csv", "a,b\n1,2"]
    assert raw.headers["x-vertex-ai-deployed-model-id"] == "1"
    assert raw.headers["x-vertex-ai-endpoint-id"] == endpoint.rpartition("/")[2]
    (server,) = servers(vertex, endpoint)
    assert server.cmdline()[-3:] == [
        f"--endpoint={endpoint.rpartition('/')[2]}",
        "$(AIP_ENDPOINT_ID)",
        "$(NOTHING)",
    ]
    variables = server.environ()
    assert variables["AIP_MODE"] == "PREDICTION"
    assert variables["AIP_DEPLOYED_MODEL_ID"] == "1"
    assert variables["AIP_MACHINE_TYPE"] == "n1-standard-2"
    assert variables["AIP_HEALTH_ROUTE"] == "/up"
    assert "HOME" not in variables, "the container has the sandbox's own variables"


def test_a_file_changed_after_the_upload_changes_nothing(vertex: Vertex, bucket: Storage) -> None:
    uri = bucket.put_constant(5)
    model = vertex.upload(uri).model
    bucket.put("constant-5/constant.json", b"[6, 6]")
    endpoint = vertex.endpoint("copied").name
    vertex.finish(vertex.deploy(endpoint, model, {"0": 100}))
    assert predict(vertex, endpoint).json()["predictions"] == [[5, 5]]
