"""Random bodies and paths: each gets a response, and the state stays valid."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.conformance.conftest import ROW, Cloud
from tests.conformance.random_requests import requests
from tests.conformance.valid_requests import BODIES
from tests.conftest import Sandbox
from tests.sandbox.conftest import PROJECT_NUMBER, Vertex
from tests.waiting import until

# Threads of the server, which is in this process, use the module `random` at any time.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)

PARENT = f"projects/{PROJECT_NUMBER}/locations/fuzz"
JSON = {"Content-Type": "application/json"}
SCHEDULE = json.dumps(BODIES["create_schedule"]).replace("{parent}", PARENT)
KNOWN = {200, 400, 403, 404, 405, 409, 501}


class Server(Vertex):
    """A server with a schedule of that id."""

    schedule: str


@pytest.fixture
def server(
    sandbox: Sandbox, _cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with an endpoint `a` that has `m@1` and `m@2`, and a schedule."""
    running = Server(tmp_path_factory.mktemp("fuzz"), sandbox.env["STORAGE_EMULATOR_HOST"])
    try:
        running.parent = PARENT
        endpoint = running.endpoint("a").name
        model = running.upload(_cloud.constant(1), model_id="m").model
        running.upload(_cloud.constant(2), parent_model=model)
        running.finish(running.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))
        running.finish(running.deploy(endpoint, f"{model}@2", {"1": 90, "0": 10}, id="2"))
        created = running.http.post(f"/v1/{PARENT}/schedules", content=SCHEDULE, headers=JSON)
        running.schedule = created.json()["name"].rpartition("/")[2]
        yield running
    finally:
        running.stop()


def check_response(server: Server, request: tuple[str, str, bytes], seen: Counter[int]) -> None:
    method, path, content = request
    answer = server.http.request(method, path, content=content, headers=JSON)
    seen[answer.status_code] += 1
    assert answer.status_code in KNOWN, (request, answer.text)
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        assert error["status"].isupper()
        assert error["message"].strip()
    # Every operation ends.
    server.clock.advance(60)


def check(server: Server) -> None:
    """Check the state after any requests."""
    versions: dict[str, dict[str, Any]] = {}
    for model in server.models.list_models(parent=PARENT):
        found = list(server.models.list_model_versions(name=model.name))
        versions[model.name] = {one.version_id: one for one in found}
        aliases = Counter(alias for one in found for alias in one.version_aliases)
        assert aliases["default"] == 1
        assert set(aliases.values()) == {1}
        assert "default" in server.models.get_model(name=model.name).version_aliases
    for endpoint in server.endpoints.list_endpoints(parent=PARENT):
        assert server.endpoints.get_endpoint(name=endpoint.name) == endpoint
        ids = [one.id for one in endpoint.deployed_models]
        assert len(ids) == len(set(ids))
        assert set(endpoint.traffic_split) <= set(ids)
        assert not endpoint.traffic_split or sum(endpoint.traffic_split.values()) == 100
        for one in endpoint.deployed_models:
            refs = versions[one.model][one.model_version_id].deployed_models
            assert (endpoint.name, one.id) in {(r.endpoint, r.deployed_model_id) for r in refs}
        if endpoint.traffic_split:
            assert server.predictions.predict(endpoint=endpoint.name, instances=[ROW]).predictions
    unfinished = {"name": PARENT, "filter": "done=false"}
    for operation in server.endpoints.list_operations(unfinished).operations:
        # Threads load models in real time.
        wait = {"name": operation.name, "timeout": {"seconds": 20}}
        server.endpoints.wait_operation(wait, timeout=30)
    assert not server.endpoints.list_operations(unfinished).operations
    assert list(server.jobs.list_pipeline_jobs(parent=PARENT)) == []
    found = server.http.get(f"/v1/{PARENT}/schedules", params={"pageSize": "1000"}).json()
    for schedule in found.get("schedules", []):
        assert server.http.get(f"/v1/{schedule['name']}").json() == schedule
        assert schedule["state"] in ("ACTIVE", "PAUSED")
        assert schedule.get("nextRunTime", "9") > schedule["startTime"]
        assert schedule["cron"].endswith("0 3 1 12 *")
    until(lambda: not unfinished_batches(server), "the end of all batch predictions")


def unfinished_batches(server: Server) -> list[Any]:
    ended = [f'state!="JOB_STATE_{state}"' for state in ("SUCCEEDED", "FAILED", "CANCELLED")]
    path = f"/v1/{PARENT}/batchPredictionJobs"
    listed = server.http.get(path, params={"filter": " AND ".join(ended)})
    return list(listed.raise_for_status().json().get("batchPredictionJobs", []))


def fuzz(server: Server, examples: int, **more: Any) -> Counter[int]:
    seen: Counter[int] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )
    @given(requests(PARENT, [server.schedule]))
    def send(request: tuple[str, str, bytes]) -> None:
        check_response(server, request, seen)

    send()
    check(server)
    server.restart()
    check(server)
    return seen


def test_every_random_request_gets_a_response(server: Server) -> None:
    seen = fuzz(server, 200, derandomize=True, phases=[Phase.generate])
    # The test needs accepted requests, too.
    assert seen[200] > 20
    assert seen[400] > 40
    assert seen[404] > 10


@pytest.mark.long
def test_many_random_requests_get_a_response(server: Server) -> None:
    fuzz(server, 20_000)
