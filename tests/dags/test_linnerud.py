"""The example model: two weeks of the real pipeline, then predictions and Google's clients."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform, bigquery

from sandbox.example import linnerud
from tests.conftest import DAGS_FOLDER, Sandbox
from tests.dags.conftest import Google, Model
from titleholder.data_intervals import last_complete

WEEK = last_complete("0 3 * * 1", datetime.now(UTC))
BODY = {"instances": [[86.6, 91.4, 50]]}


@pytest.fixture(scope="module")
def runs(airflow_home: Path, sandbox: Sandbox, tables: bigquery.Client) -> Any:
    """Example data, and the runs of `linnerud__train` for two consecutive weeks."""
    linnerud.load(tables, datetime.now(UTC))
    example = Model("linnerud", "", tables)
    return [example.run(WEEK.end - timedelta(weeks=back)) for back in (1, 0)]


@pytest.fixture
def url(runs: Any, google: Google) -> str:
    return f"{google.host}/v1/{google.endpoint('linnerud').name}:predict"


def test_both_weeks_succeed(runs: Any) -> None:
    for run in runs:
        assert run.state == "success", run.errors
        assert run.returned["wait_for_pipeline"]["score"] > 80
        assert run.returned["check_freshness"]["outcome"] == "fresh"


def test_champion_and_challenger_share_the_endpoint(runs: Any, google: Google) -> None:
    endpoint = google.endpoint("linnerud")
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    assert dict(endpoint.traffic_split) == {champion: 90, challenger: 10}
    # The name of the run's job, without the role: a role changes, a display name cannot.
    jobs = {run.returned["submit_pipeline"]["job"].rpartition("/")[2] for run in runs}
    assert {deployed.display_name for deployed in endpoint.deployed_models} == jobs
    machines = {s.dedicated_resources.machine_spec.machine_type for s in endpoint.deployed_models}
    assert machines == {"n1-standard-4"}


def test_a_prediction_by_plain_http(url: str, google: Google) -> None:
    answer = httpx.post(url, json=BODY)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "predictions",
        "deployedModelId",
        "model",
        "modelDisplayName",
        "modelVersionId",
    }
    ((chins, situps, jumps),) = body["predictions"]
    # The true values of the first row: 5 chins, 162 sit-ups and 60 jumps.
    assert (chins, situps, jumps) == pytest.approx((5, 162, 60), rel=0.25)
    # Google's resource names have the project number.
    assert body["model"].endswith("/models/linnerud")
    # Google returns the display name of the model, and the version separately.
    assert body["modelDisplayName"] == "linnerud"
    assert body["modelVersionId"] in ("1", "2")


@pytest.mark.parametrize(
    "body", ['{"instances": [[1, 2]]}', '{"instances": [["a", "b", "c"]]}', '{"rows": []}', "{"]
)
def test_a_malformed_request(url: str, body: str) -> None:
    answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == 400
    assert error["status"] in ("INVALID_ARGUMENT", "FAILED_PRECONDITION")
    assert error["message"]


def test_a_thousand_predictions_fit_the_traffic_split(url: str, google: Google) -> None:
    endpoint = google.endpoint("linnerud")
    with httpx.Client() as client:
        seen = Counter(client.post(url, json=BODY).json()["deployedModelId"] for _ in range(1000))
    assert set(seen) == {endpoint.labels["champion"], endpoint.labels["challenger"]}
    # Five standard deviations of a binomial: once in two million runs by chance.
    assert abs(seen[endpoint.labels["challenger"]] - 100) < 5 * math.sqrt(1000 * 0.1 * 0.9)


def test_registry_and_jobs(runs: Any, google: Google) -> None:
    versions = google.versions("linnerud")
    assert {version.version_id for version in versions} == {"1", "2"}
    for job in google.jobs_of("linnerud"):
        full = google.jobs.get_pipeline_job(name=job.name)
        assert full.state.name == "PIPELINE_STATE_SUCCEEDED"
        tasks = {detail.task_name: detail for detail in full.job_detail.task_details}
        assert {"create-dataset", "train", "evaluate", "export-model"} <= set(tasks)
        metrics = tasks["evaluate"].outputs["metrics"].artifacts[0]
        assert metrics.metadata["score"] > 80
        assert metrics.uri.startswith("gs://")
        uri = tasks["export-model"].outputs["model"].artifacts[0].uri
        assert uri in {version.artifact_uri for version in versions}


def test_the_high_level_sdk_sees_the_same(runs: Any, sandbox: Sandbox, google: Google) -> None:
    aiplatform.init(
        project=sandbox.env["GOOGLE_CLOUD_PROJECT"],
        location=sandbox.env["GOOGLE_CLOUD_LOCATION"],
        api_endpoint=sandbox.env["VERTEX_AI_EMULATOR_HOST"],
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    (endpoint,) = aiplatform.Endpoint.list(filter='display_name="linnerud"')
    assert sorted(endpoint.traffic_split.values()) == [10, 90]
    for deployed in endpoint.list_models():
        assert re.fullmatch(r"linnerud-\d{8}t0300-\d{8}t0300-g0", deployed.display_name)
    answer = endpoint.predict(BODY["instances"])
    assert len(answer.predictions[0]) == 3
    assert answer.deployed_model_id in endpoint.traffic_split
    registry = aiplatform.ModelRegistry("linnerud")
    assert {info.version_id for info in registry.list_versions()} == {"1", "2"}


@pytest.fixture
def cautious(tables: bigquery.Client) -> Iterator[Model]:
    """The example with a greater `min_rows` than it has rows: their number since Monday, and so the
    verdict, depends on the day of the test."""
    path = DAGS_FOLDER / "models" / "linnerud.yaml"
    text = path.read_text()
    example = Model("linnerud", "", tables)
    example.configure("duel", min_rows=10**6)
    yield example
    path.write_text(text)


def test_the_challenger_is_evaluated_by_the_real_duel(
    runs: Any, google: Google, cautious: Model
) -> None:
    before = google.endpoint("linnerud")
    evaluated = cautious.run(None, dag="rollout")
    assert evaluated.state == "success", evaluated.errors
    assert evaluated.tasks["update_traffic"] == "skipped"
    assert evaluated.returned["decide"]["outcome"] == "hold", evaluated.returned["decide"]["reason"]
    evidence = evaluated.returned["wait_for_duel"]["evidence"]
    assert evidence["primary_target"] == "chins"
    assert (
        evidence["champion_invalid_predictions"] == evidence["challenger_invalid_predictions"] == 0
    )
    assert evidence["window_start"] == f"{WEEK.end:%Y-%m-%dT%H:%M:%SZ}"
    assert evidence["champion"]["uri"] != evidence["challenger"]["uri"]
    assert google.endpoint("linnerud") == before
