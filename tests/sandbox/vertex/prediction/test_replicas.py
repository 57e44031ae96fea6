"""The processes of a deployed model: when they start, end, and are started again."""

import os
import signal
import threading
from pathlib import Path

import httpx
from google.cloud.aiplatform_v1 import types

from tests.sandbox.conftest import Storage, Vertex
from tests.sandbox.vertex.prediction.model_servers import ROW, behaviour, predict, server_pids
from tests.waiting import until

SECONDS = 30


def test_a_server_that_dies_is_started_again(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1), **behaviour("dies"))
    statuses = [predict(vertex, endpoint).status_code for _ in range(100)]
    assert statuses == [200] * 99 + [503]
    until(lambda: predict(vertex, endpoint).status_code == 200, "the server")


def test_a_killed_server_under_load(vertex: Vertex, bucket: Storage) -> None:
    """With two replicas no request fails."""
    endpoint = vertex.endpoint("two").name
    model = vertex.upload(bucket.put_constant(1)).model
    machines = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 2}
    deployment = vertex.deploy(endpoint, model, {"0": 100}, id="1", dedicated_resources=machines)
    vertex.finish(deployment)
    over, codes = threading.Event(), []

    def ask() -> None:
        with httpx.Client(
            base_url=vertex.url, trust_env=False, verify=False, timeout=SECONDS
        ) as http:
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
            until(lambda n=count: len(codes) > n + 30, "30 more responses")
            until(
                lambda p=killed: len(set(server_pids(vertex, endpoint)) - {p}) == 2,
                "the killed replica",
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
    until(lambda: predict(vertex, endpoint).status_code == 503, "the end of its traffic")
    (tmp_path / "sick").unlink()
    until(lambda: predict(vertex, endpoint).status_code == 200, "its traffic")
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
    until(lambda: first not in server_pids(vertex, endpoint), "the end of the server")
    sick.unlink()
    until(lambda: predict(vertex, endpoint).status_code == 200, "the server")


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
        until(lambda n=count: len(server_pids(vertex, endpoint)) == n, f"{count} replicas")
        assert predict(vertex, endpoint).status_code == 200


def test_a_cancelled_deployment_leaves_no_server(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.endpoint("cancelled").name
    model = vertex.upload(bucket.put_constant(1)).model
    operation = vertex.deploy(endpoint, model, {"0": 100})
    vertex.endpoints.cancel_operation({"name": operation.operation.name})
    until(lambda: not server_pids(vertex, endpoint), "the end of the server")


def test_undeploying_ends_the_server(vertex: Vertex, bucket: Storage) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1))
    assert len(server_pids(vertex, endpoint)) == 1
    vertex.finish(vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1"))
    until(lambda: not server_pids(vertex, endpoint), "the end of the server")
