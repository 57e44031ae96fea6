"""Request-response logging: an endpoint's predictions as rows in BigQuery."""

import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform, aiplatform_v1, bigquery
from scipy.stats import binom

from sandbox.vertex.prediction.destination import Destination
from sandbox.vertex.prediction.request_log import Entry, RequestLog
from sandbox.vertex.prediction.tables import Tables
from tests.conftest import IMAGES, run_sandbox
from tests.sandbox.conftest import CONSTANT, MACHINE, PROJECT, Storage, Vertex
from tests.waiting import until

ROW = [86.6, 91.4, 50]
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def config(uri: str = "", rate: float = 1, enabled: bool = True) -> dict[str, Any]:
    return {
        "enabled": enabled,
        "sampling_rate": rate,
        "bigquery_destination": {"output_uri": uri},
    }


@pytest.fixture
def bq(sandbox: Any) -> Iterator[bigquery.Client]:
    """BigQuery's client; the datasets are emptied first."""
    client = bigquery.Client(
        PROJECT,
        AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    for dataset in client.list_datasets():
        client.delete_dataset(dataset, delete_contents=True)
    client.create_dataset("logs")
    yield client
    client.close()


@pytest.fixture
def logged(tmp_path: Any, bucket: Any, sandbox: Any) -> Iterator[Vertex]:
    """A local Vertex AI with BigQuery."""
    server = Vertex(tmp_path, bucket.host, bigquery_host=sandbox.env["BIGQUERY_EMULATOR_HOST"])
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        listener.settimeout(20)
        yield listener


def url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def serve(vertex: Vertex, bucket: Any, **fields: Any) -> str:
    """An endpoint where models 1 and 2 share the traffic, and predict their number."""
    endpoint = vertex.endpoint(**fields).name
    model = vertex.upload(bucket.put_constant(1)).model
    vertex.upload(bucket.put_constant(2), parent_model=model)
    vertex.finish(vertex.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))
    vertex.finish(vertex.deploy(endpoint, f"{model}@2", {"1": 50, "0": 50}, id="2"))
    return endpoint


def predict(vertex: Vertex, endpoint: str, *instances: Any) -> Any:
    answer = vertex.http.post(
        f"/v1/{endpoint}:predict", json={"instances": list(instances) or [ROW]}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def set_logging(vertex: Vertex, endpoint: str, **fields: Any) -> None:
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "predict_request_response_logging_config": config(**fields)},
        update_mask={"paths": ["predict_request_response_logging_config"]},
    )


def rows(bq: bigquery.Client, table: str, count: int = 1) -> list[dict[str, Any]]:
    """The rows of a table when it has at least `count`."""

    def read() -> list[dict[str, Any]]:
        try:
            found = [dict(row) for row in bq.query(f"SELECT * FROM `{table}`").result()]
        except (exceptions.NotFound, exceptions.Forbidden):
            return []  # The emulator raises the latter for a missing dataset.
        return found if len(found) >= count else []

    # A query costs BigQuery more than what is tested here.
    return until(read, "the logged rows", pause=0.2)


def test_a_prediction_is_logged_as_a_row(logged: Vertex, bucket: Any, bq: bigquery.Client) -> None:
    endpoint = serve(
        logged, bucket, predict_request_response_logging_config=config("bq://demo.logs.answers")
    )
    answer = predict(logged, endpoint, ROW, [1, 2.5, -3])
    (row,) = rows(bq, "demo.logs.answers")
    request_id = row.pop("request_id")
    assert request_id == int(request_id) > 0
    assert [json.loads(text) for text in row.pop("response_payload")] == answer["predictions"]
    assert [json.loads(text) for text in row.pop("request_payload")] == [ROW, [1, 2.5, -3]]
    assert row == {
        "endpoint": endpoint,
        "deployed_model_id": answer["deployedModelId"],
        "logging_time": logged.clock(),
    }
    assert [
        (field.name, field.field_type, field.mode)
        for field in bq.get_table("demo.logs.answers").schema
    ] == [
        ("endpoint", "STRING", "NULLABLE"),
        ("deployed_model_id", "STRING", "NULLABLE"),
        ("logging_time", "TIMESTAMP", "NULLABLE"),
        ("request_id", "NUMERIC", "NULLABLE"),
        ("request_payload", "STRING", "REPEATED"),
        ("response_payload", "STRING", "REPEATED"),
    ]


def test_each_successful_prediction_is_logged_once(
    logged: Vertex, bucket: Any, bq: bigquery.Client
) -> None:
    endpoint = serve(
        logged, bucket, predict_request_response_logging_config=config("bq://demo.logs.answers")
    )
    given = []
    for number in range(60):
        logged.clock.advance(1)
        given.append((number, predict(logged, endpoint, [number, 0, 0])["deployedModelId"]))
        failed = logged.http.post(f"/v1/{endpoint}:predict", json={"instances": [[number]]})
        assert failed.status_code == 400
    logged.stop()  # The stop writes the queue.
    logged.start()
    stored = rows(bq, "demo.logs.answers", 60)
    stored.sort(key=lambda row: row["logging_time"])
    assert [
        (json.loads(row["request_payload"][0])[0], row["deployed_model_id"]) for row in stored
    ] == given
    assert len({row["request_id"] for row in stored}) == 60
    assert stored[-1]["logging_time"] - stored[0]["logging_time"] == timedelta(seconds=59)


