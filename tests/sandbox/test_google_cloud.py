"""Unmodified programs: Google's clients with their own addresses, transports and credentials."""

import asyncio
import logging
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import joblib
import pandas as pd
import pytest
import requests
from google.api_core import exceptions
from google.cloud import aiplatform, aiplatform_v1, bigquery, logging_v2, resourcemanager, storage
from kfp import compiler, dsl
from sklearn.linear_model import LinearRegression

from sandbox.google_cloud import GoogleCloud, google_cloud
from sandbox.state import PROJECT_NUMBER
from sandbox.vertex.http.resource_names import new_id
from tests.conftest import CONSTANT, IMAGES

PROJECT = "unmodified"
LOCATION = "europe-west4"


@pytest.fixture(scope="module")
def cloud() -> Iterator[GoogleCloud]:
    with google_cloud(PROJECT, LOCATION, images=IMAGES) as found:
        aiplatform.init(project=PROJECT, location=LOCATION)
        yield found


@pytest.fixture
def artifact(tmp_path: Path) -> str:
    """The local folder of a model that predicts [1, 1]."""
    (tmp_path / "constant.json").write_text("[1, 1]")
    return str(tmp_path)


def upload(artifact: str, **more: Any) -> aiplatform.Model:
    return aiplatform.Model.upload(
        display_name="unmodified",
        artifact_uri=artifact,
        serving_container_image_uri=CONSTANT,
        **more,
    )


@pytest.mark.usefixtures("cloud")
def test_a_local_model_is_uploaded_deployed_and_predicts(artifact: str) -> None:
    model = upload(artifact)
    # From the SDK's default staging bucket, whose owner it checks.
    assert model.uri.startswith(f"gs://{PROJECT}-vertex-staging-{LOCATION}")
    endpoint = model.deploy(machine_type="n1-standard-2")
    assert endpoint.predict([[1.0, 2.0, 3.0]]).predictions == [[1, 1]]
    # The SDK builds the addresses of these by itself.
    raw = endpoint.raw_predict(b'{"instances": [[1, 2, 3]]}', {"Content-Type": "application/json"})
    assert raw.json() == {"predictions": [[1, 1]]}
    assert asyncio.run(endpoint.predict_async([[1.0, 2.0, 3.0]])).predictions == [[1, 1]]

    dedicated = aiplatform.Endpoint.create(display_name="own", dedicated_endpoint_enabled=True)
    model.deploy(dedicated, machine_type="n1-standard-2")
    assert dedicated.predict([[1.0, 2.0, 3.0]], use_dedicated_endpoint=True).predictions == [[1, 1]]
    for one in (endpoint, dedicated):
        one.delete(force=True)


# The SDK's simple view warns by a method that Python deprecates.
@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning")
@pytest.mark.usefixtures("cloud")
def test_a_pipeline_is_submitted_without_a_bucket(tmp_path: Path) -> None:
    @dsl.component(base_image="python:3.11")
    def add(one: int) -> int:
        return one + 1

    @dsl.pipeline(name="unmodified")
    def pipeline(one: int = 1) -> None:
        add(one=one)

    path = str(tmp_path / "pipeline.yaml")
    compiler.Compiler().compile(pipeline, path)
    job = aiplatform.PipelineJob("unmodified", path, parameter_values={"one": 2})
    job.submit()
    assert job._gca_resource.service_account.startswith(PROJECT_NUMBER)
    job.wait()
    (task,) = [task for task in job.task_details if task.task_name == "add"]
    assert task.execution.metadata["output:Output"] == 3
    assert [one.name for one in aiplatform.PipelineJob.list(enable_simple_view=True)] == [job.name]


# BigQuery's clients recommend another package.
@pytest.mark.filterwarnings("ignore:.*google-cloud-bigquery:PendingDeprecationWarning")
@pytest.mark.usefixtures("cloud")
def test_tables_and_objects_of_any_size() -> None:
    tables, buckets = bigquery.Client(), storage.Client()
    assert google.auth.default()[1] == tables.project == buckets.project == PROJECT
    tables.create_dataset("unmodified")
    rows = pd.DataFrame({"id": range(20_000), "text": "x"})
    tables.load_table_from_dataframe(rows, "unmodified.rows").result()
    # Results of queries are read by the Storage API.
    read = tables.query("SELECT id, text FROM unmodified.rows ORDER BY id").to_dataframe()
    pd.testing.assert_frame_equal(read, rows, check_dtype=False)

    content = os.urandom(9_000_000)  # larger than what is uploaded in one request
    blob = buckets.create_bucket("unmodified").blob("large")
    blob.upload_from_string(content)
    assert blob.download_as_bytes() == content
    assert blob.media_link.startswith("https://storage.googleapis.com/")
    assert str(buckets.get_bucket("unmodified").project_number) == PROJECT_NUMBER
    address = blob.generate_signed_url(expiration=60, version="v4")
    assert address.startswith("https://storage.googleapis.com/unmodified/large?")


