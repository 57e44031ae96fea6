"""Operations and deployments over time: tables of states, and responses to clients."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vertex.context import Durations
from sandbox.vertex.operations.transitions import (
    DEPLOYMENT,
    OPERATION,
    InvalidTransition,
    OperationState,
    advance,
    stages,
)
from tests.sandbox.conftest import Vertex
from tests.waiting import until

_locations = itertools.count()
Stage = types.DeploymentStage
ORDER = (
    Stage.STARTING_DEPLOYMENT,
    Stage.PREPARING_MODEL,
    Stage.CREATING_SERVING_CLUSTER,
    Stage.ADDING_NODES_TO_CLUSTER,
    Stage.GETTING_CONTAINER_IMAGE,
    Stage.STARTING_MODEL_SERVER,
    Stage.FINISHING_UP,
)


@pytest.fixture(scope="module")
def _slow_vertex(tmp_path_factory: pytest.TempPathFactory, bucket: Any) -> Iterator[Vertex]:
    server = Vertex(tmp_path_factory.mktemp("slow"), bucket.host, Durations(deploy=600))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def slow_vertex(_slow_vertex: Vertex) -> Vertex:
    """A server whose deployments take ten minutes."""
    project = _slow_vertex.parent.split("/")[1]
    _slow_vertex.parent = f"projects/{project}/locations/slow-{next(_locations)}"
    return _slow_vertex


def test_every_state_is_in_its_table_and_reachable() -> None:
    assert set(OPERATION) == set(OperationState)
    assert set(DEPLOYMENT) == set(Stage) - {Stage.DEPLOYMENT_STAGE_UNSPECIFIED}
    for table, first in ((OPERATION, OperationState.RUNNING), (DEPLOYMENT, ORDER[0])):
        reached = {first}
        for _ in table:
            reached |= {to for now in reached for to in table[now]}
        assert reached == set(table)


def test_transitions() -> None:
    running = OperationState.RUNNING
    assert advance(OPERATION, running, OperationState.CANCELLED) is OperationState.CANCELLED
    with pytest.raises(InvalidTransition, match=r"FAILED cannot become SUCCEEDED; it is final\."):
        advance(OPERATION, OperationState.FAILED, OperationState.SUCCEEDED)
    with pytest.raises(InvalidTransition, match="it may become CANCELLED, FAILED, SUCCEEDED"):
        advance(OPERATION, running, running)
    with pytest.raises(InvalidTransition, match="PREPARING_MODEL cannot become FINISHING_UP"):
        advance(DEPLOYMENT, Stage.PREPARING_MODEL, Stage.FINISHING_UP)
    with pytest.raises(InvalidTransition):
        advance(DEPLOYMENT, Stage.STARTING_MODEL_SERVER, Stage.SUCCESSFULLY_DEPLOYED)


@given(
    st.sampled_from(ORDER),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=8),
)
def test_the_stages_are_in_order_at_any_time(stage: Stage, looks: list[tuple[float, bool]]) -> None:
    for elapsed, loaded in looks:
        for share, following in stages(stage, elapsed, loaded):
            assert share <= elapsed
            stage = advance(DEPLOYMENT, stage, following)
    assert not [one for _, one in stages(stage, 1.0, False) if one == Stage.FINISHING_UP]


def test_a_slow_deployment_goes_through_its_stages(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    operation = vertex.deploy(endpoint, model, {"0": 100}, id="1")
    begin = vertex.clock.now
    path = f"/ui/{operation.operation.name}"
    seen = []
    for second in range(0, 600, 5):
        vertex.clock.now = begin + timedelta(seconds=second)
        # A thread loads the model, without which the stage is not FINISHING_UP.
        operation_json = (
            until_loaded(vertex, path) if second >= 570 else vertex.http.get(path).json()
        )
        assert "done" not in operation_json
        if operation_json["metadata"]["deploymentStage"] not in seen[-1:]:
            seen.append(operation_json["metadata"]["deploymentStage"])
            changed = operation_json["metadata"]["genericMetadata"]["updateTime"]
            assert changed == f"{vertex.clock.now:%Y-%m-%dT%H:%M:%SZ}"
        assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models
    assert seen == [stage.name for stage in ORDER]

    vertex.clock.now = begin + timedelta(seconds=600)
    operation_json = vertex.http.get(path).json()
    assert operation_json["metadata"]["deploymentStage"] == "SUCCESSFULLY_DEPLOYED"
    assert operation_json["response"]["deployedModel"]["id"] == "1"
    after = vertex.endpoints.get_endpoint(name=endpoint)
    assert after.traffic_split == {"1": 100}
    assert after.deployed_models[0].create_time == vertex.clock.now


def test_a_late_get_returns_the_time_of_the_stage(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    operation = vertex.deploy(endpoint, model, {"0": 100})
    begin = vertex.clock.now
    vertex.clock.advance(300)
    assert operation.metadata.deployment_stage == Stage.STARTING_DEPLOYMENT
    assert not operation.done()
    assert operation.metadata.deployment_stage == Stage.ADDING_NODES_TO_CLUSTER
    assert operation.metadata.generic_metadata.update_time == begin + timedelta(seconds=240)


def no_file(bucket: Any) -> str:
    return f"gs://{bucket.bucket}/nothing"


def corrupt(bucket: Any) -> str:
    bucket.put("corrupt/model.joblib", b"\x80\x04 no joblib")
    return f"gs://{bucket.bucket}/corrupt"


IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu"


@pytest.mark.parametrize(
    ("artifact", "image", "cause"),
    [
        (no_file, f"{IMAGE}.1-6:latest", "no files under"),
        (corrupt, f"{IMAGE}.1-6:latest", "cannot be loaded"),
        (no_file, f"{IMAGE}.0-23:latest", "does not know the image"),
    ],
)
def test_a_container_that_cannot_start_fails_at_the_end_of_its_time(
    slow_vertex: Any, bucket: Any, artifact: Any, image: str, cause: str
) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(artifact(bucket), model={"container_spec": {"image_uri": image}}).model
    operation = vertex.deploy(endpoint, model, {"0": 100})
    vertex.clock.advance(599)
    assert not operation.done()
    assert operation.metadata.deployment_stage == Stage.STARTING_MODEL_SERVER
    with pytest.raises(exceptions.FailedPrecondition, match="Model server exited") as failed:
        vertex.finish(operation, 1)
    assert cause in failed.value.message
    assert operation.metadata.deployment_stage == Stage.FAILED_TO_DEPLOY
    assert operation.metadata.generic_metadata.update_time == vertex.clock.now
    assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models


@pytest.mark.parametrize("second", [0, 60, 200, 300, 400, 500, 599])
def test_a_deployment_can_be_cancelled_in_every_stage(
    slow_vertex: Any, bucket: Any, second: int
) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    before = vertex.endpoints.get_endpoint(name=endpoint)
    operation = vertex.deploy(endpoint, model, {"0": 100})
    vertex.clock.advance(second)
    vertex.endpoints.cancel_operation({"name": operation.operation.name})
    with pytest.raises(exceptions.Cancelled):
        operation.result(timeout=10)
    assert operation.metadata.deployment_stage == Stage.DEPLOYMENT_TERMINATED
    vertex.clock.advance(1000)
    assert vertex.endpoints.get_endpoint(name=endpoint) == before


def test_a_cancel_does_not_change_a_finished_operation(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    good = vertex.deploy(endpoint, model, {"0": 100})
    vertex.finish(good, 600)
    bad = vertex.deploy(endpoint, vertex.upload(no_file(bucket)).model, {})
    with pytest.raises(exceptions.FailedPrecondition):
        vertex.finish(bad, 600)
    for operation in (good, bad):
        path = f"/v1/{operation.operation.name}"
        before = vertex.http.get(path).json()
        assert vertex.http.post(f"{path}:cancel").json() == {}
        assert vertex.http.get(path).json() == before


def test_a_cancelled_undeploy_changes_nothing(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair
    before = vertex.endpoints.get_endpoint(name=endpoint)
    operation = vertex.endpoints.undeploy_model(
        endpoint=endpoint, deployed_model_id="2", traffic_split={"1": 100}
    )
    vertex.endpoints.cancel_operation({"name": operation.operation.name})
    with pytest.raises(exceptions.Cancelled):
        vertex.finish(operation)
    assert vertex.endpoints.get_endpoint(name=endpoint) == before


def test_a_wait_ends_with_the_operation(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    name = vertex.deploy(endpoint, model, {}).operation.name
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(
            vertex.endpoints.wait_operation({"name": name, "timeout": {"seconds": 600}}, timeout=30)
        )
    )
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    vertex.clock.advance(600)
    waiting.join(20)
    assert [one.done for one in answers] == [True]


def test_waiting_calls_do_not_block_other_calls(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    name = vertex.deploy(endpoint, model, {}).operation.name

    async def all_at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=vertex.url, trust_env=False, timeout=30) as client:
            waits = [
                asyncio.create_task(client.post(f"/v1/{name}:wait?timeout=20s")) for _ in range(50)
            ]
            assert (await client.get(f"/v1/{endpoint}")).status_code == 200
            assert not any(wait.done() for wait in waits)
            vertex.clock.advance(600)
            return await asyncio.gather(*waits)

    assert all(answer.json()["done"] for answer in asyncio.run(all_at_once()))


def test_a_wait_ends_when_the_client_disconnects(slow_vertex: Any, bucket: Any) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    name = vertex.deploy(endpoint, model, {}).operation.name
    with pytest.raises(httpx.ReadTimeout):
        vertex.http.post(f"/v1/{name}:wait", timeout=0.1)
    vertex.stop()  # It would block if that call were still waiting.
    vertex.start()


@pytest.mark.parametrize("prefix", ["v1", "ui"])
def test_all_methods_with_both_forms_of_names(vertex: Any, prefix: str) -> None:
    def begin() -> str:
        return vertex.models.upload_model(
            parent=vertex.parent,
            model={"display_name": "m", "container_spec": {"image_uri": "any"}},
        ).operation.name

    name = begin()
    path, folder = f"/{prefix}/{name}", f"/{prefix}/{name.rpartition('/')[0]}"
    assert [one["name"] for one in vertex.http.get(folder).json()["operations"]] == [name]
    assert "done" not in vertex.http.post(f"{path}:wait", json={"timeout": "0s"}).json()
    assert vertex.http.post(f"{path}:cancel").json() == {}
    assert vertex.http.get(path).json()["error"]["code"] == 1
    assert vertex.http.delete(path).json() == {}
    for response in (
        vertex.http.get(path),
        vertex.http.delete(path),
        vertex.http.post(f"{path}:wait"),
        vertex.http.post(f"{path}:cancel"),
    ):
        assert response.status_code == 404


def test_operations_are_listed_by_page_and_state(vertex: Any) -> None:
    def uploaded() -> str:
        model = {"display_name": "m", "container_spec": {"image_uri": "any"}}
        return vertex.models.upload_model(parent=vertex.parent, model=model).operation.name

    done = [uploaded() for _ in range(5)]
    vertex.clock.advance(60)
    running = [uploaded() for _ in range(2)]

    def names(query: str) -> tuple[list[str], str]:
        answer = vertex.http.get(f"/v1/{vertex.parent}/operations?{query}").json()
        found = [one["name"] for one in answer.get("operations", [])]
        return found, answer.get("nextPageToken", "")

    pages, token = [], ""
    for _ in range(3):
        page, token = names(f"filter=done=true&pageSize=2&pageToken={token}")
        pages.append(page)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert token == ""
    assert [*pages[0], *pages[1], *pages[2]] == done[::-1]
    assert names("filter=done=false") == (running[::-1], "")
    assert names("")[0] == [*running[::-1], *done[::-1]]
    assert vertex.http.get(f"/v1/{vertex.parent}/operations?pageToken=x").status_code == 400
    listed = vertex.models.list_operations({"name": vertex.parent, "filter": "done=false"})
    assert [one.name for one in listed.operations] == running[::-1]


def test_an_operation_that_ran_when_the_server_stopped_has_failed(
    slow_vertex: Any, bucket: Any
) -> None:
    vertex = slow_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    name = vertex.deploy(endpoint, model, {}).operation.name
    vertex.clock.advance(300)
    vertex.restart()
    operation_json = vertex.http.get(f"/v1/{name}").json()
    assert operation_json["error"]["code"] == 14
    assert operation_json["metadata"]["deploymentStage"] == "FAILED_TO_DEPLOY"
    changed = operation_json["metadata"]["genericMetadata"]["updateTime"]
    assert changed == f"{vertex.clock.now:%Y-%m-%dT%H:%M:%SZ}"


def until_loaded(vertex: Any, path: str) -> Any:
    """The operation when its thread has loaded the model."""

    def loaded() -> Any:
        found = vertex.http.get(path).json()
        return found if found["metadata"]["deploymentStage"] == "FINISHING_UP" else None

    return until(loaded, "the loaded model")
