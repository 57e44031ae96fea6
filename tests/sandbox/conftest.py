"""A local Vertex AI in a thread, with a Cloud Storage emulator and a manual clock."""

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import joblib
import pytest
import uvicorn
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, storage

from sandbox.state import PROJECT_NUMBER as PROJECT_NUMBER
from sandbox.vertex.app import KEEP_ALIVE_SECONDS, create_app
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.context import Durations
from sandbox.vertex.http.routes import google_routes
from sandbox.vertex.rpc.front_end import GrpcFrontEnd
from tests.conftest import CONSTANT as CONSTANT
from tests.conftest import IMAGES, REPOSITORY
from tests.faults import Faults
from tests.sandbox.vertex_calls import MACHINE as MACHINE
from tests.sandbox.vertex_calls import ManualClock, VertexCalls

PROJECT = "demo"
SKLEARN = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
"""An image that serves what `Storage.put_model` uploads."""


_locations = itertools.count(1)


class Storage:
    """The emulator's base URL, and uploads to it."""

    bucket = "artifacts"

    def __init__(self, host: str) -> None:
        self.host = host
        self._client = storage.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": host},
        )

    def put(self, name: str, content: bytes) -> None:
        self._client.bucket(self.bucket).blob(name).upload_from_string(content)

    def copies(self) -> list[Any]:
        """The files of all models as Vertex AI copied them."""
        return list(self._client.list_blobs(f"{PROJECT}-vertex-ai"))

    def put_model(self, folder: str, model: Any) -> str:
        """Upload `model`, and return its artifact URI."""
        content = io.BytesIO()
        joblib.dump(model, content)
        self.put(f"{folder}/model.joblib", content.getvalue())
        return f"gs://{self.bucket}/{folder}"

    def put_constant(self, value: float) -> str:
        """The artifact URI of a model for the image CONSTANT that predicts `[value, value]`."""
        self.put(f"constant-{value}/constant.json", json.dumps([value, value]).encode())
        return f"gs://{self.bucket}/constant-{value}"


def google_clients(url: str, target: str = "") -> tuple[Any, Any, Any, Any]:
    """Clients of a server for endpoints, models, predictions and pipeline jobs, of REST or, for a
    `target`, of gRPC."""
    kinds = (
        aiplatform_v1.EndpointServiceClient,
        aiplatform_v1.ModelServiceClient,
        aiplatform_v1.PredictionServiceClient,
        aiplatform_v1.PipelineServiceClient,
    )
    channel = grpc.insecure_channel(target) if target else None
    if channel:
        grpc.channel_ready_future(channel).result(20)
    endpoints, models, predictions, jobs = (google_client(kind, url, channel) for kind in kinds)
    return endpoints, models, predictions, jobs


def google_client(kind: Any, url: str, channel: grpc.Channel | None = None) -> Any:
    """A client of that class, of REST or, for a `channel`, of gRPC."""
    if channel:
        return kind(transport=kind.get_transport_class("grpc")(channel=channel))
    options = ClientOptions(api_endpoint=url)
    return kind(transport="rest", credentials=AnonymousCredentials(), client_options=options)


