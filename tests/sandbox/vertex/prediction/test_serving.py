"""No request fails or goes to a wrong model during deployments and traffic changes."""

import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.protobuf import struct_pb2
from scipy.stats import binom
from sklearn.linear_model import LinearRegression

from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.store import Store
from tests.sandbox.conftest import CONSTANT, SKLEARN, Vertex
from tests.sandbox.vertex.prediction.model_servers import behaviour, predict, server_pids
from tests.titleholder.reconciler.in_memory_vertex import Anything
from tests.waiting import until

ROW = [86.6, 91.4, 50]
CLIENTS = 3
SECONDS = 20

Split = dict[tuple[str, str], int]
"""Traffic fractions by deployed model id and version: an id may be reused for another version."""


@dataclass(frozen=True)
class Phase:
    """A period with one split, and the number of responses per model."""

    shares: Split
    steady: bool = True
    answers: "Counter[tuple[str, str]]" = field(default_factory=Counter)


class Clients:
    """Clients that predict continuously, and check each response against the current phase."""

    def __init__(self, vertex: Vertex, endpoint: str, first: Split) -> None:
        self.phase = Phase(first)
        self.wrong: list[str] = []
        self._url = f"{vertex.url}/v1/{endpoint}:predict"
        self._over = threading.Event()
        self._more = threading.Condition()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(SECONDS)

    def answered(self, count: int) -> Phase:
        """The current phase, after `count` responses in it."""
        phase = self.phase
        with self._more:
            assert self._more.wait_for(
                lambda: phase.answers.total() >= count or self.wrong, SECONDS
            ), "the clients stand still"
        return phase

    def through(self, change: Callable[[], Any], shares: Split) -> None:
        """Make a change; after its response, only the new `shares` are allowed."""
        self.phase = Phase(self.phase.shares | shares, steady=False)
        change()
        self.phase = Phase(shares)

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, verify=False, timeout=SECONDS) as http:
            while not self._over.is_set():
                before = self.phase
                try:
                    answer = http.post(self._url, json={"instances": [ROW]})
                except httpx.HTTPError as error:
                    self._fail(repr(error))
                    continue
                after = self.phase
                if answer.status_code != 200:
                    self._fail(answer.text)
                    continue
                fields = answer.json()
                key = fields["deployedModelId"], fields["modelVersionId"]
                if not (before.shares | after.shares).get(key):
                    self._fail(f"{key} answered in {before.shares}")
                elif fields["predictions"][0] != pytest.approx([float(key[1])] * 2):
                    self._fail(f"{key} answered {fields['predictions']}")
                elif before is after:
                    with self._more:
                        before.answers[key] += 1
                        self._more.notify()

    def _fail(self, what: str) -> None:
        with self._more:
            self.wrong.append(what)
            self._more.notify()


def assert_shares(phase: Phase) -> None:
    """Fails by chance once in a million runs."""
    total = phase.answers.total()
    for key, share in phase.shares.items():
        low, high = binom.ppf([1e-7, 1 - 1e-7], total, share / 100)
        assert low <= phase.answers[key] <= high, (phase.shares, phase.answers)


def test_no_request_fails_during_a_rollout(vertex: Vertex, bucket: Any) -> None:
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1), model_id="linnerud").model
    for version in (2, 3):
        vertex.upload(bucket.put_constant(version), parent_model=model)
    vertex.finish(vertex.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))

    def deploy(version: int, deployed_id: str, split: dict[str, int]) -> Callable[[], Any]:
        return lambda: vertex.finish(
            vertex.deploy(endpoint, f"{model}@{version}", split, id=deployed_id)
        )

    def undeploy(removed: str, split: dict[str, int]) -> Callable[[], Any]:
        return lambda: vertex.finish(
            vertex.endpoints.undeploy_model(
                endpoint=endpoint, deployed_model_id=removed, traffic_split=split
            )
        )

    def update(split: dict[str, int]) -> Callable[[], Any]:
        return lambda: vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint, "traffic_split": split},
            update_mask={"paths": ["traffic_split"]},
        )

    one, two, again = ("1", "1"), ("2", "2"), ("1", "3")
    changes: list[tuple[Callable[[], Any], Split]] = [
        (deploy(2, "2", {}), {one: 100}),
        (update({"1": 70, "2": 30}), {one: 70, two: 30}),
        (update({"1": 5, "2": 95}), {one: 5, two: 95}),
        (update({"2": 100}), {two: 100}),
        (undeploy("1", {}), {two: 100}),
        (deploy(3, "1", {"2": 50, "0": 50}), {two: 50, again: 50}),
        (undeploy("2", {"1": 100}), {again: 100}),
    ]
    with Clients(vertex, endpoint, {one: 100}) as clients:
        phases = [clients.answered(60)]
        for change, shares in changes:
            clients.through(change, shares)
            phases.append(clients.answered(60))
    assert clients.wrong == []
    for phase in phases:
        assert_shares(phase)


