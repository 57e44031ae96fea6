"""Faults on demand, and the records of calls and traffic."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vertex.faults.rules import Armed, Fault, hit, parse
from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.routes import google_routes
from tests.faults import Faults, unsound
from tests.sandbox.conftest import Vertex
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import until
from tests.sandbox.vertex_calls import status_of

METHODS = google_routes().methods()


@pytest.fixture
def vertex(faulty_vertex: Any, faults: Faults) -> Any:
    return faulty_vertex


def ids(vertex: Any, endpoint: str) -> list[str]:
    return [one.id for one in vertex.endpoints.get_endpoint(name=endpoint).deployed_models]


def split(vertex: Any, endpoint: str, wanted: dict[str, int], **more: Any) -> Any:
    return vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "traffic_split": wanted},
        update_mask={"paths": ["traffic_split"]},
        **more,
    )


# Over REST and gRPC.
LOST = (requests.exceptions.ConnectionError, exceptions.ServiceUnavailable)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        ("ABORTED", exceptions.Conflict),
        ("RESOURCE_EXHAUSTED", exceptions.TooManyRequests),
        ("INTERNAL", exceptions.InternalServerError),
        ("UNAVAILABLE", exceptions.ServiceUnavailable),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_fails_with_an_error(
    vertex: Any, faults: Faults, pair: Any, status: str, raised: Any, when: str
) -> None:
    endpoint, _ = pair
    faults.answer("update_endpoint", status, when=when)
    with pytest.raises(raised) as refused:
        split(vertex, endpoint, {"1": 100})
    assert status_of(refused.value) == status
    assert f"A test requested {status} here." in refused.value.message
    after = vertex.endpoints.get_endpoint(name=endpoint).traffic_split
    assert after == ({"1": 90, "2": 10} if when == "before" else {"1": 100})
    split(vertex, endpoint, {"2": 100})
    assert [one["status"] for one in faults.calls(method="update_endpoint")] == [
        refused.value.code,
        200,
    ]


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_connection_is_closed(vertex: Any, faults: Faults, pair: Any, when: str) -> None:
    endpoint, model = pair
    faults.drop("deploy_model", when=when)
    with pytest.raises(LOST):
        vertex.deploy(endpoint, model, {}, id="3")
    (call,) = faults.calls(method="deploy_model")[-1:]
    assert (call["status"], call["reached"]) == (0, when == "after")
    vertex.clock.advance(60)
    if when == "after":
        newest = vertex.http.get(f"/v1/{endpoint}/operations").json()["operations"][0]
        vertex.endpoints.wait_operation({"name": newest["name"]})
        assert ids(vertex, endpoint) == ["1", "2", "3"]
    else:
        vertex.finish(vertex.deploy(endpoint, model, {}, id="3"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_call_hangs_until_the_client_disconnects(
    vertex: Any, faults: Faults, pair: Any, when: str
) -> None:
    endpoint, _ = pair
    faults.hang("update_endpoint", when=when)
    with pytest.raises((requests.exceptions.Timeout, exceptions.GatewayTimeout)):
        split(vertex, endpoint, {"1": 100}, timeout=0.2)
    after = vertex.endpoints.get_endpoint(name=endpoint).traffic_split
    assert after == ({"1": 90, "2": 10} if when == "before" else {"1": 100})


def test_a_call_that_hangs_is_released(vertex: Any, faults: Faults) -> None:
    endpoint = vertex.endpoint().name
    faults.hang("get_endpoint")
    over: list[BaseException] = []

    def call() -> None:
        try:
            vertex.endpoints.get_endpoint(name=endpoint, timeout=60)
        except LOST as error:
            over.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while faults.armed():
        pass
    assert [one["status"] for one in faults.calls(method="get_endpoint")] == [None]
    faults.clear()
    caller.join(10)
    assert not caller.is_alive()
    assert len(over) == 1


def test_a_fault_hits_the_nth_call_on_a_resource(vertex: Any, faults: Faults) -> None:
    one, other = vertex.endpoint("one").name, vertex.endpoint("other").name
    faults.answer("get_endpoint", "UNAVAILABLE", resource="*/one", nth=2)

    def outcome(name: str) -> int:
        return vertex.http.get(f"/v1/{name}").status_code

    names = [one, other, other, one, one]
    assert [outcome(name) for name in names] == [200, 200, 200, 503, 200]
    assert not faults.armed()
    calls = faults.calls(method="get_endpoint", resource="*/one")
    assert [call["status"] for call in calls] == [200, 503, 200]
    assert [len(call["faults"]) for call in calls] == [0, 1, 0]
    assert [call["resource"] for call in calls] == [one] * 3


def test_a_fault_may_hit_several_calls_of_any_method(vertex: Any, faults: Faults) -> None:
    name = vertex.endpoint().name
    faults.answer("*", "ABORTED", times=2)
    assert [vertex.http.get(f"/v1/{name}").status_code for _ in range(3)] == [409, 409, 200]


def test_a_create_call_has_the_name_of_the_new_resource(vertex: Any, faults: Faults) -> None:
    faults.answer("create_endpoint", "UNAVAILABLE", resource="*/endpoints/new")
    vertex.endpoint("yours")
    with pytest.raises(exceptions.ServiceUnavailable):
        vertex.endpoint("new")


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_operation_fails(vertex: Any, faults: Faults, pair: Any, when: str) -> None:
    endpoint, model = pair
    faults.fail_operation("deploy_model", "RESOURCE_EXHAUSTED", message="No machines.", when=when)
    operation = vertex.deploy(endpoint, model, {}, id="3")
    with pytest.raises(exceptions.ResourceExhausted, match="No machines"):
        vertex.finish(operation)
    assert ids(vertex, endpoint) == ["1", "2", *(["3"] if when == "after" else [])]
    vertex.finish(vertex.deploy(endpoint, model, {}, id="4"))


def test_an_operation_takes_longer_by_the_clock(vertex: Any, faults: Faults, pair: Any) -> None:
    endpoint, model = pair
    faults.delay_operation("deploy_model", 600)
    operation = vertex.deploy(endpoint, model, {}, id="3")
    vertex.clock.advance(600)
    assert not operation.done()
    vertex.finish(operation, 2)
    assert ids(vertex, endpoint) == ["1", "2", "3"]


def test_a_call_takes_longer(vertex: Any, faults: Faults) -> None:
    name = vertex.endpoint().name
    faults.delay("get_endpoint", 60)
    with pytest.raises(httpx.ReadTimeout):
        vertex.http.get(f"/v1/{name}", timeout=0.1)
    faults.delay("get_endpoint", 0.1)
    assert vertex.http.get(f"/v1/{name}").elapsed.total_seconds() >= 0.1


def test_a_task_of_the_next_job_fails(
    vertex: Any, faults: Faults, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.host)
    faults.fail_task("gate", resource="*/pipelineJobs/weekly-1")
    job = types.PipelineJob(
        display_name="weekly", runtime_config={"gcs_output_directory": f"gs://{bucket.bucket}/jobs"}
    )
    json_format.Parse(samples.compiled(samples.weekly), types.PipelineJob.pb(job).pipeline_spec)
    name = vertex.jobs.create_pipeline_job(
        parent=vertex.parent, pipeline_job=job, pipeline_job_id="weekly-1"
    ).name
    over = until(
        lambda: (now := vertex.jobs.get_pipeline_job(name=name)).end_time and now, "the job's end"
    )
    states = {one.task_name: one.state.name for one in over.job_detail.task_details}
    assert over.state == types.PipelineState.PIPELINE_STATE_FAILED
    assert (states["train"], states["gate"]) == ("SUCCEEDED", "FAILED")
    (gate,) = (one for one in over.job_detail.task_details if one.task_name == "gate")
    assert "A test requested this failure" in gate.error.message
    assert not faults.armed()


def test_every_traffic_split_is_recorded(vertex: Any, faults: Faults, pair: Any) -> None:
    endpoint, _ = pair
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "traffic_split": {"2": 100}, "labels": {"champion": "2"}},
        update_mask={"paths": ["traffic_split", "labels"]},
    )
    with pytest.raises(exceptions.BadRequest):
        split(vertex, endpoint, {"2": 50})
    vertex.finish(vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1"))

    traffic = faults.traffic(endpoint=endpoint)
    assert [(one["traffic_split"], one["labels"], one["ready"]) for one in traffic] == [
        ({}, {}, []),
        ({"1": 100}, {}, ["1"]),
        ({"1": 90, "2": 10}, {}, ["1", "2"]),
        ({"2": 100}, {"champion": "2"}, ["1", "2"]),
        ({"2": 100}, {"champion": "2"}, ["2"]),
    ]
    assert not unsound(traffic)
    assert faults.traffic(endpoint=f"{endpoint}-2") == []


def test_the_traffic_history_survives_a_restart(tmp_path: Path, bucket: Any) -> None:
    server = Vertex(tmp_path, bucket.host, faults=True)
    try:
        endpoint = server.endpoint().name
        model = server.upload(bucket.put_constant(1)).model
        server.finish(server.deploy(endpoint, model, {"0": 100}, id="1"))
        server.restart()
        split(server, endpoint, {})
        split(server, endpoint, {"1": 100})
        again = Faults(server.url)
        traffic = again.traffic(endpoint=endpoint)
        again.close()
    finally:
        server.stop()
    # The first request loads it again, so it counts as ready.
    assert [(one["traffic_split"], one["ready"]) for one in traffic] == [
        ({}, []),
        ({"1": 100}, ["1"]),
        ({}, ["1"]),
        ({"1": 100}, ["1"]),
    ]


def test_unsound_splits_are_found() -> None:
    entry = {"endpoint": "e", "ready": ["1"]}
    assert not unsound([{**entry, "traffic_split": {"1": 100, "2": 0}}])
    assert "not ready" in unsound([{**entry, "traffic_split": {"1": 90, "2": 10}}])[0]
    assert "sum to 100" in unsound([{**entry, "traffic_split": {"1": 90}}])[0]


def test_records_are_cleared(vertex: Any, faults: Faults) -> None:
    vertex.endpoint()
    faults.drop("deploy_model")
    assert faults.calls()
    assert faults.traffic()
    assert faults.armed()
    faults.clear()
    assert faults.calls() == faults.traffic() == faults.armed() == []


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({}, "fault is None"),
        ({"fault": "explode", "method": "deploy_model"}, "answer, delay, delay_operation"),
        ({"fault": "drop"}, "method is None"),
        ({"fault": "drop", "method": "deploy_mode"}, "did you mean deploy_model"),
        ({"fault": "drop", "method": "qqq"}, "Google's Python client"),
        ({"fault": "drop", "method": "deploy_model", "seconds": 1}, "no field 'seconds'"),
        ({"fault": "drop", "method": "deploy_model", "when": "later"}, "after, before"),
        ({"fault": "drop", "method": "deploy_model", "nth": 0}, "nth is 0"),
        ({"fault": "drop", "method": "deploy_model", "nth": True}, "nth is True"),
        ({"fault": "drop", "method": "deploy_model", "times": "2"}, "times is '2'"),
        ({"fault": "drop", "method": "deploy_model", "resource": ""}, "resource is ''"),
        ({"fault": "answer", "method": "deploy_model"}, "needs the field 'status'"),
        ({"fault": "answer", "method": "deploy_model", "status": "TEAPOT"}, "UNAVAILABLE"),
        ({"fault": "answer", "method": "deploy_model", "status": 503}, "UNAVAILABLE"),
        ({"fault": "delay", "method": "deploy_model", "seconds": -1}, "seconds is -1"),
        ({"fault": "delay_operation", "method": "get_model", "seconds": 1}, "no operation"),
        (
            {"fault": "fail_task", "task": "train", "method": "deploy_model"},
            "needs the method create_pipeline_job",
        ),
        ({"fault": "fail_task"}, "needs the field 'task'"),
    ],
)
def test_invalid_descriptions_are_refused(fault: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(fault, METHODS)
    assert what in refused.value.message
    assert refused.value.message.count("\n") == 0
    assert refused.value.message.rstrip("?.") + refused.value.message[-1] == refused.value.message


def test_the_server_refuses_invalid_descriptions(vertex: Any, faults: Faults) -> None:
    with pytest.raises(ValueError, match="did you mean deploy_model"):
        faults.drop("deploymodel")
    assert vertex.http.post("/sandbox/faults", content=b"{").status_code == 400
    assert vertex.http.put("/sandbox/faults").status_code == 404
    assert vertex.http.get("/sandbox/anything").status_code == 404
    assert not faults.armed()


def test_web_pages_cannot_request_faults(vertex: Any, faults: Faults) -> None:
    fault = {"fault": "drop", "method": "deploy_model"}
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        answer = vertex.http.post("/sandbox/faults", json=fault, headers=headers)
        assert answer.status_code == 403
    assert not faults.armed()


def test_faults_are_off_by_default(own_vertex: Any) -> None:
    answer = own_vertex.http.post("/sandbox/faults", json={"fault": "drop", "method": "*"})
    assert answer.status_code == 404
    assert "--faults" in answer.json()["error"]["message"]
    assert own_vertex.endpoint().name


@given(
    nth=st.integers(1, 5),
    times=st.integers(1, 5),
    calls=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x/1", "y/1"]))),
)
def test_nth_and_times_select_the_calls(nth: int, times: int, calls: list[tuple[str, str]]) -> None:
    armed = [Armed("1", Fault("drop", "a", "x/*", nth, times))]
    hits = []
    for number, (method, resource) in enumerate(calls):
        now, armed = hit(armed, method, resource)
        hits += [number] * len(now)
    matching = [number for number, call in enumerate(calls) if call == ("a", "x/1")]
    assert hits == matching[nth - 1 : nth - 1 + times]
    assert bool(armed) == (len(matching) < nth - 1 + times)


def test_a_snapshot_copies_a_location(vertex: Any, faults: Faults, pair: Any) -> None:
    endpoint, model = pair
    here = vertex.parent.rpartition("/")[2]
    there = "z" * len(here)
    faults.copy(here, there)

    def moved(name: str) -> str:
        return name.replace(f"/{here}/", f"/{there}/")

    copied = vertex.endpoints.get_endpoint(name=moved(endpoint))
    assert {one.model for one in copied.deployed_models} == {moved(model)}
    (entry,) = faults.traffic(endpoint=moved(endpoint))
    assert entry["ready"] == entry["deployed"] == ["1", "2"]
    assert vertex.predictions.predict(endpoint=moved(endpoint), instances=[[1, 0, 0]])
    split(vertex, moved(endpoint), {"2": 100})
    assert vertex.endpoints.get_endpoint(name=endpoint).traffic_split == {"1": 90, "2": 10}
    with pytest.raises(httpx.HTTPStatusError):
        faults.copy(here, here + "longer")
    with pytest.raises(httpx.HTTPStatusError):  # The target is not empty any more.
        faults.copy(here, there)
