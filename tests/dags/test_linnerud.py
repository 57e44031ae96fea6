"""The example as a user runs it: the real pipeline, two weeks, and what Google's clients see."""

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
from titleholder.intervals import last_complete

WEEK = last_complete("0 3 * * 1", datetime.now(UTC))
BODY = {"instances": [[86.6, 91.4, 50]]}


@pytest.fixture(scope="module")
def played(airflow_home: Path, sandbox: Sandbox, tables: bigquery.Client) -> Any:
    """Seeded data and two consecutive weeks of `linnerud__train`."""
    linnerud.load(tables, datetime.now(UTC))
    example = Model("linnerud", "", tables)
    return [example.play(WEEK.end - timedelta(weeks=back)) for back in (1, 0)]


@pytest.fixture
def url(played: Any, google: Google) -> str:
    return f"{google.host}/v1/{google.endpoint('linnerud').name}:predict"


def test_both_weeks_succeed(played: Any) -> None:
    for run in played:
        assert run.state == "success", run.errors
        assert run.returned["wait_for_pipeline"]["score"] > 80
        assert run.returned["check_freshness"]["outcome"] == "fresh"


def test_champion_and_challenger_share_the_endpoint(played: Any, google: Google) -> None:
    endpoint = google.endpoint("linnerud")
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    assert dict(endpoint.traffic_split) == {champion: 90, challenger: 10}
    # No role, which changes while a deployed model's name cannot: the name of the run's job.
    jobs = {run.returned["submit_pipeline"]["job"].rpartition("/")[2] for run in played}
    assert {seat.display_name for seat in endpoint.deployed_models} == jobs
    machines = {s.dedicated_resources.machine_spec.machine_type for s in endpoint.deployed_models}
    assert machines == {"n1-standard-4"}


def test_a_prediction_by_plain_http(url: str, google: Google) -> None:
    answer = httpx.post(url, json=BODY)
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {
        "predictions",
        "deployedModelId",
        "model",
        "modelDisplayName",
        "modelVersionId",
    }
    ((chins, situps, jumps),) = said["predictions"]
    # That person, the first of Linnerud's twenty, did 5 chins, 162 sit-ups and 60 jumps.
    assert (chins, situps, jumps) == pytest.approx((5, 162, 60), rel=0.25)
    # Google names the project by its number.
    assert said["model"].endswith("/models/linnerud")
    # Google's answer has the model's name, of all versions, and the version beside it.
    assert said["modelDisplayName"] == "linnerud"
    assert said["modelVersionId"] in ("1", "2")


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


def test_a_thousand_predictions_come_from_both_in_the_ratio(url: str, google: Google) -> None:
    endpoint = google.endpoint("linnerud")
    with httpx.Client() as client:
        seen = Counter(client.post(url, json=BODY).json()["deployedModelId"] for _ in range(1000))
    assert set(seen) == {endpoint.labels["champion"], endpoint.labels["challenger"]}
    # Five standard deviations of a binomial: once in two million runs by chance.
    assert abs(seen[endpoint.labels["challenger"]] - 100) < 5 * math.sqrt(1000 * 0.1 * 0.9)


def test_registry_and_jobs(played: Any, google: Google) -> None:
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


def test_the_high_level_sdk_sees_the_same(played: Any, sandbox: Sandbox, google: Google) -> None:
    aiplatform.init(
        project=sandbox.env["GOOGLE_CLOUD_PROJECT"],
        location=sandbox.env["GOOGLE_CLOUD_LOCATION"],
        api_endpoint=sandbox.env["VERTEX_AI_EMULATOR_HOST"],
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
    (endpoint,) = aiplatform.Endpoint.list(filter='display_name="linnerud"')
    assert sorted(endpoint.traffic_split.values()) == [10, 90]
    for seat in endpoint.list_models():
        assert re.fullmatch(r"linnerud-\d{8}t0300-\d{8}t0300-g0", seat.display_name)
    answer = endpoint.predict(BODY["instances"])
    assert len(answer.predictions[0]) == 3
    assert answer.deployed_model_id in endpoint.traffic_split
    registry = aiplatform.ModelRegistry("linnerud")
    assert {info.version_id for info in registry.list_versions()} == {"1", "2"}


@pytest.fixture
def cautious(tables: bigquery.Client) -> Iterator[Model]:
    """The example with more rows asked for than it has: how many there are since Monday depends on
    today, and so would the verdict."""
    path = DAGS_FOLDER / "models" / "linnerud.yaml"
    text = path.read_text()
    example = Model("linnerud", "", tables)
    example.change("duel", min_rows=10**6)
    yield example
    path.write_text(text)


def test_the_challenger_is_judged_by_the_real_duel(
    played: Any, google: Google, cautious: Model
) -> None:
    before = google.endpoint("linnerud")
    judged = cautious.play(None, dag="rollout")
    assert judged.state == "success", judged.errors
    assert judged.tasks["update_traffic"] == "skipped"
    assert judged.returned["decide"]["outcome"] == "hold", judged.returned["decide"]["reason"]
    evidence = judged.returned["wait_for_duel"]["evidence"]
    assert evidence["primary_target"] == "chins"
    assert (
        evidence["champion_invalid_predictions"] == evidence["challenger_invalid_predictions"] == 0
    )
    assert evidence["window_start"] == f"{WEEK.end:%Y-%m-%dT%H:%M:%SZ}"
    assert evidence["champion"]["uri"] != evidence["challenger"]["uri"]
    assert google.endpoint("linnerud") == before
