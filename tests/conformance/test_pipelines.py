"""Pipeline jobs: submit, wait, get, cancel, and errors."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud import aiplatform
from google.cloud.aiplatform import pipeline_jobs
from google.cloud.aiplatform.utils import gcs_utils
from google.cloud.aiplatform_v1 import types
from kfp import compiler

from tests.conformance import pipelines
from tests.conformance.conftest import Cloud, refused

State = types.PipelineState
INVALID = "INVALID_ARGUMENT"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compiled")
    found = {}
    for name in ("training", "slow"):
        found[name] = folder / f"{name}.yaml"
        compiler.Compiler().compile(getattr(pipelines, name), str(found[name]))
    return found


@pytest.fixture
def job_sdk(sdk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_jobs, "_JOB_WAIT_TIME", 0.1)
    # submit() calls cloudresourcemanager.googleapis.com to check the bucket: not in tests.
    monkeypatch.setattr(gcs_utils, "_verify_bucket_ownership", lambda *_: True)


@pytest.mark.usefixtures("job_sdk")
def test_a_job_is_submitted_awaited_and_read(cloud: Cloud, compiled: dict[str, Path]) -> None:
    cloud.tables.create_dataset("conformance", exists_ok=True)
    table = f"{cloud.project}.conformance.exercises"
    cloud.tables.query(
        f"CREATE OR REPLACE TABLE `{table}` AS SELECT 1 AS a UNION ALL SELECT 2"
    ).result()

    job = aiplatform.PipelineJob(
        display_name="conformance",
        template_path=str(compiled["training"]),
        job_id="conformance-good",
        pipeline_root=f"gs://{cloud.bucket}/conformance",
        parameter_values={"table": table, "rate": 0.25},
        labels={"team": "ml"},
        enable_caching=False,
    )
    job.submit()
    job.wait()
    assert job.state == State.PIPELINE_STATE_SUCCEEDED
    assert not job.has_failed

    again = aiplatform.PipelineJob.get(job.resource_name)
    details = {one.task_name: one for one in again.task_details}
    assert all(one.state.name == "SUCCEEDED" for one in details.values())
    assert details["count"].execution.metadata["output:Output"] == 2
    (metrics,) = details["train"].outputs["metrics"].artifacts
    assert dict(metrics.metadata) == {"rows": 2.0, "score": 61.5}
    (model,) = details["train"].outputs["model"].artifacts
    bucket, _, blob = model.uri.removeprefix("gs://").partition("/")
    assert bucket == cloud.bucket
    assert cloud.storage.bucket(bucket).blob(blob).download_as_text() == "2 rows at 0.25"
    # As in Vertex AI, the number of the project is part of the path.
    assert blob.split("/")[1] == job.resource_name.split("/")[1]

    (listed,) = aiplatform.PipelineJob.list(
        filter='display_name="conformance" AND state="PIPELINE_STATE_SUCCEEDED"',
        order_by="create_time desc",
    )
    assert listed.resource_name == job.resource_name
    request: Any = types.PipelineJob(job.gca_resource)
    refused("ALREADY_EXISTS", cloud.jobs.create_pipeline_job, _create_request(request, job))
    refused("FAILED_PRECONDITION", cloud.jobs.cancel_pipeline_job, name=job.resource_name)


def _create_request(message: Any, job: Any) -> Any:
    return types.CreatePipelineJobRequest(
        parent=job.resource_name.partition("/pipelineJobs/")[0],
        pipeline_job=message,
        pipeline_job_id=job.resource_name.rpartition("/")[2],
    )


@pytest.mark.usefixtures("job_sdk")
def test_a_job_is_cancelled(cloud: Cloud, compiled: dict[str, Path]) -> None:
    job = aiplatform.PipelineJob(
        display_name="cancelled",
        template_path=str(compiled["slow"]),
        job_id="conformance-cancelled",
        pipeline_root=f"gs://{cloud.bucket}/conformance",
    )
    job.submit()
    job.cancel()
    job.wait()
    assert job.state == State.PIPELINE_STATE_CANCELLED
    ended = cloud.jobs.get_pipeline_job(name=job.resource_name)
    assert ended.end_time
    assert ended.error.code == 1


def request(cloud: Cloud, compiled: dict[str, Path], **fields: Any) -> dict[str, Any]:
    """A valid request, to be changed by the test."""
    spec = yaml.safe_load(compiled["training"].read_text())
    values = {
        "display_name": "x",
        "pipeline_spec": json.loads(json.dumps(spec)),
        "runtime_config": {
            "gcs_output_directory": f"gs://{cloud.bucket}/x",
            "parameter_values": {"table": "t"},
        },
        **fields,
    }
    return {key: value for key, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("status", "job_id", "fields"),
    [
        *((INVALID, wrong, {}) for wrong in ("Upper", "9lives", "-x", "a_b", "a.b", "a" * 128)),
        (INVALID, "x", {"display_name": "x" * 129}),
        (INVALID, "x", {"labels": {"Team": "ml"}}),
        (INVALID, "x", {"labels": {"team": "M"}}),
        (INVALID, "x", {"labels": {"k" * 65: ""}}),
        (INVALID, "x", {"pipeline_spec": None}),
        (INVALID, "x", {"pipeline_spec": {"root": {}}}),
        (INVALID, "x", {"runtime_config": None}),
        (INVALID, "x", {"runtime_config": {"parameter_values": {"table": "t"}}}),
        (INVALID, "x", {"runtime_config": {"gcs_output_directory": "/models/mine"}}),
        (INVALID, "x", {"runtime_config": {"gcs_output_directory": "{root}"}}),
        (INVALID, "x", {"parameters": {"table": 3}}),
        (INVALID, "x", {"parameters": {"table": "t", "rate": "fast"}}),
        (INVALID, "x", {"parameters": {"table": "t", "colour": "red"}}),
        (INVALID, "x", {"template_uri": "https://example.com/t.yaml", "pipeline_spec": None}),
    ],
)
def test_invalid_jobs_are_refused(
    cloud: Cloud, compiled: dict[str, Path], status: str, job_id: str, fields: Any
) -> None:
    fields = dict(fields)
    parameters = fields.pop("parameters", None)
    values = request(cloud, compiled, **fields)
    if parameters is not None:
        values["runtime_config"]["parameter_values"] = parameters
    elif values.get("runtime_config", {}).get("gcs_output_directory") == "{root}":
        # Valid, except that the parameter `table` is missing.
        values["runtime_config"]["gcs_output_directory"] = f"gs://{cloud.bucket}/x"
    refused(
        status,
        cloud.jobs.create_pipeline_job,
        parent=cloud.parent,
        pipeline_job=values,
        pipeline_job_id=job_id,
    )
    assert not list(cloud.jobs.list_pipeline_jobs(parent=cloud.parent))


def test_a_missing_job_is_not_found(cloud: Cloud) -> None:
    name = f"{cloud.parent}/pipelineJobs/x"
    refused("NOT_FOUND", cloud.jobs.get_pipeline_job, name=name)
    refused("NOT_FOUND", cloud.jobs.cancel_pipeline_job, name=name)
    other = "projects/other/locations/us-central1"
    refused("PERMISSION_DENIED", cloud.jobs.get_pipeline_job, name=f"{other}/pipelineJobs/x")
    refused("PERMISSION_DENIED", cloud.jobs.list_pipeline_jobs, parent=other)


@pytest.mark.parametrize(
    "values",
    [
        {"page_size": -1},
        {"page_token": "nonsense"},
        {"filter": "colour=red"},
        {"filter": "state=RUNNING"},
        {"filter": 'create_time>"yesterday"'},
        {"filter": 'display_name="x" AND'},
        {"order_by": "state"},
        {"read_mask": {"paths": ["colour"]}},
    ],
)
def test_invalid_lists_are_refused(cloud: Cloud, values: Any) -> None:
    refused(INVALID, cloud.jobs.list_pipeline_jobs, {"parent": cloud.parent, **values})
