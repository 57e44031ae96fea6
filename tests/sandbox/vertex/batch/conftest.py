"""A local Vertex AI with BigQuery, and calls of its batch prediction jobs."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, bigquery, storage

from tests.sandbox.conftest import CONSTANT, MACHINE, PROJECT, Storage, Vertex
from tests.sandbox.vertex.prediction.model_servers import behaviour
from tests.waiting import until

_folders = itertools.count(1)
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")


class Jobs:
    """Jobs of one server; `model` is one whose predictions are its instances and parameters."""

    def __init__(self, vertex: Vertex, bucket: Storage, bigquery_host: str) -> None:
        self.vertex, self.bucket = vertex, bucket
        anonymous: dict[str, Any] = {"project": PROJECT, "credentials": AnonymousCredentials()}
        self.tables = bigquery.Client(client_options={"api_endpoint": bigquery_host}, **anonymous)
        self.storage = storage.Client(client_options={"api_endpoint": bucket.host}, **anonymous)
        self.connect()
        self.model = self.upload("mirror")

    def connect(self) -> None:
        """A client by the transport of the server's other clients."""
        kind: Any = aiplatform_v1.JobServiceClient
        if self.vertex.jobs.transport.kind == "grpc":
            channel = self.vertex.jobs.transport.grpc_channel
            self.client = kind(transport=kind.get_transport_class("grpc")(channel=channel))
            return
        self.client = kind(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.vertex.url},
        )

    def close(self) -> None:
        self.client.transport.close()
        self.tables.close()
        self.storage.close()

    def upload(self, kind: str, artifact: str = "", **env: str) -> str:
        container = {"image_uri": CONSTANT, **behaviour(kind, **env)}
        model = {"display_name": "a model", "container_spec": container}
        return str(self.vertex.upload(artifact, model=model).model)

    def create(
        self, inputs: Any, output: Any = None, replicas: int = 1, batch: int = 0, **fields: Any
    ) -> Any:
        """Create a job, by default with the output in JSON Lines."""
        job = {
            "display_name": "nightly",
            "model": self.model,
            "input_config": inputs,
            "output_config": output or files("jsonl"),
            "dedicated_resources": {
                "machine_spec": MACHINE["machine_spec"],
                "starting_replica_count": replicas,
            },
            "manual_batch_tuning_parameters": {"batch_size": batch},
            **fields,
        }
        # The names of the outputs have the time.
        self.vertex.clock.advance(1)
        return self.client.create_batch_prediction_job(
            parent=self.vertex.parent, batch_prediction_job=job
        )

    def get(self, name: str) -> Any:
        return self.client.get_batch_prediction_job(name=name)

    def reaches(self, name: str, *states: str) -> Any:
        """The job when it has one of these states."""
        until(lambda: self.get(name).state.name in states, f"{name} to be {states}")
        return self.get(name)

    def run(self, *arguments: Any, **keywords: Any) -> Any:
        """Create a job, and wait for its end."""
        return self.reaches(self.create(*arguments, **keywords).name, *ENDED)

    def texts(self, job: Any, kind: str = "results") -> list[str]:
        """The contents of the output's files of a kind, by name."""
        directory = job.output_info.gcs_output_directory.removeprefix("gs://")
        bucket, _, path = directory.partition("/")
        prefix = f"{path}/prediction.{kind}-"
        return [blob.download_as_text() for blob in self.storage.list_blobs(bucket, prefix=prefix)]

    def lines(self, job: Any, kind: str = "results") -> list[Any]:
        """The lines of an output in JSON Lines."""
        return [json.loads(line) for text in self.texts(job, kind) for line in text.splitlines()]

    def rows(self, job: Any, kind: str = "predictions") -> list[dict[str, Any]]:
        """The rows of an output in BigQuery."""
        dataset, table = job.output_info.bigquery_output_dataset, job.output_info
        name = table.bigquery_output_table.replace("predictions", kind)
        found = self.tables.list_rows(f"{dataset.removeprefix('bq://')}.{name}")
        return [dict(row) for row in found]


def objects(format_: str, *names: str) -> dict[str, Any]:
    """An input in the bucket of the artifacts."""
    uris = [f"gs://{Storage.bucket}/{name}" for name in names]
    return {"gcs_source": {"uris": uris}, "instances_format": format_}


def files(format_: str) -> dict[str, Any]:
    """An output in a folder of its own in that bucket."""
    prefix = f"gs://{Storage.bucket}/out/{next(_folders)}"
    return {"gcs_destination": {"output_uri_prefix": prefix}, "predictions_format": format_}


def table(name: str) -> dict[str, Any]:
    """An input in BigQuery."""
    uri = f"bq://{PROJECT}.{name}"
    return {"bigquery_source": {"input_uri": uri}, "instances_format": "bigquery"}


def tables(name: str = "") -> dict[str, Any]:
    """An output in BigQuery."""
    uri = f"bq://{PROJECT}{name and '.'}{name}"
    return {"bigquery_destination": {"output_uri": uri}, "predictions_format": "bigquery"}


@pytest.fixture(scope="module")
def jobs(
    sandbox: Any, bucket: Storage, transport: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jobs]:
    """A server for the tests of a file."""
    yield from serve(sandbox, bucket, transport, tmp_path_factory.mktemp("batch"))


@pytest.fixture
def own_jobs(sandbox: Any, bucket: Storage, transport: str, tmp_path: Path) -> Iterator[Jobs]:
    """A server for one test, which may restart it."""
    yield from serve(sandbox, bucket, transport, tmp_path)


def serve(sandbox: Any, bucket: Storage, transport: str, home: Path) -> Iterator[Jobs]:
    host = sandbox.env["BIGQUERY_EMULATOR_HOST"]
    server = Vertex(home, bucket.host, bigquery_host=host, transport=transport)
    try:
        made = Jobs(server, bucket, host)
        try:
            yield made
        finally:
            made.close()
    finally:
        server.stop()