def test_logging_is_turned_on_and_off_immediately(
    logged: Vertex, bucket: Any, bq: bigquery.Client
) -> None:
    endpoint = serve(logged, bucket)
    for number in range(6):
        on = number % 2 == 1
        set_logging(logged, endpoint, uri="bq://demo.logs.answers", enabled=on)
        for _ in range(3):
            predict(logged, endpoint, [number, 0, 0])
    logged.stop()
    logged.start()
    stored = [json.loads(row["request_payload"][0])[0] for row in rows(bq, "demo.logs.answers")]
    assert sorted(stored) == [1, 1, 1, 3, 3, 3, 5, 5, 5]


def test_a_sample_is_logged(logged: Vertex, bucket: Any, bq: bigquery.Client) -> None:
    endpoint = serve(logged, bucket)
    set_logging(logged, endpoint, uri="bq://demo.logs.answers", rate=0.2)
    for _ in range(200):
        predict(logged, endpoint)
    logged.stop()
    logged.start()
    stored = rows(bq, "demo.logs.answers")
    low, high = binom.ppf([5e-7, 1 - 5e-7], 200, 0.2)
    assert low <= len(stored) <= high
    # The sample is unbiased: each model has half of it.
    low, high = binom.ppf([5e-7, 1 - 5e-7], len(stored), 0.5)
    assert low <= sum(row["deployed_model_id"] == "1" for row in stored) <= high


@pytest.mark.parametrize(
    ("uri", "table"),
    [
        ("", "demo.logging_Lin_nerud__1__logged_here.request_response_logging"),
        ("bq://demo", "demo.logging_Lin_nerud__1__logged_here.request_response_logging"),
        ("bq://demo.logs", "demo.logs.request_response_logging"),
    ],
)
def test_default_names(
    logged: Vertex, bucket: Any, bq: bigquery.Client, uri: str, table: str
) -> None:
    endpoint = logged.endpoint("logged-here", display_name="Lin-nerud (1)").name
    model = logged.upload(bucket.put_constant(1)).model
    logged.finish(logged.deploy(endpoint, model, {"0": 100}, id="1"))
    set_logging(logged, endpoint, uri=uri)
    predict(logged, endpoint)
    assert len(rows(bq, table)) == 1