@pytest.mark.usefixtures("cloud")
def test_projects_and_log_entries() -> None:
    projects = resourcemanager.ProjectsClient()
    found = projects.get_project(name=f"projects/{PROJECT}")
    assert (found.name, found.project_id) == (f"projects/{PROJECT_NUMBER}", PROJECT)
    assert projects.get_project(name=found.name) == found
    with pytest.raises(exceptions.PermissionDenied, match="this sandbox is the project"):
        projects.get_project(name="projects/another-project")

    client = logging_v2.Client()
    logger = client.logger("unmodified")
    logger.log_text("first", severity="INFO", insert_id=new_id())
    logger.log_struct({"second": 2}, severity="ERROR", labels={"a": "b"})
    handler = logging_v2.handlers.CloudLoggingHandler(client, name="unmodified")
    record = logging.LogRecord("name", logging.WARNING, "file", 1, "third", None, None)
    handler.handle(record)
    handler.transport.worker.stop()
    entries = list(client.list_entries(filter_="severity >= WARNING", order_by="timestamp"))
    assert [entry.severity for entry in entries] == ["ERROR", "WARNING"]
    assert entries[0].payload == {"second": 2}
    with pytest.raises(exceptions.InvalidArgument, match="'loud' is not a severity"):
        list(client.list_entries(filter_="severity = loud"))
    logger.delete()
    with pytest.raises(exceptions.NotFound, match="has no entries"):
        logger.delete()


@pytest.mark.usefixtures("cloud")
def test_what_the_sandbox_lacks_is_refused_in_a_sentence() -> None:
    with pytest.raises(requests.exceptions.ProxyError, match=r"does not have compute\.googleapis"):
        requests.get("https://compute.googleapis.com/", timeout=30)
    answer = requests.post(
        "https://oauth2.googleapis.com/token", {"grant_type": "refresh_token"}, timeout=30
    )
    assert answer.status_code == 400
    assert "its service account only" in answer.json()["error_description"]
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateDataset is not in the sandb"):
        aiplatform.TabularDataset.create("none", bq_source="bq://a.b.c")
    jobs = aiplatform_v1.PipelineServiceClient(
        client_options={"api_endpoint": f"{LOCATION}-aiplatform.googleapis.com"}
    )
    with pytest.raises(exceptions.InvalidArgument, match="Invalid name 'x' in get_pipeline_job"):
        jobs.get_pipeline_job(name="x")


@pytest.mark.usefixtures("cloud")
def test_the_gateway_is_a_proxy_for_https_alone() -> None:
    gateway = os.environ["HTTPS_PROXY"]
    # What a web page could send.
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(method, gateway, proxies={"http": ""}, timeout=30)
        assert answer.status_code == 405
        assert "proxy for https alone" in answer.reason
    for secret in ("GOOGLE_APPLICATION_CREDENTIALS", "SSL_CERT_FILE"):
        assert stat.S_IMODE(Path(os.environ[secret]).stat().st_mode) == 0o600
    key = Path(os.environ["SSL_CERT_FILE"]).with_name("authority.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.usefixtures("cloud")
def test_other_hosts_are_reached_by_a_tunnel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        host, _, proxy = os.environ["HTTPS_PROXY"].removeprefix("http://").partition(":")
        with socket.create_connection((host, int(proxy)), timeout=30) as client:
            client.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
            assert client.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"
        thread.join(30)
        assert not thread.is_alive()


def test_a_trained_model_by_the_prebuilt_container(cloud: GoogleCloud, tmp_path: Path) -> None:
    joblib.dump(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), tmp_path / "model.joblib")
    model = aiplatform.Model.upload_scikit_learn_model_file(
        model_file_path=str(tmp_path / "model.joblib"), sklearn_version="1.6", display_name="sk"
    )
    endpoint = model.deploy(machine_type="n1-standard-2")
    assert endpoint.predict([[3.0]]).predictions == [pytest.approx(3.0)]
    endpoint.delete(force=True)
    assert cloud.vertex_ai.startswith("http://127.0.0.1:")
