"""Servers that keep the container contract, and servers that break it, with Google's client."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import psutil
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from sklearn.linear_model import LinearRegression

from images.reference import image_reference
from model_server.artifact import artifact_digest
from sandbox.vertex.prediction.service import Limits
from tests.sandbox.conftest import CONSTANT, Storage, Vertex

ROW = [86.6, 91.4, 50]
SECONDS = 30


def behaviour(name: str, **env: str) -> dict[str, Any]:
    """The field `env` of a container whose scripted server behaves like that."""
    return {"env": [{"name": k, "value": v} for k, v in {"BEHAVIOUR": name, **env}.items()]}


def predict(vertex: Vertex, endpoint: str, path: str = ":predict") -> httpx.Response:
    return vertex.http.post(f"/v1/{endpoint}{path}", json={"instances": [ROW]})


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def server_pids(vertex: Vertex, endpoint: str) -> list[int]:
    """The processes of the scripted servers of this endpoint."""
    wanted = f"AIP_ENDPOINT_ID={endpoint.rpartition('/')[2]}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            mine = wanted in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine and b"scripted_server" in arguments and not arguments[0].endswith(b"sh"):
            found.append(int(process.name))
    return found


@pytest.mark.parametrize(
    ("name", "spec", "cause"),
    [
        ("crash", {}, "status 1; its last output: cannot find the model's weights"),
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
    until(lambda: len(server_pids(vertex, endpoint)) == 1, "the failed server still runs")


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


def test_a_server_that_dies_is_started_again(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1), **behaviour("dies"))
    statuses = [predict(vertex, endpoint).status_code for _ in range(100)]
    assert statuses == [200] * 99 + [503]
    until(lambda: predict(vertex, endpoint).status_code == 200, "the server is not back")


def test_a_killed_server_under_load(vertex: Vertex, bucket: Storage) -> None:
    """With two replicas no request fails."""
    endpoint = vertex.endpoint("two").name
    model = vertex.upload(bucket.put_constant(1)).model
    machines = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 2}
    deployment = vertex.deploy(endpoint, model, {"0": 100}, id="1", dedicated_resources=machines)
    vertex.finish(deployment)
    over, codes = threading.Event(), []

    def ask() -> None:
        with httpx.Client(base_url=vertex.url, trust_env=False, timeout=SECONDS) as http:
            while not over.is_set():
                body = {"instances": [ROW]}
                codes.append(http.post(f"/v1/{endpoint}:predict", json=body).status_code)

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        other, *_ = server_pids(vertex, endpoint)
        for _ in range(3):
            count = len(codes)
            (killed,) = set(server_pids(vertex, endpoint)) - {other}
            os.kill(killed, signal.SIGKILL)
            until(lambda n=count: len(codes) > n + 30, "the callers stand still")
            until(
                lambda p=killed: len(set(server_pids(vertex, endpoint)) - {p}) == 2,
                "the replica is not back",
            )
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert set(codes) == {200}


def test_a_sick_server_gets_no_traffic_until_it_is_well(
    vertex: Vertex, bucket: Storage, tmp_path: Path
) -> None:
    probe = {"period_seconds": 1, "timeout_seconds": 1, "failure_threshold": 1}
    endpoint = vertex.deployed(
        bucket.put_constant(1), health_probe=probe, **behaviour("sick", GATE=str(tmp_path))
    )
    assert predict(vertex, endpoint).status_code == 200
    (tmp_path / "sick").touch()
    # A probe without a path of its own only opens a connection.
    assert predict(vertex, endpoint).status_code == 200
    route = {"http_get": {"path": "/up"}, **probe}
    env = behaviour("sick", GATE=str(tmp_path))
    (tmp_path / "sick").unlink()
    endpoint = vertex.deployed(
        bucket.put_constant(1), health_route="/up", health_probe=route, **env
    )
    (tmp_path / "sick").touch()
    until(lambda: predict(vertex, endpoint).status_code == 503, "the probe has no effect")
    (tmp_path / "sick").unlink()
    until(lambda: predict(vertex, endpoint).status_code == 200, "the server stays away")
    assert len(server_pids(vertex, endpoint)) == 1


def test_a_failed_liveness_probe_restarts_the_server(
    vertex: Vertex, bucket: Storage, tmp_path: Path
) -> None:
    sick = tmp_path / "sick"
    command = ["python", "-c", f"import os; raise SystemExit(os.path.exists({str(sick)!r}))"]
    probe = types.Probe(
        exec_={"command": command}, period_seconds=1, timeout_seconds=20, failure_threshold=1
    )
    endpoint = vertex.deployed(bucket.put_constant(1), liveness_probe=probe)
    (first,) = server_pids(vertex, endpoint)
    sick.touch()
    until(lambda: first not in server_pids(vertex, endpoint), "the server is not ended")
    sick.unlink()
    until(lambda: predict(vertex, endpoint).status_code == 200, "the server is not back")


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
    (pid,) = server_pids(vertex, endpoint)
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    assert arguments[-4:-1] == [
        f"--endpoint={endpoint.rpartition('/')[2]}",
        "$(AIP_ENDPOINT_ID)",
        "$(NOTHING)",
    ]
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    variables = dict(line.split("=", 1) for line in lines if line)
    assert variables["AIP_MODE"] == "PREDICTION"
    assert variables["AIP_DEPLOYED_MODEL_ID"] == "1"
    assert variables["AIP_MACHINE_TYPE"] == "n1-standard-2"
    assert variables["AIP_HEALTH_ROUTE"] == "/up"
    assert "HOME" not in variables, "the container has the sandbox's own variables"


def test_invoke_is_for_dedicated_endpoints(vertex: Vertex) -> None:
    endpoint = vertex.deployed("", **behaviour("echo"))
    response = vertex.http.post(f"/v1/{endpoint}/invoke/any/path", json={})
    assert response.status_code == 400
    assert "not a dedicated endpoint" in response.json()["error"]["message"]


def test_a_dedicated_endpoint(vertex: Vertex, bucket: Storage) -> None:
    """It answers at its own host only, also a model without traffic, and larger requests."""
    endpoint = vertex.endpoint("dedicated", dedicated_endpoint_enabled=True)
    assert endpoint.dedicated_endpoint_dns.startswith("localhost:")
    container = {"image_uri": CONSTANT, "invoke_route_prefix": "/*", **behaviour("echo")}
    model = vertex.upload("", model={"container_spec": container}).model
    vertex.finish(vertex.deploy(endpoint.name, model, {}, id="1"))
    url = f"http://{endpoint.dedicated_endpoint_dns}"
    with httpx.Client(base_url=url, trust_env=False) as http:
        path = f"/v1/{endpoint.name}"
        one = http.post(f"{path}/deployedModels/1/invoke/any/path?a=b", json={"x": 1})
        assert one.json() == ["/any/path", "application/json", '{"x":1}']
        assert http.post(f"{path}/invoke/any/path", json={}).status_code == 400
        assert http.post(f"{path}/deployedModels/2/invoke/any", json={}).status_code == 404
        vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint.name, "traffic_split": {"1": 100}},
            update_mask={"paths": ["traffic_split"]},
        )
        large = b"x" * 2_000_000
        kind = {"Content-Type": "application/octet-stream"}
        assert http.post(f"{path}:rawPredict", content=large, headers=kind).status_code == 200
    elsewhere = vertex.http.post(f"{path}:rawPredict", json={})
    assert elsewhere.status_code == 400
    assert "dedicated_endpoint_dns" in elsewhere.json()["error"]["message"]


def test_replicas_follow_the_machine_settings(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1))
    for count in (3, 1):
        operation = vertex.endpoints.mutate_deployed_model(
            endpoint=endpoint,
            deployed_model={
                "id": "1",
                "dedicated_resources": {"min_replica_count": count, "max_replica_count": 3},
            },
            update_mask={
                "paths": [
                    "dedicated_resources.min_replica_count",
                    "dedicated_resources.max_replica_count",
                ]
            },
        )
        vertex.finish(operation)
        until(lambda n=count: len(server_pids(vertex, endpoint)) == n, f"not {count} replicas")
        assert predict(vertex, endpoint).status_code == 200


def test_a_file_changed_after_the_upload_changes_nothing(vertex: Vertex, bucket: Storage) -> None:
    uri = bucket.put_constant(5)
    model = vertex.upload(uri).model
    bucket.put("constant-5/constant.json", b"[6, 6]")
    endpoint = vertex.endpoint("copied").name
    vertex.finish(vertex.deploy(endpoint, model, {"0": 100}))
    assert predict(vertex, endpoint).json()["predictions"] == [[5, 5]]


def test_a_cancelled_deployment_leaves_no_server(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.endpoint("cancelled").name
    model = vertex.upload(bucket.put_constant(1)).model
    operation = vertex.deploy(endpoint, model, {"0": 100})
    vertex.endpoints.cancel_operation({"name": operation.operation.name})
    until(lambda: not server_pids(vertex, endpoint), "the server still runs")


def test_undeploying_ends_the_server(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1))
    assert len(server_pids(vertex, endpoint)) == 1
    vertex.finish(vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1"))
    until(lambda: not server_pids(vertex, endpoint), "the server still runs")


def artifact(bucket: Storage, folder: Path, name: str) -> tuple[str, str]:
    """Upload the files of a folder; their URI and digest."""
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(f"{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"gs://{bucket.bucket}/{name}", artifact_digest(folder)


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """The files of a model of three features, with a recorded example."""
    folder = tmp_path / "linear"
    folder.mkdir()
    joblib.dump(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0]), folder / "model.joblib")
    examples = {"instances": [[1, 0, 0]], "predictions": [1.0]}
    (folder / "examples.json").write_text(json.dumps(examples))
    return folder


def own_image(digest: str) -> dict[str, Any]:
    """The container of a model that this project's image serves."""
    return {
        "image": image_reference(),
        "env": [{"name": "MODEL_SHA256", "value": digest}] if digest else [],
        "predict_route": "/predict",
        "health_route": "/health",
    }