class Vertex(VertexCalls):
    """A running server, Google's clients, and helpers for frequent calls."""

    def __init__(
        self,
        home: Path,
        storage_host: str,
        durations: Durations | None = None,
        bigquery_host: str = "",
        faults: bool = False,
        transport: str = "rest",
        **options: Any,
    ) -> None:
        self.parent = f"projects/{PROJECT_NUMBER}/locations/us-central1"
        self.home = home
        self.clock = ManualClock()
        self._start: Callable[[int], Any] = lambda port: create_app(
            home,
            PROJECT,
            storage_host,
            clock=self.clock,
            durations=durations,
            bigquery_host=bigquery_host,
            faults=faults,
            images=IMAGES,
            **options,
            dedicated_host=f"localhost:{port}",
        )
        self._transport = transport
        self._thread: threading.Thread | None = None
        self.start()

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        app, self.grpc_target = self._start(port), ""
        if self._transport == "grpc":
            with socket.create_server(("127.0.0.1", 0)) as second:
                grpc_port = second.getsockname()[1]
            self.grpc_target = f"127.0.0.1:{grpc_port}"
            routes = [*google_routes(), *cloud_routes()]
            app = GrpcFrontEnd(app, routes, grpc_port, f"127.0.0.1:{port}")
        config = uvicorn.Config(app, log_level="warning", timeout_keep_alive=KEEP_ALIVE_SECONDS)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        clients = google_clients(self.url, self.grpc_target)
        self.endpoints, self.models, self.predictions, self.jobs = clients
        # Without TLS, whose certificates take long to load.
        self.http = httpx.Client(base_url=self.url, trust_env=False, verify=False, timeout=30)

    def stop(self) -> None:
        for client in (self.endpoints, self.models, self.predictions, self.jobs):
            client.transport.close()
        self.http.close()
        self._server.should_exit = True
        assert self._thread is not None
        self._thread.join(20)
        assert not self._thread.is_alive()

    def restart(self) -> None:
        self.stop()
        self.start()

    def finish(self, future: Any, seconds: float = 60) -> Any:
        """The response of the operation after its time; raises its error."""
        self.clock.advance(seconds)
        self.endpoints.wait_operation({"name": future.operation.name})
        return future.result(timeout=10)


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A Cloud Storage emulator with one bucket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.services.guarded", "storage"),
            *("-d", str(tmp_path_factory.mktemp("storage")), "start", "--port", str(port)),
            *("--host", "127.0.0.1", "--default-bucket", Storage.bucket),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "STORAGE_EMULATOR_HOST"},
    )
    try:
        host = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(host, trust_env=False, verify=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, "the storage emulator ended"
                time.sleep(0.05)
        yield Storage(host)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def transport(request: pytest.FixtureRequest) -> str:
    """The transport of Google's clients, `rest` or `grpc`."""
    return str(request.config.getoption("--transport"))


@pytest.fixture
def own_vertex(tmp_path: Path, bucket: Storage, transport: str) -> Iterator[Vertex]:
    """A server for one test, which may restart it."""
    server = Vertex(tmp_path, bucket.host, transport=transport)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def _shared_vertex(
    tmp_path_factory: pytest.TempPathFactory, bucket: Storage, transport: str
) -> Iterator[Vertex]:
    server = Vertex(tmp_path_factory.mktemp("vertex"), bucket.host, transport=transport)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def vertex(_shared_vertex: Vertex) -> Vertex:
    """A shared server, with an empty location for the test."""
    _shared_vertex.parent = f"projects/{PROJECT_NUMBER}/locations/test-{next(_locations)}"
    return _shared_vertex


@pytest.fixture(scope="session")
def _faulty_vertex(
    tmp_path_factory: pytest.TempPathFactory, bucket: Storage, transport: str
) -> Iterator[Vertex]:
    folder = tmp_path_factory.mktemp("faulty")
    server = Vertex(folder, bucket.host, faults=True, transport=transport)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def faulty_vertex(_faulty_vertex: Vertex) -> Vertex:
    """As `vertex`, with faults."""
    _faulty_vertex.parent = f"projects/{PROJECT_NUMBER}/locations/faulty-{next(_locations)}"
    return _faulty_vertex


@pytest.fixture
def faults(_faulty_vertex: Vertex) -> Iterator[Faults]:
    """Faults in `faulty_vertex`, empty before and after the test."""
    found = Faults(_faulty_vertex.url)
    found.clear()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def pair(vertex: Vertex, bucket: Storage) -> tuple[str, str]:
    """An endpoint with version 1 as `1` at 90 % and version 2 as `2` at 10 %; its model."""
    return _pair(vertex, bucket)


@pytest.fixture(scope="session")
def shared_pair(_shared_vertex: Vertex, bucket: Storage) -> tuple[str, str]:
    """As `pair`, but one for all tests, which change nothing of it."""
    _shared_vertex.parent = f"projects/{PROJECT_NUMBER}/locations/shared"
    return _pair(_shared_vertex, bucket)


def _pair(vertex: Vertex, bucket: Storage) -> tuple[str, str]:
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1), model_id="linnerud").model
    vertex.upload(bucket.put_constant(2), parent_model=model)
    vertex.finish(vertex.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))
    vertex.finish(vertex.deploy(endpoint, f"{model}@2", {"1": 90, "0": 10}, id="2"))
    return endpoint, model
