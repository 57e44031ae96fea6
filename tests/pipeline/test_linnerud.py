"""The compiled pipeline, submitted with Google's client to the sandbox's Vertex AI."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.aiplatform_v1 import PipelineJob, PipelineServiceClient, PipelineState
from google.protobuf import json_format
from kfp import dsl

from images.reference import image_reference
from model_server.examples import check_examples
from pipeline.compile import COMPILED
from pipeline.duel_steps.artifact import load_artifact
from sandbox.example.linnerud import FEATURES, TARGETS, load
from tests.conftest import Sandbox
from tests.pipeline.conftest import COLUMNS, NOW, WEEK
from tests.pipeline.duels import ended_job

MORNING = (WEEK[0], "2026-02-23T09:00:00Z")
SPEC = yaml.safe_load((COMPILED / "linnerud.yaml").read_text())


@dataclass(frozen=True)
class Runs:
    """Submits and awaits jobs of the linnerud pipeline."""

    client: PipelineServiceClient
    project: str
    table: str
    storage: dict[str, str]

    def submit(self, name: str, window: tuple[str, str], **changes: Any) -> str:
        """Start a job over `window`; returns its resource name."""
        values = {"project": self.project, "location": "us-central1", "source_table": self.table}
        values |= {"timestamp_column": "measured_at", "min_score": 60.0} | COLUMNS | changes
        values |= {"interval_start": window[0], "interval_end": window[1]}
        folder = f"gs://{self.project}-titleholder/pipeline-tests"
        job = PipelineJob()
        runtime = {"gcsOutputDirectory": folder, "parameterValues": values}
        json_format.ParseDict({"pipelineSpec": SPEC, "runtimeConfig": runtime}, job._pb)
        created = self.client.create_pipeline_job(
            parent=f"projects/{self.project}/locations/us-central1",
            pipeline_job=job,
            pipeline_job_id=f"pipeline-tests-{name}",
        )
        return str(created.name)

    def result(self, job: str) -> tuple[str, dict[str, Any]]:
        """The final state of a job and its tasks by name."""
        found = ended_job(self.client, job)
        tasks = {task.task_name: task for task in found.job_detail.task_details}
        return PipelineState(found.state).name, tasks


@pytest.fixture(scope="module")
def runs(sandbox: Sandbox) -> Runs:
    """The sandbox with the example's data in a separate table."""
    project = sandbox.env["GOOGLE_CLOUD_PROJECT"]
    table = f"{project}.pipeline_tests.measurements"
    options = {"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]}
    anonymous = AnonymousCredentials()
    with bigquery.Client(project, credentials=anonymous, client_options=options) as client:
        load(client, NOW, table, count=1)
    options = {"api_endpoint": sandbox.env["VERTEX_AI_EMULATOR_HOST"]}
    return Runs(
        PipelineServiceClient(transport="rest", client_options=options, credentials=anonymous),
        project,
        table,
        {"STORAGE_EMULATOR_HOST": sandbox.env["STORAGE_EMULATOR_HOST"]},
    )


def test_a_good_week_is_exported_and_a_poor_score_is_not(
    runs: Runs,
    trained: tuple[dsl.Model, dsl.Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = runs.submit("good", WEEK)
    poor = runs.submit("poor", MORNING, min_score=101.0)

    state, tasks = runs.result(good)
    assert state == "PIPELINE_STATE_SUCCEEDED"
    metrics = tasks["evaluate"].outputs["metrics"].artifacts[0].metadata
    model = tasks["export-model"].outputs["model"].artifacts[0]
    assert metrics["score"] > 90
    assert metrics["n_test"] == 400
    exported = dict(model.metadata)
    assert exported["score"] == metrics["score"]
    assert list(exported["feature_columns"]) == list(FEATURES)
    assert list(exported["target_columns"]) == list(TARGETS)
    assert exported["framework"] == "scikit-learn"
    assert exported["framework_version"].startswith("1.6.")
    assert exported["containerSpec"]["imageUri"] == image_reference()
    assert exported["containerSpec"]["predictRoute"] == "/predict"
    (port,) = exported["containerSpec"]["ports"]
    assert port["containerPort"] == 8080
    # By the code of the model server, which a deployed model and a duel use.
    for name, value in runs.storage.items():
        monkeypatch.setenv(name, value)
    predictor = load_artifact("champion", model.uri, exported["sha256"], model.uri, str(tmp_path))
    assert check_examples(predictor, tmp_path, model.uri) == 8
    instances = [[86.6, 91.4, 50], [80, 85, 60]]
    here = joblib.load(Path(trained[0].path, "model.joblib")).predict(instances)
    assert predictor.predict(instances).tolist() == here.tolist(), "as trained in another process"

    state, tasks = runs.result(poor)
    assert state == "PIPELINE_STATE_SUCCEEDED"
    assert tasks["evaluate"].outputs["metrics"].artifacts[0].metadata["score"] < 101
    assert "export-model" not in tasks or not tasks["export-model"].outputs


def test_the_task_reports_the_error_in_the_source(runs: Runs) -> None:
    job = runs.submit("bad", WEEK, feature_columns=["height_cm"])
    state, tasks = runs.result(job)
    assert state == "PIPELINE_STATE_FAILED"
    assert tasks["create-dataset"].state.name == "FAILED"
    message = f"Table {runs.table} has no column height_cm: correct the name in the model's YAML"
    assert message in tasks["create-dataset"].error.message
    assert "train" not in tasks or tasks["train"].state.name != "SUCCEEDED"