def test_this_projects_image(vertex: Vertex, bucket: Storage, linear: Path) -> None:
    uri, digest = artifact(bucket, linear, "own")
    endpoint = vertex.deployed(uri, **own_image(digest))
    response = vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [[1, 2, 3]]})
    assert response.json()["predictions"] == [pytest.approx(4)]
    wrong = vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [[1]]})
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    addresses = {
        connection.laddr.ip
        for process in psutil.Process().children(recursive=True)
        if "model_server" in " ".join(process.cmdline())
        for connection in process.net_connections("inet")
    }
    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("digest", "instead of the registered"),
        ("no digest", "MODEL_SHA256 is not set"),
        ("example", "for the recorded example 0, where the pipeline recorded 9.0"),
        ("late", "instead of the registered"),
    ],
)
def test_files_that_this_projects_image_does_not_serve(
    vertex: Vertex, bucket: Storage, linear: Path, change: str, cause: str
) -> None:
    if change == "example":
        examples = {"instances": [[1, 0, 0]], "predictions": [9.0]}
        (linear / "examples.json").write_text(json.dumps(examples))
    uri, digest = artifact(bucket, linear, f"own-{change}")
    if change == "digest":
        digest = "0" * 64
    if change == "no digest":
        digest = ""
    if change == "late":  # after the pipeline, before the upload
        bucket.put(f"own-{change}/examples.json", b"{}")
    endpoint = vertex.endpoint(change.replace(" ", "-")).name
    container = own_image(digest)
    container["image_uri"] = container.pop("image")
    model = vertex.upload(uri, model={"container_spec": container}).model
    with pytest.raises(exceptions.FailedPrecondition) as failed:
        vertex.finish(vertex.deploy(endpoint, model, {"0": 100}))
    assert cause in failed.value.message
    assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models