def test_no_request_fails_while_splits_change(vertex: Vertex, pair: Any) -> None:
    endpoint, _ = pair
    one, two = ("1", "1"), ("2", "2")

    def update(split: dict[str, int]) -> Callable[[], Any]:
        return lambda: vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint, "traffic_split": split},
            update_mask={"paths": ["traffic_split"]},
        )

    with Clients(vertex, endpoint, {one: 90, two: 10}) as clients:
        for _ in range(25):
            clients.through(update({"1": 100}), {one: 100})
            clients.answered(5)
            clients.through(update({"2": 100}), {two: 100})
            clients.answered(5)
    assert clients.wrong == []


class Gate:
    """The gate of a scripted server, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def spec(self, name: str) -> dict[str, Any]:
        """Fields of a container that waits at this gate."""
        return behaviour(name, GATE=str(self.folder))

    def wait(self) -> None:
        """Wait until the server has reached the gate."""
        until((self.folder / "reached").exists, "the server to reach the gate")

    def open(self) -> None:
        (self.folder / "opened").touch()

    def close(self) -> None:
        """Close the gate, which no server has reached since."""
        for name in ("opened", "reached"):
            (self.folder / name).unlink()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A closed gate, which is opened at the end of the test, so that the server can stop."""
    found = Gate(tmp_path)
    yield found
    found.open()


def test_a_running_request_is_answered_after_its_undeploy(
    vertex: Vertex, bucket: Any, gate: Gate
) -> None:
    endpoint = vertex.deployed(bucket.put_constant(7), **gate.spec("wait-predict"))
    model = vertex.endpoints.get_endpoint(name=endpoint).deployed_models[0].model
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [ROW, ROW]})
        )
    )
    asking.start()
    try:
        gate.wait()
        vertex.finish(vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1"))
        vertex.finish(vertex.models.delete_model(name=model))
        late = vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [ROW]})
        assert late.status_code == 400
        assert answers == []
    finally:
        gate.open()
        asking.join(SECONDS)
    assert [one.status_code for one in answers] == [200]
    assert answers[0].json()["predictions"] == [[7.0, 7.0]] * 2
    assert answers[0].json()["deployedModelId"] == "1"


def test_no_traffic_before_the_model_is_healthy(vertex: Vertex, bucket: Any, gate: Gate) -> None:
    endpoint = vertex.deployed(bucket.put_constant(1))
    spec = {"image_uri": CONSTANT, **gate.spec("wait-load")}
    slow = vertex.upload(bucket.put_constant(7), model={"container_spec": spec}).model

    deployment = vertex.deploy(endpoint, slow, {"0": 100}, id="2")
    gate.wait()
    vertex.clock.advance(3600)
    for _ in range(20):
        answer = vertex.predictions.predict(endpoint=endpoint, instances=[ROW])
        assert answer.deployed_model_id == "1"
    assert not deployment.done()
    assert vertex.endpoints.get_endpoint(name=endpoint).traffic_split == {"1": 100}
    gate.open()
    vertex.finish(deployment)
    assert vertex.predictions.predict(endpoint=endpoint, instances=[ROW]).predictions == [
        [7.0, 7.0]
    ]


def test_concurrent_requests_after_a_restart(own_vertex: Vertex, bucket: Any) -> None:
    """The first request loads a model again, and no request fails."""
    endpoint = own_vertex.endpoint().name
    model = own_vertex.upload(bucket.put_constant(1)).model
    own_vertex.upload(bucket.put_constant(2), parent_model=model)
    own_vertex.finish(own_vertex.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))
    own_vertex.finish(own_vertex.deploy(endpoint, f"{model}@2", {"1": 50, "0": 50}, id="2"))
    own_vertex.restart()
    with Clients(own_vertex, endpoint, {("1", "1"): 50, ("2", "2"): 50}) as clients:
        assert_shares(clients.answered(100))
    assert clients.wrong == []