def test_logging_enabled_by_the_sdk(logged: Vertex, bucket: Any, bq: bigquery.Client) -> None:
    aiplatform.init(
        project=PROJECT,
        location="us-central1",
        api_endpoint=logged.url,
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    endpoint = aiplatform.Endpoint.create(
        display_name="sdk",
        endpoint_id="sdk",
        enable_request_response_logging=True,
        request_response_logging_sampling_rate=1.0,
        sync=False,
    )
    until(lambda: logged.clock.advance(60) or endpoint._resource_is_available, "the endpoint")
    model = logged.upload(bucket.put_constant(1)).model
    logged.finish(logged.deploy(endpoint.resource_name, model, {"0": 100}, id="1"))
    answer = endpoint.predict([ROW])
    (row,) = rows(bq, "demo.logging_sdk_sdk.request_response_logging")
    assert [json.loads(text) for text in row["response_payload"]] == answer.predictions


def test_a_table_that_cannot_be_written_is_reported_once(
    logged: Vertex, bucket: Any, bq: bigquery.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The docs of BigQueryDestination: a named dataset must exist."""
    endpoint = serve(
        logged, bucket, predict_request_response_logging_config=config("bq://demo.absent.answers")
    )
    with caplog.at_level(logging.WARNING, "sandbox.vertex.prediction.request_log"):
        predict(logged, endpoint)
        until(lambda: caplog.records, "a warning")
        for _ in range(20):
            predict(logged, endpoint)
        assert len(caplog.records) == 1
        assert "demo.absent.answers cannot be written" in caplog.text
        bq.create_dataset("absent")

        def has_recovered() -> bool:
            predict(logged, endpoint)
            return len(caplog.records) > 1

        until(has_recovered, "the recovery")
        assert "again" in caplog.records[1].getMessage()
        lost = caplog.records[1].args[1]  # type: ignore[index]
        assert isinstance(lost, int)
        assert lost >= 1
        logged.stop()
        assert f"{lost} predictions were not logged" in caplog.records[-1].getMessage()
        assert len(caplog.records) == 3
    logged.start()
    assert rows(bq, "demo.absent.answers")


def test_a_bigquery_that_hangs_delays_no_prediction(
    tmp_path: Any, bucket: Any, silent: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    vertex = Vertex(tmp_path, bucket.host, bigquery_host=url(silent))
    try:
        endpoint = serve(
            vertex, bucket, predict_request_response_logging_config=config("bq://demo.a.b")
        )
        predict(vertex, endpoint)
        with silent.accept()[0]:  # From now on the writer waits for a response.
            for _ in range(100):
                predict(vertex, endpoint)
            assert not caplog.records
            silent.close()
    finally:
        vertex.stop()
    assert "101 predictions were not logged" in caplog.text


def test_a_full_queue_drops_and_counts_entries(
    silent: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    destination = Destination("demo.logs", "answers", False, 1)

    def entry(size: int = 10) -> Entry:
        return Entry(destination, "e", "1", NOW, [ROW], [[1.0]], size)

    log = RequestLog(Tables(url(silent), PROJECT), most_entries=4, most_bytes=100)
    log.put(entry())
    with silent.accept()[0]:
        for _ in range(7):
            log.put(entry())
        assert log.lost == 3
        silent.close()
    log.close()
    assert log.lost == 8
    small = RequestLog(None, most_entries=1000, most_bytes=100)
    small.put(entry(90))
    small.put(entry(11))
    assert small.lost == 1
    small.put(entry(10))
    small.close()
    assert small.lost == 3
    assert len([one for one in caplog.messages if "faster" in one]) == 2


def test_the_largest_predictions_are_written_in_batches(
    bq: bigquery.Client, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than BigQuery accepts (10 MB) or recommends (500 rows) per request."""
    # On any machine, however slow.
    monkeypatch.setattr("sandbox.vertex.prediction.request_log._CLOSE_SECONDS", 300)
    log = RequestLog(Tables(sandbox.env["BIGQUERY_EMULATOR_HOST"], PROJECT))
    big = ["x" * 1_400_000]
    for number in range(12):
        destination = Destination("demo.logs", f"table{number % 2}", False, 1)
        log.put(Entry(destination, "e", str(number), NOW, big, [[1.0]], 1_400_000))
    for number in range(12, 1212):
        destination = Destination("demo.logs", f"table{number % 2}", False, 1)
        log.put(Entry(destination, "e", str(number), NOW, [ROW], [[1.0]], 30))
    log.close()
    assert log.lost == 0
    for parity in range(2):
        query = f"SELECT deployed_model_id AS id FROM logs.table{parity}"
        stored = sorted(int(row.id) for row in bq.query(query).result())
        assert stored == list(range(parity, 1212, 2))


@pytest.mark.long
def test_remaining_entries_are_written_before_bigquery_stops(tmp_path: Path) -> None:
    """`down` right after the last prediction, in a separate sandbox."""
    project = "demo-project"

    def up() -> dict[str, str]:
        started = run_sandbox(
            tmp_path,
            *("up", "--project", project, "--deploy-seconds", "0", "--images", str(IMAGES)),
        )
        assert started.returncode == 0, started.stdout + started.stderr
        return dict(line.split("=", 1) for line in (tmp_path / "sandbox.env").read_text().split())

    try:
        env = up()
        storage = Storage(env["STORAGE_EMULATOR_HOST"])
        storage.bucket = f"{project}-titleholder"
        options: dict[str, Any] = {
            "transport": "rest",
            "credentials": AnonymousCredentials(),
            "client_options": {"api_endpoint": env["VERTEX_AI_EMULATOR_HOST"]},
        }
        parent = f"projects/{project}/locations/{env['GOOGLE_CLOUD_LOCATION']}"
        with (
            aiplatform_v1.EndpointServiceClient(**options) as endpoints,
            aiplatform_v1.ModelServiceClient(**options) as models,
            aiplatform_v1.PredictionServiceClient(**options) as predictions,
        ):
            model = {
                "display_name": "one",
                "artifact_uri": storage.put_constant(1),
                "container_spec": {"image_uri": CONSTANT},
            }
            uploaded = models.upload_model(parent=parent, model=model).result(timeout=60)
            endpoint = endpoints.create_endpoint(
                parent=parent,
                endpoint={
                    "display_name": "one",
                    "predict_request_response_logging_config": config(),
                },
                endpoint_id="one",
            ).result(timeout=60)
            endpoints.deploy_model(
                endpoint=endpoint.name,
                deployed_model={"model": uploaded.model, "dedicated_resources": MACHINE},
                traffic_split={"0": 100},
            ).result(timeout=60)
            for _ in range(50):
                predictions.predict(endpoint=endpoint.name, instances=[ROW])
        run_sandbox(tmp_path, "down")
        env = up()
        with bigquery.Client(
            project,
            AnonymousCredentials(),
            client_options={"api_endpoint": env["BIGQUERY_EMULATOR_HOST"]},
        ) as client:
            assert len(rows(client, f"{project}.logging_one_one.request_response_logging")) == 50
    finally:
        run_sandbox(tmp_path, "down")
