"""Long-running operations: states, names, ends."""

from datetime import datetime
from typing import Any

import pytest
from google.api_core import exceptions

METADATA = "type.googleapis.com/google.cloud.aiplatform.v1."


def create(vertex: Any, endpoint_id: str) -> str:
    future = vertex.endpoints.create_endpoint(
        parent=vertex.parent, endpoint={"display_name": endpoint_id}, endpoint_id=endpoint_id
    )
    return future.operation.name


@pytest.mark.parametrize("prefix", ["v1", "ui"])
def test_an_operation_runs_and_ends(vertex: Any, prefix: str) -> None:
    name = create(vertex, "x")
    path = f"/{prefix}/{name}"
    started = vertex.http.get(path).json()
    assert name.startswith(f"{vertex.parent}/endpoints/x/operations/")
    assert "done" not in started
    assert started["metadata"]["@type"] == METADATA + "CreateEndpointOperationMetadata"
    times = started["metadata"]["genericMetadata"]
    assert times["createTime"] == times["updateTime"]

    vertex.clock.advance(0.1)
    assert vertex.http.get(path).json() == started
    vertex.clock.advance(0.1)
    ended = vertex.http.get(path).json()
    assert ended["done"] is True
    assert ended["response"]["@type"] == METADATA + "Endpoint"
    assert ended["response"]["name"] == f"{vertex.parent}/endpoints/x"
    times = ended["metadata"]["genericMetadata"]
    took = datetime.fromisoformat(times["updateTime"]) - datetime.fromisoformat(times["createTime"])
    assert took.total_seconds() == pytest.approx(0.2)
    vertex.clock.advance(100)
    assert vertex.http.get(path).json() == ended


def test_an_operation_is_found_without_its_resource(vertex: Any) -> None:
    name = create(vertex, "x")
    short = f"{vertex.parent}/operations/{name.rpartition('/')[2]}"
    for prefix in ("v1", "ui"):
        assert vertex.http.get(f"/{prefix}/{short}").json()["name"] == name
    assert vertex.http.get(f"/v1/{vertex.parent}/operations/1").status_code == 404


def test_running_operations_are_listed_by_endpoint(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    running = vertex.deploy(endpoint, model, {}).operation.name

    def names(parent: str, query: str = "") -> list[str]:
        found = vertex.http.get(f"/v1/{parent}/operations{query}").json()
        return [one["name"] for one in found.get("operations", [])]

    # One create, two deploys, and a running deploy.
    assert names(endpoint)[0] == running
    assert len(names(endpoint)) == 4
    assert names(endpoint, "?filter=done=false") == [running]
    assert running not in names(endpoint, "?filter=done=true")
    assert names(vertex.parent, "?filter=done:false") == [running]
    assert len(names(vertex.parent)) == 6
    assert vertex.http.get(f"/v1/{endpoint}/operations?filter=colour=red").status_code == 400
    vertex.clock.advance(60)
    vertex.endpoints.wait_operation({"name": running})
    assert names(endpoint, "?filter=done=false") == []


def test_a_failure_has_a_status(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair
    model = vertex.upload("gs://artifacts/nothing").model
    operation = vertex.deploy(endpoint, model, {})
    with pytest.raises(exceptions.FailedPrecondition):
        vertex.finish(operation)
    ended = vertex.http.get(f"/v1/{operation.operation.name}").json()
    assert ended["done"] is True
    assert ended["error"]["code"] == 9
    assert "response" not in ended


def test_a_cancelled_deploy_changes_nothing(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    before = vertex.endpoints.get_endpoint(name=endpoint)
    operation = vertex.deploy(endpoint, model, {"0": 100})
    assert vertex.http.post(f"/v1/{operation.operation.name}:cancel").json() == {}
    with pytest.raises(exceptions.Cancelled):
        vertex.finish(operation)
    assert vertex.endpoints.get_endpoint(name=endpoint) == before
    # A finished operation cannot be cancelled, and the next one can start.
    assert vertex.http.post(f"/v1/{operation.operation.name}:cancel").json() == {}
    vertex.finish(vertex.deploy(endpoint, model, {"0": 100}))


def test_only_a_finished_operation_is_deleted(vertex: Any) -> None:
    name = create(vertex, "x")
    assert vertex.http.delete(f"/v1/{name}").json()["error"]["status"] == "FAILED_PRECONDITION"
    vertex.clock.advance(1)
    assert vertex.http.delete(f"/v1/{name}").json() == {}
    assert vertex.http.get(f"/v1/{name}").status_code == 404
    assert vertex.http.delete(f"/v1/{name}").status_code == 404
    vertex.endpoints.get_endpoint(name=f"{vertex.parent}/endpoints/x")


def test_a_wait_returns_the_running_operation_after_its_timeout(vertex: Any) -> None:
    name = create(vertex, "x")
    answer = vertex.http.post(f"/v1/{name}:wait?timeout=0.05s")
    assert answer.status_code == 200
    assert "done" not in answer.json()


def test_operations_of_other_projects(vertex: Any) -> None:
    answer = vertex.http.get("/v1/projects/other/locations/l/operations/1")
    assert answer.status_code == 403
