"""Errors of batch prediction jobs: exception, status, and no job.

Inputs and outputs that turn out not to exist fail the job: tests/sandbox/vertex/batch.
"""

from typing import Any

import pytest

from tests.conformance.conftest import Cloud, refused
from tests.conftest import CONSTANT

INVALID, MISSING, ABSENT = "INVALID_ARGUMENT", "UNIMPLEMENTED", "NOT_FOUND"
MACHINE = {"machine_type": "n1-standard-2"}


@pytest.fixture(scope="module")
def model(_cloud: Cloud) -> str:
    _cloud.parent = f"projects/{_cloud.project}/locations/refused-batches"
    return str(_cloud.upload(model_id="m").model)


def source(format_: str, *uris: str) -> dict[str, Any]:
    return {"input_config": {"instances_format": format_, "gcs_source": {"uris": uris}}}


def table(uri: str) -> dict[str, Any]:
    return {"input_config": {"instances_format": "bigquery", "bigquery_source": {"input_uri": uri}}}


def files(prefix: str, format_: str = "jsonl") -> dict[str, Any]:
    destination = {"output_uri_prefix": prefix}
    return {"output_config": {"predictions_format": format_, "gcs_destination": destination}}


def tables(uri: str) -> dict[str, Any]:
    destination = {"output_uri": uri}
    return {
        "output_config": {"predictions_format": "bigquery", "bigquery_destination": destination}
    }


def fields(config: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"instance_config": config, **(more or {})}


CSV, LIST, ROWS = source("csv", "gs://bucket/x"), source("file-list", "gs://bucket/x"), "bq://p.d.t"
UNMANAGED = {"container_spec": {"image_uri": CONSTANT}}


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (INVALID, {"display_name": ""}),
        (INVALID, {"display_name": "x" * 129}),
        (INVALID, {"labels": {"Team": "ml"}}),
        (INVALID, {"model": ""}),
        (INVALID, {"unmanaged_container_model": UNMANAGED}),
        (INVALID, {"model": "", "unmanaged_container_model": {"artifact_uri": "gs://b/x"}}),
        (
            INVALID,
            {
                "model": "",
                "unmanaged_container_model": {**UNMANAGED, "artifact_uri": "/models"},
            },
        ),
        (INVALID, {"model": "m"}),
        (ABSENT, {"model": "{parent}/models/other"}),
        (ABSENT, {"model": "{parent}/models/m@7"}),
        ("PERMISSION_DENIED", {"model": "projects/other/locations/l/models/m"}),
        (MISSING, {"model": "publishers/google/models/gemini"}),
        (INVALID, {"input_config": None}),
        (INVALID, source("jsonl")),
        (INVALID, source("xml", "gs://bucket/x")),
        (INVALID, source("bigquery", "gs://bucket/x")),
        (INVALID, source("jsonl", "/etc/hostname")),
        (INVALID, source("jsonl", "gs://bucket")),
        (INVALID, source("jsonl", "gs://buck*t/x")),
        (INVALID, source("jsonl", "gs://bucket/x", "gs://bucket//x")),
        (MISSING, source("tf-record", "gs://bucket/x")),
        (MISSING, source("tf-record-gzip", "gs://bucket/x")),
        (INVALID, table("p.d.t")),
        (INVALID, table("bq://{project}.dataset")),
        (INVALID, table(f"bq://{{project}}.dataset.{'t' * 2000}")),
        ("PERMISSION_DENIED", table("bq://another-project.dataset.table")),
        (INVALID, {"output_config": None}),
        (INVALID, files("gs://bucket/x", "bigquery")),
        (INVALID, files("gs://bucket/x", "tf-record")),
        (INVALID, files("/tmp")),
        (INVALID, files("gs://bucket/a/../b")),
        (INVALID, files("gs://bucket//b")),
        (INVALID, tables("bq://{project}.d.t.x")),
        ("PERMISSION_DENIED", tables("bq://another-project")),
        (INVALID, {"dedicated_resources": None}),
        (INVALID, {"dedicated_resources": {"starting_replica_count": 1}}),
        (
            INVALID,
            {"dedicated_resources": {"machine_spec": MACHINE, "starting_replica_count": 11}},
        ),
        (
            INVALID,
            {"dedicated_resources": {"machine_spec": MACHINE, "starting_replica_count": -1}},
        ),
        (INVALID, {"dedicated_resources": {"machine_spec": MACHINE, "max_replica_count": -1}}),
        (INVALID, {"dedicated_resources": {"machine_spec": {**MACHINE, "accelerator_count": 1}}}),
        (INVALID, {"manual_batch_tuning_parameters": {"batch_size": -1}}),
        (INVALID, fields({"instance_type": "list"})),
        (INVALID, fields({"instance_type": "object"}, CSV)),
        (INVALID, fields({"instance_type": "array"}, LIST)),
        (INVALID, fields({"included_fields": ["a"]}, CSV)),
        (INVALID, fields({"excluded_fields": ["a"]}, LIST)),
        (INVALID, fields({"key_field": "a"}, LIST)),
        (INVALID, fields({"included_fields": ["a"], "excluded_fields": ["b"]})),
        (INVALID, fields({"included_fields": ["a", "a"]})),
        (INVALID, fields({"included_fields": ["a", ""]})),
        (INVALID, fields({"included_fields": ["a", "b"], "key_field": "a"})),
        (INVALID, fields({"excluded_fields": ["prediction"]})),
        (MISSING, {"generate_explanation": True}),
        (MISSING, {"explanation_spec": {"parameters": {"top_k": 1}}}),
        (MISSING, {"encryption_spec": {"kms_key_name": "k"}}),
    ],
)
def test_refused_jobs(cloud: Cloud, model: str, status: str, changes: dict[str, Any]) -> None:
    parent = model.partition("/models/")[0]
    known = {
        "display_name": "x",
        "model": model,
        **source("jsonl", "gs://bucket/x"),
        **files("gs://bucket/x"),
        "dedicated_resources": {"machine_spec": MACHINE},
    }
    job = filled({**known, **changes}, parent=parent, project=cloud.project)
    refused(
        status, cloud.batches.create_batch_prediction_job, parent=parent, batch_prediction_job=job
    )
    assert list(cloud.batches.list_batch_prediction_jobs(parent=parent)) == []


def filled(value: Any, **names: str) -> Any:
    """`value` with these names in its texts."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: filled(inner, **names) for key, inner in value.items()}
    return [filled(inner, **names) for inner in value] if isinstance(value, tuple) else value


def test_a_model_of_another_location_is_refused(cloud: Cloud, model: str) -> None:
    job = {
        "display_name": "x",
        "model": model,
        **source("jsonl", "gs://bucket/x"),
        **files("gs://bucket/x"),
        "dedicated_resources": {"machine_spec": MACHINE},
    }
    create = cloud.batches.create_batch_prediction_job
    refused(INVALID, create, parent=cloud.parent, batch_prediction_job=job)


def test_a_job_that_does_not_exist(cloud: Cloud) -> None:
    name = f"{cloud.parent}/batchPredictionJobs/1"
    for method in ("get", "cancel", "delete"):
        call = getattr(cloud.batches, f"{method}_batch_prediction_job")
        refused(ABSENT, call, name=name)
        refused("PERMISSION_DENIED", call, name=name.replace(cloud.project, "other"))
    lists = cloud.batches.list_batch_prediction_jobs
    for request in ({"filter": "model=x"}, {"page_size": -1}, {"page_token": "x"}):
        refused(INVALID, lists, request={"parent": cloud.parent, **request})
