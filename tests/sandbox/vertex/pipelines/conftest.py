"""A running PipelineService with its own Cloud Storage emulator, and one over HTTP."""

import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, storage
from google.cloud.aiplatform.pipeline_jobs import _set_enable_caching_value
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from sandbox.containers.catalog import Catalog
from sandbox.services.processes import started_at
from sandbox.vertex.app import KEEP_ALIVE_SECONDS, create_app
from sandbox.vertex.clock import utc_now
from sandbox.vertex.context import Context
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.operations.lifecycle import Operations
from sandbox.vertex.pipelines.api.service import PipelineService
from sandbox.vertex.store import Store
from tests.conftest import REPOSITORY
from tests.sandbox.vertex.pipelines import samples
from tests.waiting import until

PARENT = "projects/123456789/locations/us-central1"
BUCKET = "pipelines-test"
_FINAL = {
    types.PipelineState.PIPELINE_STATE_SUCCEEDED,
    types.PipelineState.PIPELINE_STATE_FAILED,
    types.PipelineState.PIPELINE_STATE_CANCELLED,
}


@dataclass
class Bench:
    """A PipelineService with helpers for tests."""

    service: PipelineService
    home: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def request(
        self,
        pipeline: Any,
        job_id: str | None = None,
        caching: bool | None = False,
        **parameters: Any,
    ) -> types.CreatePipelineJobRequest:
        """A valid request; the parameters are converted to a Struct, as over HTTP.

        `caching` is the SDK's enable_caching. It is off by default, so that tests do not use
        results of earlier tests.
        """
        job = types.PipelineJob(
            display_name="a test",
            labels={"team": "data"},
            runtime_config={"gcs_output_directory": f"gs://{BUCKET}/root/"},
        )
        message = types.PipelineJob.pb(job)
        spec = json.loads(samples.compiled(pipeline))
        if caching is not None:
            _set_enable_caching_value(spec, caching)
        json_format.ParseDict(spec, message.pipeline_spec)
        for name, value in parameters.items():
            json_format.ParseDict(value, message.runtime_config.parameter_values[name])
        if job_id is None:
            job_id = f"job-{next(self.numbers)}"
        return types.CreatePipelineJobRequest(
            parent=PARENT, pipeline_job=job, pipeline_job_id=job_id
        )

    def submit(self, pipeline: Any, **parameters: Any) -> Any:
        """Create a job."""
        return self.service.create_pipeline_job(self.request(pipeline, **parameters))

    def get(self, job: Any) -> Any:
        """The current job."""
        return self.service.get_pipeline_job(types.GetPipelineJobRequest(name=job.name))

    def cancel(self, job: Any) -> None:
        """Cancel a job."""
        self.service.cancel_pipeline_job(types.CancelPipelineJobRequest(name=job.name))

    def wait(self, job: Any) -> Any:
        """Wait for the end of a job, and return it."""
        return until(
            lambda: (now := self.get(job)).state in _FINAL and now, f"the end of {job.name}"
        )

    def run(self, pipeline: Any, **parameters: Any) -> Any:
        """Create a job and wait for its end."""
        return self.wait(self.submit(pipeline, **parameters))


@dataclass
class Server:
    """A local Vertex AI over HTTP, with Google's generated client for it."""

    url: str
    client: aiplatform_v1.PipelineServiceClient

    def wait(self, job: Any) -> Any:
        """Wait for the end of a job, and return it."""
        return until(
            lambda: (now := self.client.get_pipeline_job(name=job.name)).end_time and now,
            f"the end of {job.name}",
        )

    def run(self, request: types.CreatePipelineJobRequest) -> Any:
        """Create a job, wait for its end, and return it; it must succeed."""
        job = self.wait(self.client.create_pipeline_job(request))
        errors = [f"{one.task_name}: {one.error.message}" for one in job.job_detail.task_details]
        assert job.state == types.PipelineState.PIPELINE_STATE_SUCCEEDED, errors
        return job


def context(store: Store) -> Context:
    """A context with the time of day, which is the clock of child processes, too."""
    operations = Operations(store, utc_now)
    return Context(store, utc_now, Names("titleholder", "123456789"), operations)


def tasks(job: Any, name: str) -> list[Any]:
    """The tasks with that name, in the order in which they were created."""
    return [one for one in job.job_detail.task_details if one.task_name == name]


def output(job: Any, name: str) -> Any:
    """The parameter `Output` of the only task with that name."""
    return task(job, name).execution.metadata["output:Output"]


def outputs(job: Any, name: str) -> list[Any]:
    """The parameter `Output` of all tasks with that name, sorted."""
    return sorted(one.execution.metadata["output:Output"] for one in tasks(job, name))


def task(job: Any, name: str) -> Any:
    """The only task with that name."""
    found = [one for one in job.job_detail.task_details if one.task_name == name]
    assert len(found) == 1, [one.task_name for one in job.job_detail.task_details]
    return found[0]


@pytest.fixture(scope="session")
def cloud_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[storage.Client]:
    """Google's client of an emulator with one bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    program = [sys.executable, "-m", "sandbox.services.guarded", "storage"]
    folder = tmp_path_factory.mktemp("gcs")
    where = ["--host", "127.0.0.1", "--port", port, "--default-bucket", BUCKET]
    emulator = subprocess.Popen(
        [*program, "-d", folder, "start", *where],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    host = f"http://127.0.0.1:{port}"

    def responds() -> bool:
        try:
            return requests.get(f"{host}/storage/v1/b/{BUCKET}", timeout=5).ok
        except requests.ConnectionError:
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", host)
        try:
            until(responds, "the storage emulator")
            yield storage.Client("titleholder", AnonymousCredentials())
        finally:
            emulator.terminate()
            emulator.wait()


@pytest.fixture(scope="module")
def bench(
    cloud_storage: storage.Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A running service for all tests of a file."""
    home = tmp_path_factory.mktemp("vertex")
    store = Store(home / "vertex.sqlite")
    service = PipelineService(context(store), home / "pipelines", Catalog())
    yield Bench(service, home / "pipelines")
    service.close()
    store.close()


@pytest.fixture(scope="module")
def server(
    cloud_storage: storage.Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The app over HTTP, and Google's generated client for it."""
    host = str(cloud_storage._connection.API_BASE_URL)
    app = create_app(tmp_path_factory.mktemp("vertex"), "titleholder", host, number="123456789")
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_keep_alive=KEEP_ALIVE_SECONDS)
    )
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    client = aiplatform_v1.PipelineServiceClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": url},
    )
    until(lambda: running.started, "the server")
    yield Server(url, client)
    client.transport.close()
    running.should_exit = True
    thread.join()


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return not Path("/proc").exists() and started_at(pid) is not None
    return status.rpartition(")")[2].split()[0] != "Z"


def pid_in(path: Path) -> int:
    """The pid that a component wrote to a file."""
    until(path.exists, f"{path.name} to be written")
    return int(path.read_text())