def test_a_model_that_starts_slowly_after_a_restart(
    own_vertex: Vertex, bucket: Any, gate: Gate
) -> None:
    """Another model is not delayed, and undeploying ends the server that has just started."""
    gate.open()
    slow = own_vertex.deployed(bucket.put_constant(7), **gate.spec("wait-load"))
    other = own_vertex.deployed(bucket.put_constant(1))
    gate.close()
    own_vertex.restart()
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(predict(own_vertex, slow)))
    asking.start()
    try:
        gate.wait()
        assert predict(own_vertex, other).json()["predictions"] == [[1.0, 1.0]]
        undeploy = own_vertex.endpoints.undeploy_model(endpoint=slow, deployed_model_id="1")
        own_vertex.finish(undeploy)
        assert answers == []
    finally:
        gate.open()
        asking.join(SECONDS)
    (answer,) = answers
    assert answer.status_code == 503
    assert "was undeployed while it was restarted" in answer.json()["error"]["message"]
    until(lambda: not server_pids(own_vertex, slow), "the end of the server")


def test_requests_to_models_that_start_block_nothing_else(
    own_vertex: Vertex, bucket: Any, gate: Gate
) -> None:
    """They are more than the server has threads, and share one start."""
    gate.open()
    endpoint = own_vertex.deployed(bucket.put_constant(7), **gate.spec("wait-load"))
    gate.close()
    own_vertex.restart()
    body = json.dumps({"instances": [ROW]})
    head = [f"POST /v1/{endpoint}:predict HTTP/1.1", "Host: localhost", "Connection: close"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", body]
    url = httpx.URL(own_vertex.url)
    with ExitStack() as stack:
        waiting = []
        for _ in range(60):
            waiting.append(socket.create_connection((url.host, url.port), SECONDS))
            stack.enter_context(waiting[-1])
            waiting[-1].sendall("\r\n".join(head).encode())
        gate.wait()
        found = own_vertex.endpoints.get_endpoint(name=endpoint, timeout=SECONDS)
        assert found.traffic_split == {"1": 100}
        assert len(server_pids(own_vertex, endpoint)) == 1
        gate.open()
        for one in waiting:
            assert one.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    assert len(server_pids(own_vertex, endpoint)) == 1


def test_predictions_are_in_the_order_of_the_instances(vertex: Vertex, bucket: Any) -> None:
    """Also in the largest request."""
    same = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    endpoint = vertex.deployed(bucket.put_model("same", same), SKLEARN)
    for count in (1, 2, 100_000):
        body = {"instances": [[one] for one in range(count)]}
        assert len(json.dumps(body)) < 1_500_000
        answer = vertex.http.post(f"/v1/{endpoint}:predict", json=body)
        assert answer.json()["predictions"] == pytest.approx(list(range(count)))


def test_other_prediction_methods_are_refused(vertex: Vertex, pair: Any) -> None:
    """The error is one sentence with the name of the method."""
    endpoint, _ = pair
    value = struct_pb2.Value(number_value=1)
    client: aiplatform_v1.PredictionServiceClient = vertex.predictions
    calls: dict[str, Callable[[], Any]] = {
        "explain": lambda: client.explain(endpoint=endpoint, instances=[value]),
        "direct_predict": lambda: client.direct_predict({"endpoint": endpoint}),
        "direct_raw_predict": lambda: client.direct_raw_predict({"endpoint": endpoint}),
        "server_streaming_predict": lambda: list(
            client.server_streaming_predict({"endpoint": endpoint})
        ),
        "generate_content": lambda: client.generate_content(model=endpoint, contents=[]),
        "stream_generate_content": lambda: list(
            client.stream_generate_content(model=endpoint, contents=[])
        ),
    }
    for name, call in calls.items():
        with pytest.raises(exceptions.MethodNotImplemented, match=rf"prediction_service\.{name} "):
            call()


def test_concurrent_requests_read_a_changed_endpoint_once() -> None:
    arrived = threading.Semaphore(0)

    class Waited(Store):
        @contextmanager
        def transaction(self) -> Iterator[None]:
            arrived.release()
            with super().transaction():
                yield

    store = Waited(Path(":memory:"))
    try:
        store.put("model", aiplatform_v1.types.Model())
        store.put("model@1", aiplatform_v1.types.Model())
        deployed = aiplatform_v1.types.DeployedModel(id="1", model="model", model_version_id="1")
        endpoint = aiplatform_v1.types.Endpoint(
            deployed_models=[deployed], traffic_split={"1": 100}
        )
        store.put("endpoint", endpoint)
        anything: Any = Anything()
        serving = Serving(store, anything, anything, random.Random(0), "project")
        serving.add("endpoint", deployed, anything)
        with ThreadPoolExecutor(4) as pool:
            with store.transaction():
                picks = [pool.submit(serving.pick, "endpoint") for _ in range(4)]
                for _ in range(5):
                    assert arrived.acquire(timeout=SECONDS)
            tables = {id(pick.result(SECONDS)[0]) for pick in picks}
        assert len(tables) == 1
    finally:
        store.close()
